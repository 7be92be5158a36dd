#include "image/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace hpcc {
namespace {

using testing::HasSubstr;

const std::string kDigest = StrCat("sha256:", std::string(64, 'a'));

ImageReference Parsed(const std::string& text) {
  const absl::StatusOr<ImageReference> reference = ParseImageReference(text);
  EXPECT_TRUE(reference.ok()) << text << ": " << reference.status();
  return reference.value_or(ImageReference());
}

std::string Refusal(const std::string& text) {
  const absl::StatusOr<ImageReference> reference = ParseImageReference(text);
  EXPECT_EQ(reference.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(reference.status().message());
}

TEST(ImageReferenceTest, WhatIsLeftOutIsDockersCustom) {
  EXPECT_EQ(Parsed("debian").ToString(), "docker.io/library/debian:latest");
  EXPECT_EQ(Parsed("debian:12").ToString(), "docker.io/library/debian:12");
  EXPECT_EQ(Parsed("user/tool").ToString(), "docker.io/user/tool:latest");
  EXPECT_EQ(Parsed("docker.io/debian").ToString(), "docker.io/library/debian:latest");
  EXPECT_EQ(Parsed("index.docker.io/debian").ToString(), "docker.io/library/debian:latest");
}

TEST(ImageReferenceTest, HostPortTagAndDigestAreTakenApart) {
  const ImageReference reference = Parsed("ghcr.io/x/y:tag@" + kDigest);
  EXPECT_EQ(reference.host, "ghcr.io");
  EXPECT_EQ(reference.repository, "x/y");
  EXPECT_EQ(reference.tag, "tag");
  EXPECT_EQ(reference.digest, kDigest);
  EXPECT_EQ(Parsed("localhost:5000/x").host, "localhost:5000");
  EXPECT_EQ(Parsed("localhost:5000/x").tag, "latest");
  EXPECT_EQ(Parsed("localhost/x").host, "localhost");
  EXPECT_EQ(Parsed("[::1]:5000/x/y:1").host, "[::1]:5000");
  EXPECT_EQ(Parsed("REGISTRY.example.com/x").host, "registry.example.com");
  EXPECT_EQ(Parsed("x@" + kDigest).tag, "");
}

TEST(ImageReferenceTest, LocalSourcesAreTakenApart) {
  const ImageReference layout = Parsed("oci:/path/layout:v1@" + kDigest);
  EXPECT_EQ(layout.source, ImageReference::Source::kOciLayout);
  EXPECT_EQ(layout.path, "/path/layout");
  EXPECT_EQ(layout.name, "v1");
  EXPECT_EQ(layout.digest, kDigest);
  EXPECT_EQ(Parsed("oci:layout").path, "layout");
  const ImageReference archive = Parsed("docker-archive:/a.tar:x/y:1");
  EXPECT_EQ(archive.source, ImageReference::Source::kDockerArchive);
  EXPECT_EQ(archive.path, "/a.tar");
  EXPECT_EQ(archive.name, "x/y:1");
}

TEST(ImageReferenceTest, ItsOwnTextGivesItAgain) {
  for (const std::string& text :
       {std::string("debian"), "ghcr.io/x/y:tag@" + kDigest, std::string("x@") + kDigest,
        std::string("[::1]:5000/a-b/c__d/e.f"), std::string("oci:/p:r"), "oci:/p@" + kDigest,
        std::string("docker-archive:/a.tar"), std::string("docker-archive:/a.tar:x:1")}) {
    const ImageReference reference = Parsed(text);
    EXPECT_EQ(Parsed(reference.ToString()), reference) << text;
  }
}

TEST(ImageReferenceTest, ARefusalNamesThePart) {
  EXPECT_THAT(Refusal(""), HasSubstr("empty"));
  EXPECT_THAT(Refusal("Debian"), HasSubstr("lower case"));
  EXPECT_THAT(Refusal("a//b"), HasSubstr("empty component"));
  EXPECT_THAT(Refusal("a/"), HasSubstr("empty component"));
  EXPECT_THAT(Refusal("a/../b"), HasSubstr("\"..\" is no part of a name"));
  EXPECT_THAT(Refusal("a___b"), HasSubstr("\"a___b\" is no part of a name"));
  EXPECT_THAT(Refusal("a-"), HasSubstr("\"a-\""));
  EXPECT_THAT(Refusal("debian:"), HasSubstr("is no tag"));
  EXPECT_THAT(Refusal("debian:-1"), HasSubstr("\"-1\" is no tag"));
  EXPECT_THAT(Refusal("debian:" + std::string(129, 'a')), HasSubstr("is no tag"));
  EXPECT_THAT(Refusal("debian@sha256:abc"), HasSubstr("is no digest"));
  EXPECT_THAT(Refusal("debian@" + kDigest + "0"), HasSubstr("is no digest"));
  EXPECT_THAT(Refusal("debian@sha512:" + std::string(128, 'a')), HasSubstr("algorithm sha256"));
  EXPECT_THAT(Refusal("localhost:0/x"), HasSubstr("no host"));
  EXPECT_THAT(Refusal("localhost:99999/x"), HasSubstr("no host"));
  EXPECT_THAT(Refusal("a..b/x"), HasSubstr("no host"));
  EXPECT_THAT(Refusal("user:pass@ghcr.io/x"), HasSubstr("is no digest"));
  EXPECT_THAT(Refusal("https://ghcr.io/x"), HasSubstr("without \"https://\""));
  EXPECT_THAT(Refusal(std::string(256, 'a')), HasSubstr("longer than 255 bytes"));
  EXPECT_THAT(Refusal(std::string(5000, 'a')), HasSubstr("longer than 4096 bytes"));
  EXPECT_THAT(Refusal("oci:"), HasSubstr("names no path"));
  EXPECT_THAT(Refusal("oci:/x:"), HasSubstr("nothing stands after"));
  EXPECT_THAT(Refusal("a\x1b[2Jb"), HasSubstr("control character"));
}

TEST(ImageReferenceTest, ARefusalHoldsNoControlCharacters) {
  EXPECT_THAT(Refusal("a\x1b[2J"), testing::Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace hpcc
