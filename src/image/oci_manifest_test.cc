#include "image/oci_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/oci_test_support.h"

namespace hpcc {
namespace {

using testing::HasSubstr;

const std::string kHex(64, 'a');

std::string Descriptor(std::string_view type, std::string_view digest = "",
                       std::string_view more = "") {
  return StrCat(R"({"mediaType":")", type, R"(","size":7,"digest":")",
                digest.empty() ? "sha256:" + kHex : std::string(digest), "\"", more, "}");
}

std::string Manifest(std::string_view layers) {
  return StrCat(R"({"schemaVersion":2,"config":)", Descriptor(kOciConfigType), R"(,"layers":[)",
                layers, "]}");
}

std::string Refusal(const std::string& text) {
  const absl::StatusOr<OciManifest> manifest = ParseOciManifest(text);
  EXPECT_EQ(manifest.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(manifest.status().message());
}

TEST(OciManifestTest, AManifestIsReadAndWrittenAgain) {
  const auto manifest =
      ParseOciManifest(Manifest(Descriptor(StrCat(kOciLayerType, "+zstd")) + "," +
                                Descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip")));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  ASSERT_EQ(manifest->layers.size(), 2u);
  EXPECT_EQ(manifest->bytes(), 21u);
  EXPECT_EQ(manifest->layers[0].media_type, "application/vnd.oci.image.layer.v1.tar+zstd");
  const auto again = ParseOciManifest(OciManifestText(*manifest));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->layers[1].digest, manifest->layers[1].digest);
}

TEST(OciManifestTest, EachRuleIsNamedWhenItIsBroken) {
  const std::string layer = Descriptor(kOciLayerType);
  EXPECT_THAT(Refusal("{"), HasSubstr("no JSON object"));
  EXPECT_THAT(Refusal(R"({"schemaVersion":2,"schemaVersion":2})"), HasSubstr("a name twice"));
  EXPECT_THAT(Refusal(R"({"schemaVersion":1})"), HasSubstr("schema version 2"));
  EXPECT_THAT(Refusal(R"({"schemaVersion":2})"), HasSubstr("no configuration"));
  EXPECT_THAT(Refusal(Manifest(Descriptor("text/html"))),
              HasSubstr("layer 1 is of type text/html"));
  EXPECT_THAT(Refusal(Manifest(Descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar"))),
              HasSubstr("outside the registry"));
  EXPECT_THAT(Refusal(Manifest(Descriptor(kOciLayerType, "", R"(,"urls":["http://x"])"))),
              HasSubstr("outside the registry"));
  EXPECT_THAT(Refusal(Manifest(Descriptor(kOciLayerType, "sha256:../../etc/passwd"))),
              HasSubstr("no digest"));
  EXPECT_THAT(Refusal(Manifest(R"({"mediaType":"x","digest":"sha256:)" + kHex + R"(","size":-1})")),
              HasSubstr("no size"));
  EXPECT_THAT(Refusal(std::string(kMaxOciManifestBytes + 1, ' ')), HasSubstr("larger than"));
  std::string many = layer;
  for (size_t i = 0; i < kMaxImageLayers; ++i) many += "," + layer;
  EXPECT_THAT(Refusal(Manifest(many)), HasSubstr("129 layers"));
  EXPECT_THAT(Refusal(R"({"schemaVersion":2,"layers":[],"config":)" +
                      Descriptor("application/vnd.cncf.helm.config.v1+json") + "}"),
              HasSubstr("no container image but an artifact"));
}

TEST(OciManifestTest, WhatADocumentIsTheDocumentSays) {
  const auto type = [](std::string_view content_type, std::string_view text) {
    const auto found = ManifestTypeOf(content_type, text);
    return found.ok() ? *found : std::string(found.status().message());
  };
  EXPECT_EQ(type(StrCat(kDockerManifestType, "; charset=utf-8"), "{}"), kDockerManifestType);
  EXPECT_EQ(type(kOciManifestType, StrCat(R"({"mediaType":")", kOciIndexType, "\"}")),
            kOciIndexType);
  EXPECT_EQ(type("", R"({"manifests":[]})"), kOciIndexType);
  EXPECT_EQ(type("text/plain", R"({"config":{},"layers":[]})"), kOciManifestType);
  EXPECT_THAT(
      type("application/vnd.docker.distribution.manifest.v1+prettyjws", R"({"schemaVersion":1})"),
      HasSubstr("schema 1"));
  EXPECT_THAT(type("text/html", "{}"), HasSubstr("is no image: text/html"));
}

TEST(OciManifestTest, APlatformIsChosenFromAnIndex) {
  TestImages images;
  const OciDescriptor amd64 = images.AddImage({"a"}, {"linux", "amd64", ""});
  const OciDescriptor arm = images.AddImage({"b"}, {"linux", "arm", "v7"});
  OciDescriptor nameless = images.AddImage({"c"});
  nameless.platform.reset();
  const auto index = ParseOciIndex(OciIndexText({{arm, amd64}}));
  ASSERT_TRUE(index.ok());
  EXPECT_EQ(ChooseManifest(*index, Platform())->digest, amd64.digest);
  EXPECT_EQ(ChooseManifest(*index, {"linux", "arm", ""})->digest, arm.digest);
  const auto missing = ChooseManifest(*index, {"linux", "riscv64", ""});
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("not for linux/riscv64; it is for: linux/arm/v7, linux/amd64"));
  EXPECT_EQ(ChooseManifest({{nameless}}, Platform())->digest, nameless.digest);
  EXPECT_FALSE(ChooseManifest({{nameless, arm}}, Platform()).ok());
}

TEST(OciManifestTest, OfSeveralVariantsTheOneThatAsksLeastOfAProcessorIsTaken) {
  const auto of = [](char digit, const Platform& platform) {
    return OciDescriptor{std::string(kOciManifestType), "sha256:" + std::string(64, digit), 1,
                         platform, ""};
  };
  const OciDescriptor v3 = of('3', {"linux", "amd64", "v3"});
  const OciDescriptor v2 = of('2', {"linux", "amd64", "v2"});
  const OciDescriptor any = of('1', {"linux", "amd64", ""});
  EXPECT_EQ(ChooseManifest({{v3, any, v2}}, Platform())->digest, any.digest);
  EXPECT_EQ(ChooseManifest({{v3, v2}}, Platform())->digest, v2.digest);
  EXPECT_EQ(ChooseManifest({{any, v2, v3}}, {"linux", "amd64", "v3"})->digest, v3.digest);
  EXPECT_FALSE(ChooseManifest({{any, v2}}, {"linux", "amd64", "v3"}).ok());
  // Of two that say the same, the first.
  const OciDescriptor again = of('4', {"linux", "amd64", ""});
  EXPECT_EQ(ChooseManifest({{any, again}}, Platform())->digest, any.digest);
}

TEST(OciManifestTest, AConfigurationTellsPlatformAndLayers) {
  const auto config = ParseOciConfig(
      R"({"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["sha256:)" + kHex + "\"]}}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->platform, Platform());
  EXPECT_EQ(config->diff_ids.size(), 1u);
  EXPECT_FALSE(ParseOciConfig(R"({"rootfs":{"diff_ids":["x"]}})").ok());
  EXPECT_FALSE(ParseOciConfig("{}").ok());
}

}  // namespace
}  // namespace hpcc
