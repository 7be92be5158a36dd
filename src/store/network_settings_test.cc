#include "store/network_settings.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

namespace hpcc {
namespace {

NetworkSettings Of(std::initializer_list<std::pair<const char*, const char*>> variables) {
  Environment environment;
  for (const auto& [name, value] : variables) environment.Set(name, value);
  return NetworkSettingsOf(environment);
}

TEST(NetworkSettingsTest, WithoutVariablesThereIsNoProxy) {
  const NetworkSettings settings = Of({{"PATH", "/bin"}});
  EXPECT_EQ(settings.http_proxy, "");
  EXPECT_EQ(settings.https_proxy, "");
  EXPECT_EQ(settings.no_proxy, "");
  EXPECT_EQ(settings.certificate_file, "");
}

TEST(NetworkSettingsTest, EachSchemeHasItsProxyAndTheRestIsForAll) {
  const NetworkSettings settings =
      Of({{"https_proxy", "http://a:1"}, {"all_proxy", "http://b:2"}, {"NO_PROXY", "c,.d"}});
  EXPECT_EQ(settings.http_proxy, "http://b:2");
  EXPECT_EQ(settings.https_proxy, "http://a:1");
  EXPECT_EQ(settings.no_proxy, "c,.d");
}

TEST(NetworkSettingsTest, LowerCaseComesFirstAndHttpHasNoOther) {
  const NetworkSettings settings = Of({{"HTTP_PROXY", "http://evil:1"},
                                       {"HTTPS_PROXY", "http://a:1"},
                                       {"https_proxy", "http://b:2"},
                                       {"no_proxy", "x"},
                                       {"NO_PROXY", "y"}});
  EXPECT_EQ(settings.http_proxy, "");
  EXPECT_EQ(settings.https_proxy, "http://b:2");
  EXPECT_EQ(settings.no_proxy, "x");
}

TEST(NetworkSettingsTest, AnEmptyVariableTurnsAProxyOff) {
  EXPECT_EQ(Of({{"http_proxy", ""}, {"all_proxy", "http://b:2"}}).http_proxy, "");
}

TEST(NetworkSettingsTest, AuthoritiesAreThoseOfOpenSslsVariables) {
  const NetworkSettings settings = Of({{"SSL_CERT_FILE", "/f"}, {"SSL_CERT_DIR", "/d"}});
  EXPECT_EQ(settings.certificate_file, "/f");
  EXPECT_EQ(settings.certificate_directory, "/d");
}

}  // namespace
}  // namespace hpcc
