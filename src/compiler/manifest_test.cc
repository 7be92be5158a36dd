#include "compiler/manifest.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace hpcc {
namespace {

using Kind = ManifestEntry::Kind;

ManifestEntry File(std::string path, std::string_view content = "x") {
  return {
      .path = std::move(path), .kind = Kind::kFile, .digest = Digest::Of(content), .target = ""};
}
ManifestEntry Link(std::string path, std::string target) {
  return {.path = std::move(path), .kind = Kind::kLink, .digest = {}, .target = std::move(target)};
}
ManifestEntry Directory(std::string path) {
  return {.path = std::move(path), .kind = Kind::kDirectory, .digest = {}, .target = ""};
}
ManifestEntry Absence(std::string path) {
  return {.path = std::move(path), .kind = Kind::kAbsent, .digest = {}, .target = ""};
}

TEST(ManifestTest, OneClosureHasOneEncoding) {
  const auto one = EncodeManifest({{File("/b"), Link("/c", "b"), Directory("/a"), File("/b")}});
  const auto other = EncodeManifest({{Directory("/a"), File("/b"), Link("/c", "b")}});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(*one, *other);
  const auto decoded = DecodeManifest(*one);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->entries,
            (std::vector<ManifestEntry>{Directory("/a"), File("/b"), Link("/c", "b")}));
}

TEST(ManifestTest, TheFormatIsWhatItWas) {
  const auto encoded = EncodeManifest({{Directory("/d"), Link("/l", "t")}});
  ASSERT_TRUE(encoded.ok());
  EXPECT_EQ(absl::BytesToHexString(*encoded), "0102022f6403022f6c020174");
  EXPECT_EQ(ManifestDigest(*encoded), ManifestDigest(*encoded));
  EXPECT_NE(ManifestDigest(*encoded), Digest::Of(*encoded));
}

TEST(ManifestTest, AnAbsenceIsItsPathAlone) {
  const auto encoded = EncodeManifest({{Absence("/x"), Directory("/d")}});
  ASSERT_TRUE(encoded.ok());
  EXPECT_EQ(absl::BytesToHexString(*encoded), "0102022f6403022f7804");
  const auto decoded = DecodeManifest(*encoded);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->entries, (std::vector<ManifestEntry>{Directory("/d"), Absence("/x")}));
  EXPECT_FALSE(EncodeManifest({{Absence("/x"), File("/x")}}).ok());
  EXPECT_FALSE(EncodeManifest({{Absence("/x"), File("/x/y")}}).ok());
}

TEST(ManifestTest, PathsThatClimbOrAreNotNormalAreRefused) {
  for (const std::string& path :
       {std::string(""), std::string("/"), std::string("a"), std::string("/a/../b"),
        std::string("/.."), std::string("/a/./b"), std::string("/a//b"), std::string("/a/"),
        std::string("/a\0b", 4), "/" + std::string(kMaxManifestPathBytes, 'a')}) {
    EXPECT_FALSE(CheckManifestPath(path).ok()) << path.substr(0, 50);
    EXPECT_FALSE(EncodeManifest({{File(path)}}).ok()) << path.substr(0, 50);
  }
  EXPECT_TRUE(CheckManifestPath("/a/..b/.c").ok());
}

TEST(ManifestTest, NothingLiesBelowAFileOrALink) {
  EXPECT_FALSE(EncodeManifest({{Link("/a", "/etc"), File("/a/passwd")}}).ok());
  EXPECT_FALSE(EncodeManifest({{Link("/a", "/etc"), File("/a.h"), File("/a/b/c")}}).ok());
  EXPECT_FALSE(EncodeManifest({{File("/a"), File("/a/b")}}).ok());
  EXPECT_TRUE(EncodeManifest({{Directory("/a"), File("/a/b"), File("/a.h")}}).ok());
}

TEST(ManifestTest, OnePathWithTwoMeaningsIsRefused) {
  EXPECT_FALSE(EncodeManifest({{File("/a", "x"), File("/a", "y")}}).ok());
  EXPECT_FALSE(EncodeManifest({{File("/a"), Directory("/a")}}).ok());
}

TEST(ManifestTest, LinksNeedATarget) {
  EXPECT_FALSE(EncodeManifest({{Link("/a", "")}}).ok());
  EXPECT_FALSE(EncodeManifest({{Link("/a", std::string("b\0c", 3))}}).ok());
}

TEST(ManifestTest, EveryTruncationAndAnythingBehindIsRefused) {
  const auto encoded = EncodeManifest({{File("/b"), Link("/c", "b"), Directory("/a")}});
  ASSERT_TRUE(encoded.ok());
  for (size_t size = 0; size < encoded->size(); ++size) {
    EXPECT_FALSE(DecodeManifest(encoded->substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeManifest(*encoded + "x").ok());
}

TEST(ManifestTest, DisorderIsRefusedWhenRead) {
  auto encoded = EncodeManifest({{Directory("/a"), Directory("/b")}});
  ASSERT_TRUE(encoded.ok());
  std::string swapped = *encoded;
  std::swap(swapped[4], swapped[8]);
  EXPECT_FALSE(DecodeManifest(swapped).ok());
}

TEST(ManifestTest, AMillionEntriesAreRefusedBeforeAnythingIsAllocated) {
  std::string bytes = {1, static_cast<char>(0xc0), static_cast<char>(0x84), 0x3d};  // 1,000,000
  bytes.append(3'000'000, '\0');
  EXPECT_FALSE(DecodeManifest(bytes).ok());
}

}  // namespace
}  // namespace hpcc
