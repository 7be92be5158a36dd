#include "store/aws_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "store/aws_credential_sources.h"
#include "store/http_test_util.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr milliseconds kPatience{5000};

// The real clock, set ahead as a test says.
class ShiftedClock final : public Clock {
 public:
  int64_t NowNanoseconds() override { return Real().NowNanoseconds() + shift_; }
  int64_t FileStampNanoseconds() override { return Real().FileStampNanoseconds() + shift_; }
  int64_t MonotonicNanoseconds() override { return Real().MonotonicNanoseconds() + shift_; }
  void Sleep(std::chrono::nanoseconds duration) override { Real().Sleep(duration); }
  void Advance(std::chrono::nanoseconds duration) { shift_ += duration.count(); }

 private:
  std::atomic<int64_t> shift_{0};
};

std::string IsoTimeIn(std::chrono::seconds from_now) {
  const time_t when = time(nullptr) + from_now.count();
  tm parts{};
  gmtime_r(&when, &parts);
  char text[32];
  strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string KeysJson(std::string_view access_key, std::chrono::seconds lifetime) {
  return StrCat(R"({"Code":"Success","AccessKeyId":")", access_key,
                R"(","SecretAccessKey":"sesame","Token":"a-token","Expiration":")",
                IsoTimeIn(lifetime), "\"}");
}

class AwsCredentialsTest : public testing::Test {
 protected:
  AwsCredentialsTest() {
    environment_.Set("HOME", scratch_.path());
    environment_.Set("AWS_EC2_METADATA_DISABLED", "true");
    std::filesystem::create_directory(scratch_.path() + "/.aws");
  }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = scratch_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  std::unique_ptr<AwsCredentialProvider> Provider() {
    return MakeAwsCredentialProvider(options_, environment_, FileSystem::Real(), clock_);
  }
  // The access key that is found, or the message.
  std::string Found() {
    const std::unique_ptr<AwsCredentialProvider> provider = Provider();
    const absl::StatusOr<AwsCredentials> found = provider->Get(kPatience);
    source_ = provider->Source();
    if (found.ok()) return found->access_key;
    EXPECT_THAT(std::string(found.status().message()), Not(HasSubstr("sesame")));
    return std::string(found.status().message());
  }

  ScratchDirectory scratch_;
  ShiftedClock clock_;
  AwsCredentialOptions options_;
  Environment environment_;
  std::string source_;
};

TEST_F(AwsCredentialsTest, NothingAnywhereIsOneLine) {
  EXPECT_THAT(Found(), HasSubstr("none were found"));
  EXPECT_EQ(source_, "none found");
}

TEST_F(AwsCredentialsTest, TheFirstOfTheChainWins) {
  Write(".aws/credentials", "[default]\naws_access_key_id=FILE\naws_secret_access_key=sesame\n");
  EXPECT_EQ(Found(), "FILE");
  EXPECT_EQ(source_, "profile 'default'");
  environment_.Set("AWS_ACCESS_KEY_ID", "ENV");
  environment_.Set("AWS_SECRET_ACCESS_KEY", "sesame");
  EXPECT_EQ(Found(), "ENV");
  EXPECT_EQ(source_, "environment");
  options_.access_key = "CONFIGURED";
  options_.secret_key = "sesame";
  EXPECT_EQ(Found(), "CONFIGURED");
  EXPECT_EQ(source_, "configuration");
}

TEST_F(AwsCredentialsTest, ASessionTokenComesAlong) {
  environment_.Set("AWS_ACCESS_KEY_ID", "ENV");
  environment_.Set("AWS_SECRET_ACCESS_KEY", "sesame");
  environment_.Set("AWS_SESSION_TOKEN", "a-token");
  EXPECT_EQ(Provider()->Get(kPatience)->session_token, "a-token");
}

TEST_F(AwsCredentialsTest, HalfAPairIsAnError) {
  environment_.Set("AWS_ACCESS_KEY_ID", "ENV");
  EXPECT_THAT(Found(), HasSubstr("AWS_SECRET_ACCESS_KEY"));
  environment_.Unset("AWS_ACCESS_KEY_ID");
  Write(".aws/credentials", "[default]\naws_secret_access_key=sesame\n");
  EXPECT_THAT(Found(), HasSubstr("aws_access_key_id"));
}

