#include "auth/oauth_client.h"

#include <gtest/gtest.h>

#include "auth/auth_test_support.h"
#include "store/http_test_util.h"

namespace hpcc {
namespace {

using nlohmann::json;

// An identity provider on loopback; `answer_` is what its token endpoint says.
class OAuthClientTest : public testing::Test {
 protected:
  OAuthClientTest()
      : server_([this](const FakeRequest& request) { return Answer(request); }),
        transfer_({}, clock_),
        client_(transfer_, clock_) {
    provider_.issuer = server_.url();
    provider_.client_id = "cli ent";
    provider_.scope = "openid hpcc";
  }

  FakeAnswer Answer(const FakeRequest& request) {
    if (request.target == "/.well-known/openid-configuration") {
      return {200,
              json{{"issuer", issuer_.empty() ? server_.url() : issuer_},
                   {"jwks_uri", server_.url() + "/jwks"},
                   {"token_endpoint", token_url_.empty() ? server_.url() + "/token" : token_url_},
                   {"device_authorization_endpoint", server_.url() + "/device"}}
                  .dump()};
    }
    if (request.target == "/token" || request.target == "/device") return answer_;
    return {404};
  }
  std::string LastBody() { return server_.requests().back().body; }

  StandingClock clock_;
  std::string issuer_;
  std::string token_url_;
  FakeAnswer answer_{200, R"({"access_token":"at","token_type":"Bearer","expires_in":300,)"
                          R"("refresh_token":"rt","id_token":"it"})"};
  FakeHttpServer server_;
  HttpTransfer transfer_;
  OAuthClient client_;
  OAuthProvider provider_;
};

TEST_F(OAuthClientTest, ThePasswordGrantAsksTheDiscoveredAddress) {
  const auto tokens = client_.Password(provider_, "al ice", "p&w=+");
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(tokens->access_token, "at");
  EXPECT_EQ(tokens->refresh_token, "rt");
  EXPECT_EQ(tokens->id_token, "it");
  EXPECT_EQ(tokens->expires_s, kTestNow + 300);
  EXPECT_EQ(LastBody(),
            "grant_type=password&username=al%20ice&password=p%26w%3D%2B&scope=openid%20hpcc"
            "&client_id=cli%20ent");
}

TEST_F(OAuthClientTest, AConfidentialClientSaysItsSecretInTheHeader) {
  provider_.client_secret = "s:cret";
  ASSERT_TRUE(client_.ClientCredentials(provider_).ok());
  EXPECT_EQ(LastBody(), "grant_type=client_credentials&scope=openid%20hpcc");
  // base64 of "cli%20ent:s%3Acret"
  EXPECT_EQ(server_.requests().back().headers.at("authorization"),
            "Basic Y2xpJTIwZW50OnMlM0FjcmV0");
}

TEST_F(OAuthClientTest, ARefreshKeepsTheOldTokenWhenThereIsNoNewOne) {
  answer_.body = R"({"access_token":"at2","token_type":"bearer"})";
  const auto tokens = client_.Refresh(provider_, "old");
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(tokens->access_token, "at2");
  EXPECT_EQ(tokens->refresh_token, "old");
  EXPECT_EQ(tokens->expires_s, 0);
}

TEST_F(OAuthClientTest, ARefusalNamesTheReasonAndNoSecret) {
  answer_ = {400, R"({"error":"invalid_grant","error_description":"p4ssword of alice"})"};
  const absl::Status status = client_.Password(provider_, "alice", "p4ssword").status();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  const std::string message(status.message());
  EXPECT_TRUE(StrContains(message, "invalid_grant")) << message;
  EXPECT_FALSE(StrContains(message, "p4ssword")) << message;
  answer_ = {403, "no"};
  EXPECT_TRUE(absl::IsUnauthenticated(client_.Password(provider_, "a", "b").status()));
}

TEST_F(OAuthClientTest, WhatTheProviderDoesNotOfferIsNoWrongPassword) {
  answer_ = {400, R"({"error":"unsupported_grant_type"})"};
  EXPECT_TRUE(absl::IsFailedPrecondition(client_.Password(provider_, "a", "b").status()));
}

TEST_F(OAuthClientTest, AnswersThatAreNoTokensAreRefused) {
  for (const std::string& body :
       {std::string("{}"), std::string("[]"), std::string("<html>"),
        std::string(R"({"access_token":"a","access_token":"b","token_type":"Bearer"})"),
        std::string(R"({"access_token":"a","token_type":"mac"})")}) {
    answer_.body = body;
    EXPECT_TRUE(absl::IsFailedPrecondition(client_.Password(provider_, "a", "b").status())) << body;
  }
  answer_.body = std::string(kMaxTokenAnswerBytes + 1, ' ');
  EXPECT_TRUE(absl::IsResourceExhausted(client_.Password(provider_, "a", "b").status()));
}

TEST_F(OAuthClientTest, ADocumentOfAnotherIssuerIsNotFollowed) {
  issuer_ = "https://evil.example";
  EXPECT_TRUE(absl::IsFailedPrecondition(client_.Password(provider_, "a", "b").status()));
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(OAuthClientTest, NoPasswordGoesOverPlainHttpToAnotherMachine) {
  token_url_ = "http://idp.example/token";
  EXPECT_TRUE(absl::IsFailedPrecondition(client_.Password(provider_, "a", "b").status()));
  provider_.token_url = token_url_;
  EXPECT_TRUE(absl::IsInvalidArgument(client_.Password(provider_, "a", "b").status()));
}

TEST_F(OAuthClientTest, DeviceAuthorizationGoesOnUntilThePersonHasDecided) {
  answer_.body = json{
      {"device_code", "dc"},
      {"user_code", "AB-CD"},
      {"interval", 1},
      {"verification_uri", server_.url() + "/go"},
      {"expires_in",
       60}}.dump();
  auto device = client_.StartDevice(provider_);
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(device->user_code, "AB-CD");
  EXPECT_EQ(device->interval, std::chrono::seconds(1));

  answer_ = {400, R"({"error":"authorization_pending"})"};
  EXPECT_EQ(client_.PollDevice(provider_, &*device)->has_value(), false);
  answer_ = {400, R"({"error":"slow_down"})"};
  EXPECT_EQ(client_.PollDevice(provider_, &*device)->has_value(), false);
  EXPECT_EQ(device->interval, std::chrono::seconds(6));
  answer_ = {200, R"({"access_token":"at","token_type":"Bearer"})"};
  EXPECT_EQ((*client_.PollDevice(provider_, &*device))->access_token, "at");
  EXPECT_TRUE(StrContains(LastBody(),
                          "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
                          "device_code&device_code=dc"));
  answer_ = {400, R"({"error":"access_denied"})"};
  EXPECT_TRUE(absl::IsUnauthenticated(client_.PollDevice(provider_, &*device).status()));
  clock_.Advance(std::chrono::seconds(60));
  EXPECT_TRUE(absl::IsDeadlineExceeded(client_.PollDevice(provider_, &*device).status()));
}

TEST_F(OAuthClientTest, WhatAPersonIsShownHoldsNoControlCharacters) {
  answer_.body = json{{"device_code", "dc"},
                      {"user_code", "\x1b[2J"},
                      {"expires_in", 60},
                      {"verification_uri", server_.url()}}
                     .dump();
  EXPECT_TRUE(absl::IsFailedPrecondition(client_.StartDevice(provider_).status()));
}

TEST_F(OAuthClientTest, KeysAreReadOfAProviderAndNothingElse) {
  EXPECT_TRUE(
      absl::IsNotFound(FetchJwks(transfer_, server_.url() + "/jwks", kProviderPatience).status()));
  answer_ = {200, R"({"keys":[]})"};
  EXPECT_TRUE(absl::IsFailedPrecondition(
      FetchJwks(transfer_, server_.url() + "/token", kProviderPatience).status()));
  const ProviderKey key = ProviderKey::Ec("e");
  answer_.body = JwksOf({&key});
  const auto keys = FetchJwks(transfer_, server_.url() + "/token", kProviderPatience);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_TRUE(keys->Has("e"));
}

}  // namespace
}  // namespace hpcc
