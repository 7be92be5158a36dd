#include "remote/remote_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace hpcc {
namespace {

using testing::ElementsAre;

CacheTier FullTier() {
  CacheTier tier;
  tier.type = CacheTier::Type::kS3;
  tier.name_space = "team";
  tier.max_size = 7;
  tier.read_only = true;
  tier.ca_file = "/ca";
  tier.s3 = {.bucket = "b",
             .region = "r",
             .endpoint = "https://e",
             .auto_create = true,
             .access_key = "ak",
             .secret_key = "sk"};
  return tier;
}

remote_v1::Request ValidOpen() {
  remote_v1::Request request;
  request.set_protocol_version(kRemoteProtocolVersion);
  *request.mutable_open() =
      *EncodeOpen(FullTier(), {.key_file = "/k", .trusted_keys = {"/t"}}, "/local", Environment());
  return request;
}

bool IsRefused(const remote_v1::Request& request) {
  return ParseRemoteRequest(request.SerializeAsString()).status().code() ==
         absl::StatusCode::kInvalidArgument;
}

TEST(RemoteProtocolTest, ATierSurvivesTheWay) {
  const CacheTier tier = DecodeTier(ValidOpen().open().tier());
  EXPECT_EQ(tier.Name(), FullTier().Name());
  EXPECT_EQ(tier.max_size, 7u);
  EXPECT_TRUE(tier.read_only);
  EXPECT_TRUE(tier.s3.auto_create);
  EXPECT_EQ(tier.s3.secret_key, "sk");
  EXPECT_EQ(tier.ca_file, "/ca");
}

TEST(RemoteProtocolTest, OnlyWhatCredentialsNeedIsSent) {
  Environment environment;
  for (const char* name : {"AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "HOME", "https_proxy",
                           "GITHUB_TOKEN", "PATH", "MY_AWS_KEY", "HPCC_LOG_FILE"}) {
    environment.Set(name, "x");
  }
  EXPECT_THAT(CredentialEnvironment(environment, CacheTier::Type::kS3).ToStrings(),
              ElementsAre("AWS_PROFILE=x", "AWS_SECRET_ACCESS_KEY=x", "HOME=x", "https_proxy=x"));
  EXPECT_THAT(CredentialEnvironment(environment, CacheTier::Type::kHttp).ToStrings(),
              ElementsAre("HOME=x", "https_proxy=x"));
}

TEST(RemoteProtocolTest, WhatBreaksALimitIsRefused) {
  EXPECT_FALSE(IsRefused(ValidOpen()));
  remote_v1::Request request = ValidOpen();
  request.mutable_open()->mutable_tier()->set_type(0);  // a disk is no remote cache
  EXPECT_TRUE(IsRefused(request));
  request = ValidOpen();
  request.mutable_open()->mutable_tier()->set_bucket(std::string(kMaxRemoteStringBytes + 1, 'b'));
  EXPECT_TRUE(IsRefused(request));
  request = ValidOpen();
  request.mutable_open()->mutable_tier()->set_url(std::string("a\0b", 3));
  EXPECT_TRUE(IsRefused(request));
  request = ValidOpen();
  for (int i = 0; i <= kMaxRemoteStrings; ++i) request.mutable_open()->add_environment("A=b");
  EXPECT_TRUE(IsRefused(request));
  request = ValidOpen();
  request.mutable_open()->set_local_directory("relative");
  EXPECT_TRUE(IsRefused(request));
  remote_v1::Request get;
  get.mutable_get()->mutable_key()->set_digest("short");
  EXPECT_TRUE(IsRefused(get));
  get.mutable_get()->mutable_key()->set_digest(std::string(32, 'd'));
  EXPECT_FALSE(IsRefused(get));
  get.mutable_get()->mutable_key()->set_store_namespace(4);
  EXPECT_TRUE(IsRefused(get));
  remote_v1::Request exists;
  exists.mutable_exists()->mutable_key()->set_digest(std::string(32, 'd'));
  EXPECT_FALSE(IsRefused(exists));
  exists.mutable_exists()->mutable_key()->set_store_namespace(4);
  EXPECT_TRUE(IsRefused(exists));
  remote_v1::Request put;
  put.mutable_put()->mutable_key()->set_digest(std::string(32, 'd'));
  put.mutable_put()->set_size(kMaxRemoteValueBytes + 1);
  EXPECT_TRUE(IsRefused(put));
  EXPECT_FALSE(ParseRemoteRequest("\xff\xff\xff").ok());
}

TEST(RemoteProtocolTest, AResponseWithAnUnknownCodeOrSizeIsRefused) {
  remote_v1::Response response;
  response.set_code(17);
  EXPECT_FALSE(ParseRemoteResponse(response.SerializeAsString()).ok());
  response.set_code(5);
  EXPECT_TRUE(absl::IsNotFound(StatusOf(*ParseRemoteResponse(response.SerializeAsString()))));
  response.mutable_found()->set_size(kMaxRemoteValueBytes + 1);
  EXPECT_FALSE(ParseRemoteResponse(response.SerializeAsString()).ok());
}

// The bytes on the socket, once and for all: programs of two versions may meet.
TEST(RemoteProtocolTest, AGetIsTheseBytes) {
  remote_v1::Request request;
  request.set_protocol_version(1);
  *request.mutable_get()->mutable_key() =
      EncodeKey({StoreNamespace::kDirect, *Digest::FromBytes(std::string(32, '\x11'))});
  EXPECT_EQ(FrameOf(request), StrCat(std::string("\x2a\x00\x00\x00", 4), "\x08\x01", "\x1a\x26",
                                     "\x0a\x24", "\x08\x01", "\x12\x20", std::string(32, '\x11')));
}

TEST(RemoteProtocolTest, ACompileNamesAbsolutePathsAndWholeWords) {
  remote_v1::Request valid;
  valid.set_protocol_version(kRemoteProtocolVersion);
  remote_v1::Compile& compile = *valid.mutable_compile();
  compile.set_local_directory("/local");
  compile.set_compiler("/usr/bin/gcc");
  compile.set_working_directory("/w");
  compile.add_arguments("-c");
  EXPECT_FALSE(IsRefused(valid));

  remote_v1::Request request = valid;
  request.mutable_compile()->set_compiler("gcc");
  EXPECT_TRUE(IsRefused(request));
  request = valid;
  request.mutable_compile()->set_project_root("w");
  EXPECT_TRUE(IsRefused(request));
  request = valid;
  request.mutable_compile()->add_arguments(std::string("a\0b", 3));
  EXPECT_TRUE(IsRefused(request));
  request = valid;
  request.mutable_compile()->mutable_destination()->set_grant(3);
  EXPECT_TRUE(IsRefused(request));
  request = valid;
  request.mutable_compile()->mutable_destination()->set_tenant(
      std::string(kMaxRemoteStringBytes + 1, 't'));
  EXPECT_TRUE(IsRefused(request));
}

TEST(RemoteProtocolTest, NoMessageRepeatsWhatItRefuses) {
  remote_v1::Request request = ValidOpen();
  request.mutable_open()->mutable_tier()->set_secret_key("hunter2" +
                                                         std::string(kMaxRemoteStringBytes, 's'));
  const absl::Status status = ParseRemoteRequest(request.SerializeAsString()).status();
  EXPECT_THAT(std::string(status.message()), testing::Not(testing::HasSubstr("hunter2")));
}

}  // namespace
}  // namespace hpcc
