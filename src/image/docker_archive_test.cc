#include "image/docker_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/image_test_support.h"
#include "image/oci_test_support.h"

namespace hpcc {
namespace {

using testing::HasSubstr;

std::string ConfigOf(const std::vector<std::string>& layers) {
  std::string diff_ids;
  for (const std::string& layer : layers) {
    StrAppend(&diff_ids, diff_ids.empty() ? "\"" : ",\"", OciDigestOf(layer), "\"");
  }
  return StrCat(R"({"os":"linux","architecture":"amd64","rootfs":{"diff_ids":[)", diff_ids, "]}}");
}

class DockerArchiveTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<ImageSource>> Open(const std::string& members,
                                                    const std::string& name = "") {
    const std::string path = directory_ / "a.tar";
    EXPECT_TRUE(WriteFileAtomically(FileSystem::Real(), path, members + TarEnd()).ok());
    ImageReference reference;
    reference.source = ImageReference::Source::kDockerArchive;
    reference.path = path;
    reference.name = name;
    return OpenDockerArchive(FileSystem::Real(), path, reference);
  }

  std::string Refusal(const std::string& members, const std::string& name = "") {
    const auto source = Open(members, name);
    EXPECT_FALSE(source.ok());
    return std::string(source.status().message());
  }

  static std::string Read(ImageSource& source, const OciDescriptor& blob, uint64_t offset) {
    std::string bytes;
    EXPECT_TRUE(source
                    .ReadBlob(blob, offset,
                              [&](std::string_view piece) {
                                bytes.append(piece);
                                return absl::OkStatus();
                              })
                    .ok());
    return bytes;
  }

  TestDirectory directory_;
};

TEST_F(DockerArchiveTest, LayersAreFoundByNameAndThroughLinks) {
  const std::string packed = std::string("\x1f\x8b", 2) + "packed";
  const auto source =
      Open(TestFile("one/layer.tar", "first") +
           TestHeader('2', "two/layer.tar", 0, "../one/layer.tar") + TestFile("three", packed) +
           TestFile("config.json", ConfigOf({"first", "first", "unpacked"})) +
           TestFile("manifest.json", R"([{"Config":"config.json","RepoTags":["debian:12"],)"
                                     R"("Layers":["one/layer.tar","two/layer.tar","./three"]}])"));
  ASSERT_TRUE(source.ok()) << source.status();
  const auto manifest = ParseOciManifest((*source)->TopManifest()->text);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  ASSERT_EQ(manifest->layers.size(), 3u);
  EXPECT_EQ(manifest->layers[0].digest, OciDigestOf("first"));
  EXPECT_EQ(manifest->layers[0].media_type, kOciLayerType);
  EXPECT_EQ(manifest->layers[1].digest, manifest->layers[0].digest);
  EXPECT_EQ(manifest->layers[2].digest, OciDigestOf(packed));
  EXPECT_EQ(manifest->layers[2].media_type, StrCat(kOciLayerType, "+gzip"));
  EXPECT_EQ(Read(**source, manifest->layers[1], 0), "first");
  EXPECT_EQ(Read(**source, manifest->layers[2], 2), "packed");
  EXPECT_EQ(Read(**source, manifest->config, 0), ConfigOf({"first", "first", "unpacked"}));
}

TEST_F(DockerArchiveTest, OneOfSeveralIsChosenByName) {
  const std::string members =
      TestFile("c1", ConfigOf({})) + TestFile("c2", ConfigOf({"x"})) + TestFile("x", "x") +
      TestFile("manifest.json",
               R"([{"Config":"c1","RepoTags":["a:1"],"Layers":[]},)"
               R"({"Config":"c2","RepoTags":["docker.io/library/b:2"],"Layers":["x"]}])");
  EXPECT_TRUE(Open(members, "a:1").ok());
  EXPECT_TRUE(Open(members, "b:2").ok());
  EXPECT_THAT(Refusal(members), HasSubstr("holds several images"));
  EXPECT_THAT(Refusal(members, "c:3"), HasSubstr("holds no image \"c:3\""));
}

TEST_F(DockerArchiveTest, WhatIsNoArchiveIsRefused) {
  const std::string config = TestFile("c", ConfigOf({"x"}));
  EXPECT_THAT(Refusal(""), HasSubstr("has no file \"manifest.json\""));
  EXPECT_THAT(Refusal(TestFile("manifest.json", "[")), HasSubstr("no JSON object"));
  EXPECT_THAT(Refusal(TestFile("manifest.json", "{}")), HasSubstr("lists no images"));
  EXPECT_THAT(Refusal(TestFile("manifest.json", R"([{"Config":"c"}])")),
              HasSubstr("has no file \"c\""));
  EXPECT_THAT(Refusal(config + TestFile("manifest.json", R"([{"Config":"c","Layers":[]}])")),
              HasSubstr("other layers"));
  EXPECT_THAT(Refusal(config + TestFile("manifest.json", R"([{"Config":"c","Layers":["x"]}])")),
              HasSubstr("has no file \"x\""));
  EXPECT_THAT(
      Refusal(TestFile("c", ConfigOf({"x", "x"})) + TestFile("x", "x") + TestFile("y", "longer") +
              TestFile("manifest.json", R"([{"Config":"c","Layers":["x","y"]}])")),
      HasSubstr("two layers of other sizes"));
  // A link that leads to itself, or out of the archive, is nothing.
  EXPECT_THAT(Refusal(config + TestHeader('2', "x", 0, "x") +
                      TestFile("manifest.json", R"([{"Config":"c","Layers":["x"]}])")),
              HasSubstr("has no file \"x\""));
  EXPECT_THAT(Refusal(config + TestHeader('2', "x", 0, "/etc/passwd") +
                      TestFile("manifest.json", R"([{"Config":"c","Layers":["x"]}])")),
              HasSubstr("has no file \"x\""));
}

}  // namespace
}  // namespace hpcc