TEST_F(AwsCredentialsTest, ProfilesAreFoundWhereTheVariablesSay) {
  environment_.Set("AWS_PROFILE", "ci");
  EXPECT_THAT(Found(), AllOf(HasSubstr("profile 'ci'"), HasSubstr("AWS_PROFILE")));
  environment_.Set("AWS_CONFIG_FILE", Write("config",
                                            "[profile ci]\naws_access_key_id=C\n"
                                            "aws_secret_access_key=sesame\naws_session_token=t\n"));
  EXPECT_EQ(Found(), "C");
  environment_.Set("AWS_SHARED_CREDENTIALS_FILE",
                   Write("credentials", "[ci]\naws_access_key_id=S\n"));
  EXPECT_EQ(Found(), "S");
}

TEST_F(AwsCredentialsTest, WhatHpccDoesNotDoIsSaid) {
  for (const std::string key : {"credential_process", "sso_session", "source_profile"}) {
    Write(".aws/config", "[default]\nrole_arn = arn\n" + key + " = sesame\n");
    EXPECT_THAT(Found(), HasSubstr(key));
  }
}

TEST_F(AwsCredentialsTest, AFileThatCannotBeReadEndsTheChain) {
  Write(".aws/credentials", "[default]\nsesame\n");
  EXPECT_THAT(Found(), AllOf(HasSubstr("credentials"), HasSubstr("line 2")));
}

TEST_F(AwsCredentialsTest, AWebIdentityIsExchangedAtSts) {
  const FakeHttpServer sts([](const FakeRequest&) {
    return FakeAnswer{
        200, StrCat("<AssumeRoleWithWebIdentityResponse "
                    "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                    "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WEB</AccessKeyId>"
                    "<SecretAccessKey>sesame</SecretAccessKey><SessionToken>a-token</SessionToken>"
                    "<Expiration>",
                    IsoTimeIn(std::chrono::hours(1)),
                    "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
                    "</AssumeRoleWithWebIdentityResponse>")};
  });
  options_.sts_endpoint = sts.url();
  environment_.Set("AWS_WEB_IDENTITY_TOKEN_FILE", Write("token", "jwt.sesame\n"));
  EXPECT_THAT(Found(), HasSubstr("AWS_ROLE_ARN"));
  environment_.Set("AWS_ROLE_ARN", "arn:aws:iam::1:role/ci");
  EXPECT_EQ(Found(), "WEB");
  EXPECT_EQ(source_, "web identity");
  EXPECT_EQ(sts.requests().at(0).body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&"
            "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fci&RoleSessionName=hpcc&"
            "WebIdentityToken=jwt.sesame");
}

TEST_F(AwsCredentialsTest, WhatWouldBreakOutOfAHeaderIsNoCredential) {
  const auto answer = [](std::string_view access, std::string_view secret, std::string_view token) {
    return StrCat("<R><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>", access,
                  "</AccessKeyId><SecretAccessKey>", secret, "</SecretAccessKey><SessionToken>",
                  token, "</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>",
                  "</Credentials></AssumeRoleWithWebIdentityResult></R>");
  };
  const absl::StatusOr<AwsCredentials> padded =
      ParseStsAnswer(answer("\n  AK\n", " sesame ", "\ttoken\n"));
  ASSERT_TRUE(padded.ok()) << padded.status();
  EXPECT_EQ(padded->access_key, "AK");
  EXPECT_EQ(padded->secret_key, "sesame");
  EXPECT_EQ(padded->session_token, "token");
  EXPECT_FALSE(ParseStsAnswer(answer("A&#13;&#10;X: y", "sesame", "token")).ok());
  EXPECT_FALSE(ParseStsAnswer(answer("AK", "ses\names", "token")).ok());
  EXPECT_FALSE(ParseStsAnswer(answer("AK", "sesame", "t&#10;X: y")).ok());
  EXPECT_FALSE(
      ParseCredentialsJson(R"({"AccessKeyId":"AK","SecretAccessKey":"a\nb","Token":"t"})").ok());
  Write(".aws/credentials",
        "[default]\naws_access_key_id=FILE\naws_secret_access_key=sesame\n"
        "aws_session_token=t\rX: y\n");
  EXPECT_THAT(Found(), AllOf(HasSubstr("profile 'default'"), HasSubstr("control characters")));
}

