#include "store/http_url.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(HttpUrlTest, TakesAnAddressApart) {
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl("https://Cache.Example:8443/a%20b/c?x=1");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->host, "cache.example");
  EXPECT_EQ(url->port, "8443");
  EXPECT_EQ(url->path, "/a%20b/c");
  EXPECT_EQ(url->query, "x=1");
  EXPECT_EQ(url->Origin(), "https://cache.example:8443");
}

TEST(HttpUrlTest, AnIpv6AddressLosesItsBracketsAndGetsThemBack) {
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl("http://[::1]:80");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->Origin(), "http://[::1]:80");
}

TEST(HttpUrlTest, RefusesOtherSchemesAndSecrets) {
  for (const std::string_view text :
       {"", "cache.example", "ftp://h/", "file:///etc/passwd", "http://", "https://u@h/",
        "https://u:p@h/", "https://h/#f", "http://h:99999/"}) {
    EXPECT_FALSE(ParseHttpUrl(text).ok()) << text;
  }
}

TEST(HttpUrlTest, KnowsThisMachine) {
  for (const std::string_view host : {"localhost", "127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const std::string_view host : {"example.com", "10.0.0.1", "128.0.0.1", "::2",
                                      "127.0.0.1.example.com", "localhost.example.com"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

TEST(HttpUrlTest, WhatIsPrintedHasNoQueryNoUserAndNoControlCharacters) {
  EXPECT_EQ(PrintableUrl("https://h/a?X-Amz-Signature=secret"), "https://h/a");
  EXPECT_EQ(PrintableUrl("https://user:secret@h/a"), "https://h/a");
  EXPECT_EQ(PrintableUrl("https://h/\x1b[31m"), "https://h/?[31m");
  EXPECT_LE(PrintableUrl("https://h/" + std::string(5000, 'a')).size(), 200u);
}

}  // namespace
}  // namespace hpcc
