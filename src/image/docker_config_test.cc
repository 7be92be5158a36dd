#include "image/docker_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "base/strings.h"

namespace hpcc {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class DockerConfigTest : public testing::Test {
 protected:
  DockerConfigTest() {
    std::string name = (std::filesystem::temp_directory_path() / "hpcc-docker-XXXXXX").string();
    home_ = mkdtemp(name.data());
    std::filesystem::create_directory(home_ + "/.docker");
    environment_.Set("HOME", home_);
  }
  ~DockerConfigTest() override { std::filesystem::remove_all(home_); }

  void Write(std::string_view text) {
    ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), home_ + "/.docker/config.json", text).ok());
  }

  // "user/password", "none", or the message.
  std::string Found(const std::string& host) {
    const auto found = FindRegistryCredentials(FileSystem::Real(), environment_, host);
    if (!found.ok()) return std::string(found.status().message());
    return found->has_value() ? StrCat((*found)->user, "/", (*found)->password) : "none";
  }

  std::string home_;
  Environment environment_;
};

TEST_F(DockerConfigTest, ALoginIsOfItsHostOnly) {
  EXPECT_EQ(Found("ghcr.io"), "none");
  // bob:se:cret
  Write(R"({"auths": {"ghcr.io": {"auth": "Ym9iOnNlOmNyZXQ="}, "localhost:5000": {
             "username": "u", "password": "p"}}})");
  EXPECT_EQ(Found("ghcr.io"), "bob/se:cret");
  EXPECT_EQ(Found("localhost:5000"), "u/p");
  EXPECT_EQ(Found("localhost"), "none");
  EXPECT_EQ(Found("evil.ghcr.io"), "none");
  EXPECT_EQ(Found("docker.io"), "none");
}

TEST_F(DockerConfigTest, RegistriesHaveSeveralNames) {
  Write(R"({"auths": {"https://index.docker.io/v1/": {"auth": "YTpi"},
                      "https://r.example.com/v2/": {"auth": "YTpi"}}})");
  EXPECT_EQ(Found("docker.io"), "a/b");
  EXPECT_EQ(Found("r.example.com"), "a/b");
}

TEST_F(DockerConfigTest, DockerConfigNamesAnotherDirectory) {
  Write(R"({"auths": {"ghcr.io": {"auth": "YTpi"}}})");
  environment_.Set("DOCKER_CONFIG", home_ + "/nowhere");
  EXPECT_EQ(Found("ghcr.io"), "none");
  environment_.Set("DOCKER_CONFIG", home_ + "/.docker");
  EXPECT_EQ(Found("ghcr.io"), "a/b");
}

TEST_F(DockerConfigTest, AHelperIsNamedAndNotRun) {
  Write(R"({"auths": {"ghcr.io": {}, "other": {"auth": "YTpi"}}, "credsStore": "desktop",
            "credHelpers": {"ecr": "ecr-login"}})");
  EXPECT_THAT(Found("ghcr.io"), AllOf(HasSubstr("credential helper \"desktop\""),
                                      HasSubstr("config.json: the login of ghcr.io")));
  EXPECT_THAT(Found("ecr"), HasSubstr("credential helper \"ecr-login\""));
  EXPECT_EQ(Found("other"), "a/b");
  EXPECT_EQ(Found("public"), "none");
}

TEST_F(DockerConfigTest, WhatIsMalformedIsNamedAndNotShown) {
  Write(R"({"auths": {"ghcr.io": {"auth": "secretnocolon"}, "x": {"identitytoken": "secret"}}})");
  EXPECT_THAT(Found("ghcr.io"),
              AllOf(HasSubstr("not the base64 of user:password"), Not(HasSubstr("secret"))));
  EXPECT_THAT(Found("x"), AllOf(HasSubstr("is a token"), Not(HasSubstr("secret"))));
  Write("{");
  EXPECT_THAT(Found("ghcr.io"), HasSubstr("config.json is no JSON object"));
}

}  // namespace
}  // namespace hpcc