TEST_F(AwsCredentialsTest, StsRefusingIsToldWithItsCode) {
  const FakeHttpServer sts([](const FakeRequest&) {
    return FakeAnswer{
        400, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>"};
  });
  options_.sts_endpoint = sts.url();
  environment_.Set("AWS_WEB_IDENTITY_TOKEN_FILE", Write("token", "sesame"));
  environment_.Set("AWS_ROLE_ARN", "arn:role");
  EXPECT_THAT(Found(), AllOf(HasSubstr("arn:role"), HasSubstr("InvalidIdentityToken")));
  options_.sts_endpoint = "http://sts.example.com";
  EXPECT_THAT(Found(), HasSubstr("https"));
}

TEST_F(AwsCredentialsTest, AContainersAgentIsAskedWithItsToken) {
  const FakeHttpServer agent([](const FakeRequest& request) {
    if (request.headers.count("authorization") == 0) return FakeAnswer{403, ""};
    return FakeAnswer{200, KeysJson("CONTAINER", std::chrono::hours(1))};
  });
  environment_.Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.url() + "/creds");
  EXPECT_THAT(Found(), HasSubstr("403"));
  environment_.Set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Write("token", "sesame\n"));
  EXPECT_EQ(Found(), "CONTAINER");
  EXPECT_EQ(agent.requests().back().headers.at("authorization"), "sesame");
}

TEST_F(AwsCredentialsTest, AContainersTokenIsNotSentInTheClearToOtherMachines) {
  environment_.Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.example/creds");
  environment_.Set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "sesame");
  EXPECT_THAT(Found(), HasSubstr("this machine"));
}

TEST_F(AwsCredentialsTest, AnInstanceIsAskedForATokenFirst) {
  const FakeHttpServer service([](const FakeRequest& request) {
    if (request.target == "/latest/api/token") {
      return request.method == "PUT" ? FakeAnswer{200, "imds-token"} : FakeAnswer{405, ""};
    }
    const auto token = request.headers.find("x-aws-ec2-metadata-token");
    if (token == request.headers.end() || token->second != "imds-token") return FakeAnswer{401, ""};
    if (request.target == "/latest/meta-data/iam/security-credentials/") {
      return FakeAnswer{200, "a-role\n"};
    }
    if (request.target == "/latest/meta-data/iam/security-credentials/a-role") {
      return FakeAnswer{200, KeysJson("INSTANCE", std::chrono::hours(1))};
    }
    return FakeAnswer{404, ""};
  });
  environment_.Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.url() + "/");
  EXPECT_THAT(Found(), HasSubstr("none were found"));
  EXPECT_TRUE(service.requests().empty());
  environment_.Unset("AWS_EC2_METADATA_DISABLED");
  EXPECT_EQ(Found(), "INSTANCE");
  EXPECT_EQ(source_, "instance metadata");
}

TEST_F(AwsCredentialsTest, NoInstanceServiceCostsASecondAtMost) {
  environment_.Unset("AWS_EC2_METADATA_DISABLED");
  const FakeHttpServer silent([](const FakeRequest&) {
    return FakeAnswer{200, "", {}, milliseconds(1500)};
  });
  environment_.Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent.url());
  EXPECT_LT(TimeOf([&] { EXPECT_THAT(Found(), HasSubstr("none were found")); }),
            milliseconds(1400));
  environment_.Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", ClosedPort().url());
  EXPECT_THAT(Found(), HasSubstr("none were found"));
}

// Credentials of a container, a new access key each time.
class RefreshingCredentialsTest : public AwsCredentialsTest {
 protected:
  RefreshingCredentialsTest() {
    environment_.Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent_.url());
  }

  std::atomic<int> asked_{0};
  std::atomic<bool> broken_{false};
  std::atomic<int> delay_ms_{50};
  std::atomic<std::chrono::seconds> lifetime_{std::chrono::hours(1)};
  FakeHttpServer agent_{[this](const FakeRequest&) {
    if (broken_) return FakeAnswer{400, ""};
    return FakeAnswer{
        200, KeysJson(StrCat("AK", ++asked_), lifetime_), {}, milliseconds(delay_ms_)};
  }};
};

