#include "store/aws_profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

TEST(AwsProfilesTest, ReadsACredentialsFile) {
  const absl::StatusOr<AwsProfiles> profiles = ParseAwsProfiles(
      "# mine\n"
      "[default]\r\n"
      "AWS_Access_Key_Id = AK\r\n"
      "aws_secret_access_key=a+b/c=# not a comment\n"
      "\n"
      "[ci] ; a comment\n"
      "aws_access_key_id = AK2 # a comment\n",
      AwsProfileFile::kCredentials);
  ASSERT_TRUE(profiles.ok()) << profiles.status();
  EXPECT_THAT(profiles->at("default"),
              ElementsAre(Pair("aws_access_key_id", "AK"),
                          Pair("aws_secret_access_key", "a+b/c=# not a comment")));
  EXPECT_THAT(profiles->at("ci"), ElementsAre(Pair("aws_access_key_id", "AK2")));
}

TEST(AwsProfilesTest, ReadsAConfigFile) {
  const absl::StatusOr<AwsProfiles> profiles = ParseAwsProfiles(
      "[default]\nregion = eu-west-3\n"
      "s3 =\n  max_concurrent_requests = 20\n"
      "[profile ci]\nrole_arn = arn\n"
      "[sso-session corp]\nsso_region = us-east-1\n"
      "[ci]\nrole_arn = not a profile here\n",
      AwsProfileFile::kConfig);
  ASSERT_TRUE(profiles.ok()) << profiles.status();
  EXPECT_EQ(profiles->size(), 2u);
  EXPECT_THAT(profiles->at("default"), ElementsAre(Pair("region", "eu-west-3"), Pair("s3", "")));
  EXPECT_THAT(profiles->at("ci"), ElementsAre(Pair("role_arn", "arn")));
}

TEST(AwsProfilesTest, ALaterSettingWins) {
  const absl::StatusOr<AwsProfiles> profiles =
      ParseAwsProfiles("[a]\nx=1\n[a]\nx=2\n", AwsProfileFile::kCredentials);
  ASSERT_TRUE(profiles.ok());
  EXPECT_THAT(profiles->at("a"), ElementsAre(Pair("x", "2")));
}

TEST(AwsProfilesTest, AWrongLineIsNumberedAndNotRepeated) {
  for (const std::string text :
       {"[default]\nsesame\n", "[default]\n= sesame\n", "# first\nkey = sesame\n",
        "[default]\n[sesame\n", "[default]\n[] sesame\n"}) {
    const absl::Status status = ParseAwsProfiles(text, AwsProfileFile::kCredentials).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("line 2"));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("sesame")));
  }
}

TEST(AwsProfilesTest, AnEndlessFileIsRefused) {
  EXPECT_FALSE(
      ParseAwsProfiles(std::string(kMaxAwsProfileFile + 1, '\n'), AwsProfileFile::kConfig).ok());
}

}  // namespace
}  // namespace hpcc
