// The development identity provider, asked by the client that users have.

#include "admin/dev_identity_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/identity_provider.h"
#include "auth/jwt.h"
#include "auth/oauth_client.h"
#include "base/strings.h"

namespace hpcc {
namespace {

constexpr std::chrono::milliseconds kBound{5000};

class DevIdentityProviderTest : public testing::Test {
 protected:
  DevIdentityProviderTest() {
    accounts_.user = "developer";
    accounts_.password = "open sesame & more=%";
    accounts_.client_id = "client";
    accounts_.service = "robot";
    accounts_.service_secret = "oil";
    accounts_.audiences = {"hpcc-dev", "hpcc-dev2"};
    auto provider = DevIdentityProvider::Start(accounts_, 0, Clock::Real());
    EXPECT_TRUE(provider.ok()) << provider.status();
    provider_ = *std::move(provider);
  }

  OAuthProvider Provider(const std::string& client_id, const std::string& secret = "") {
    OAuthProvider provider;
    provider.issuer = provider_->issuer();
    provider.client_id = client_id;
    provider.client_secret = secret;
    return provider;
  }
  absl::StatusOr<JwtClaims> Verify(const std::string& token, const std::string& audience) {
    const auto endpoints = DiscoverProvider(transfer_, provider_->issuer(), kBound);
    if (!endpoints.ok()) return endpoints.status();
    const auto keys = FetchJwks(transfer_, endpoints->jwks_url, kBound);
    if (!keys.ok()) return keys.status();
    return VerifyJwt(token, *keys, {.issuer = provider_->issuer(), .audience = audience},
                     Clock::Real().NowNanoseconds() / 1'000'000'000);
  }

  DevAccounts accounts_;
  std::unique_ptr<DevIdentityProvider> provider_;
  HttpTransfer transfer_{{}, Clock::Real()};
  OAuthClient client_{transfer_, Clock::Real()};
};

TEST_F(DevIdentityProviderTest, GivesTheUserATokenThatVerifies) {
  const auto tokens = client_.Password(Provider("client"), "developer", accounts_.password);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  const auto claims = Verify(tokens->access_token, "hpcc-dev");
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ("developer", claims->subject);
  EXPECT_FALSE(tokens->refresh_token.empty());
  EXPECT_FALSE(Verify(tokens->access_token, "another").ok());
}

TEST_F(DevIdentityProviderTest, RefusesWrongPasswordsUsersAndClients) {
  const OAuthProvider provider = Provider("client");
  EXPECT_FALSE(client_.Password(provider, "developer", "guess").ok());
  EXPECT_FALSE(client_.Password(provider, "developer", "").ok());
  EXPECT_FALSE(client_.Password(provider, "root", accounts_.password).ok());
  EXPECT_FALSE(client_.Password(Provider("other"), "developer", accounts_.password).ok());
}

TEST_F(DevIdentityProviderTest, ARefreshTokenIsGoodOnce) {
  const auto tokens = client_.Password(Provider("client"), "developer", accounts_.password);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  const auto refreshed = client_.Refresh(Provider("client"), tokens->refresh_token);
  ASSERT_TRUE(refreshed.ok()) << refreshed.status();
  EXPECT_TRUE(Verify(refreshed->access_token, "hpcc-dev").ok());
  EXPECT_NE(tokens->refresh_token, refreshed->refresh_token);
  EXPECT_FALSE(client_.Refresh(Provider("client"), tokens->refresh_token).ok());
  EXPECT_FALSE(client_.Refresh(Provider("robot", "oil"), refreshed->refresh_token).ok());
  EXPECT_FALSE(client_.Refresh(Provider("client"), "guess").ok());
}

TEST_F(DevIdentityProviderTest, GivesAProgramATokenOfItsOwn) {
  const auto tokens = client_.ClientCredentials(Provider("robot", "oil"));
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  const auto claims = Verify(tokens->access_token, "hpcc-dev");
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ("robot", claims->subject);
  EXPECT_TRUE(tokens->refresh_token.empty());
  EXPECT_FALSE(client_.ClientCredentials(Provider("robot", "water")).ok());
  EXPECT_FALSE(client_.ClientCredentials(Provider("robot", "oil%")).ok());
  EXPECT_FALSE(client_.ClientCredentials(Provider("robot")).ok());
}

TEST_F(DevIdentityProviderTest, WithoutASecretNoProgramLogsIn) {
  accounts_.service_secret.clear();
  const auto key = SigningKey::Generate();
  ASSERT_TRUE(key.ok());
  DevTokenDesk desk(accounts_, "http://127.0.0.1:1", *key, Clock::Real());
  const TokenForm form = {
      {"grant_type", "client_credentials"}, {"client_id", "robot"}, {"client_secret", ""}};
  EXPECT_EQ(401, desk.Answer(form).http_status);
}

TEST_F(DevIdentityProviderTest, ATokenIsForOneAudience) {
  OAuthProvider provider = Provider("client");
  provider.audience = "hpcc-dev2";
  const auto tokens = client_.Password(provider, "developer", accounts_.password);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_TRUE(Verify(tokens->access_token, "hpcc-dev2").ok());
  EXPECT_FALSE(Verify(tokens->access_token, "hpcc-dev").ok());
  const auto refreshed = client_.Refresh(Provider("client"), tokens->refresh_token);
  ASSERT_TRUE(refreshed.ok()) << refreshed.status();
  EXPECT_TRUE(Verify(refreshed->access_token, "hpcc-dev2").ok());
  provider.audience = "hpcc-other";
  EXPECT_FALSE(client_.Password(provider, "developer", accounts_.password).ok());
}

TEST_F(DevIdentityProviderTest, TwoAreTwoRealms) {
  const auto other = DevIdentityProvider::Start(accounts_, 0, Clock::Real());
  ASSERT_TRUE(other.ok());
  OAuthProvider provider = Provider("client");
  provider.issuer = (*other)->issuer();
  const auto tokens = client_.Password(provider, "developer", accounts_.password);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_FALSE(Verify(tokens->access_token, "hpcc-dev").ok());
}

TEST_F(DevIdentityProviderTest, RefreshTokensAreBoundedInNumber) {
  const auto key = SigningKey::Generate();
  ASSERT_TRUE(key.ok());
  DevTokenDesk desk(accounts_, "http://127.0.0.1:1", *key, Clock::Real());
  const TokenForm form = {{"grant_type", "password"},
                          {"client_id", "client"},
                          {"username", "developer"},
                          {"password", accounts_.password}};
  for (size_t i = 0; i < DevTokenDesk::kMaxRefreshTokens + 10; ++i) {
    ASSERT_EQ(200, desk.Answer(form).http_status);
  }
}

TEST_F(DevIdentityProviderTest, RefusesWhatIsNoGrant) {
  const auto key = SigningKey::Generate();
  ASSERT_TRUE(key.ok());
  DevTokenDesk desk(accounts_, "http://127.0.0.1:1", *key, Clock::Real());
  EXPECT_EQ(400, desk.Answer({}).http_status);
  EXPECT_EQ(400, desk.Answer({{"grant_type", "implicit"}}).http_status);
  EXPECT_THAT(desk.Answer({{"grant_type", "implicit"}}).json,
              testing::HasSubstr("unsupported_grant_type"));
}

}  // namespace
}  // namespace hpcc