TEST_F(RefreshingCredentialsTest, AreAskedForOnceByManyThreads) {
  const std::unique_ptr<AwsCredentialProvider> provider = Provider();
  EXPECT_EQ(provider->Source(), "not asked yet");
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      const absl::StatusOr<AwsCredentials> got = provider->Get(kPatience);
      if (got.ok() && got->access_key == "AK1") ++right;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 8);
  EXPECT_EQ(asked_, 1);
}

TEST_F(RefreshingCredentialsTest, AreRefreshedBeforeTheyExpire) {
  const std::unique_ptr<AwsCredentialProvider> provider = Provider();
  EXPECT_EQ(provider->Get(kPatience)->access_key, "AK1");
  clock_.Advance(std::chrono::minutes(54));
  EXPECT_EQ(provider->Get(kPatience)->access_key, "AK1");
  clock_.Advance(std::chrono::minutes(2));
  EXPECT_EQ(provider->Get(kPatience)->access_key, "AK2");
}

TEST_F(RefreshingCredentialsTest, StayInUseWhileTheirSourceFailsUntilTheyExpire) {
  const std::unique_ptr<AwsCredentialProvider> provider = Provider();
  EXPECT_EQ(provider->Get(kPatience)->access_key, "AK1");
  broken_ = true;
  clock_.Advance(std::chrono::minutes(57));
  EXPECT_EQ(provider->Get(kPatience)->access_key, "AK1");
  clock_.Advance(std::chrono::minutes(5));
  EXPECT_FALSE(provider->Get(kPatience).ok());
}

TEST_F(RefreshingCredentialsTest, ASourceThatHangsCostsLittleWhileTheyAreGood) {
  const std::unique_ptr<AwsCredentialProvider> provider = Provider();
  EXPECT_EQ(provider->Get(kPatience)->access_key, "AK1");
  delay_ms_ = 1500;
  clock_.Advance(std::chrono::minutes(56));
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(provider->Get(milliseconds(2000))->access_key, "AK1"); }),
            milliseconds(1000));
  EXPECT_LT(TimeOf([&] { EXPECT_EQ(provider->Get(milliseconds(2000))->access_key, "AK1"); }),
            milliseconds(50));
  // Once they are of no use it has all the time there is.
  lifetime_ = std::chrono::hours(3);
  clock_.Advance(std::chrono::minutes(5));
  const absl::StatusOr<AwsCredentials> others = provider->Get(kPatience);
  ASSERT_TRUE(others.ok()) << others.status();
  EXPECT_NE(others->access_key, "AK1");
}

TEST_F(RefreshingCredentialsTest, RefusedOnesAreReplacedButNotTooOften) {
  const std::unique_ptr<AwsCredentialProvider> provider = Provider();
  EXPECT_EQ(provider->Get(kPatience)->access_key, "AK1");
  provider->Refused();
  EXPECT_EQ(provider->Get(kPatience)->access_key, "AK1");
  clock_.Advance(std::chrono::seconds(11));
  EXPECT_EQ(provider->Get(kPatience)->access_key, "AK2");
  EXPECT_EQ(provider->Get(kPatience)->access_key, "AK2");
}

TEST_F(RefreshingCredentialsTest, AFailureIsNotAskedAboutAgainAtOnce) {
  broken_ = true;
  const std::unique_ptr<AwsCredentialProvider> provider = Provider();
  EXPECT_FALSE(provider->Get(kPatience).ok());
  const size_t requests = agent_.requests().size();
  EXPECT_FALSE(provider->Get(kPatience).ok());
  EXPECT_EQ(agent_.requests().size(), requests);
  broken_ = false;
  clock_.Advance(std::chrono::seconds(11));
  EXPECT_TRUE(provider->Get(kPatience).ok());
}

TEST_F(AwsCredentialsTest, TheFingerprintTellsEnvironmentsApartAndHoldsNoSecret) {
  const std::string empty = AwsCredentialFingerprint({}, environment_);
  environment_.Set("UNRELATED", "x");
  EXPECT_EQ(AwsCredentialFingerprint({}, environment_), empty);
  environment_.Set("AWS_SECRET_ACCESS_KEY", "sesame");
  const std::string with_key = AwsCredentialFingerprint({}, environment_);
  EXPECT_NE(with_key, empty);
  EXPECT_EQ(with_key.size(), 64u);
}

}  // namespace
}  // namespace hpcc
