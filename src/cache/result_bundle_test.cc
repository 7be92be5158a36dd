#include "cache/result_bundle.h"

#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

ResultBundle Example() {
  ResultBundle bundle;
  bundle.created_ns = 0x0102030405060708;
  bundle.compile_ns = 9;
  bundle.compiler = "/usr/bin/gcc";
  bundle.source = "a.c";
  bundle.terminal = "none";
  bundle.dependency_style = DependencyStyle::kGcc;
  bundle.dependencies = {{"a.c", UserHeader::kYes}, {"/usr/include/b.h", UserHeader::kNo}};
  bundle.parts = {{static_cast<uint8_t>(OutputRole::kObject), "object"},
                  {kStderrPart, "warning\n"}};
  return bundle;
}

TEST(ResultBundleTest, EncodingIsStable) {
  EXPECT_EQ(Hex(EncodeBundle(Example(), /*compress=*/false)),
            "01080706050403020109000000000000000c2f7573722f62696e2f67636303612e63046e6f6e6501"
            "0203612e6301102f7573722f696e636c7564652f622e680002000006066f626a6563744100080877"
            "61726e696e670a");
}

TEST(ResultBundleTest, DecodingGivesBackWhatWasEncoded) {
  for (const bool compress : {false, true}) {
    ResultBundle bundle = Example();
    bundle.parts.push_back(
        {static_cast<uint8_t>(OutputRole::kDwo), std::string(100'000, 'x') + std::string(1, '\0')});
    bundle.parts.push_back({static_cast<uint8_t>(OutputRole::kStackUsage), ""});
    const absl::StatusOr<ResultBundle> decoded = DecodeBundle(EncodeBundle(bundle, compress));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->created_ns, bundle.created_ns);
    EXPECT_EQ(decoded->compile_ns, bundle.compile_ns);
    EXPECT_EQ(decoded->compiler, bundle.compiler);
    EXPECT_EQ(decoded->source, bundle.source);
    EXPECT_EQ(decoded->terminal, bundle.terminal);
    EXPECT_EQ(decoded->dependency_style, bundle.dependency_style);
    ASSERT_EQ(decoded->dependencies.size(), 2);
    EXPECT_EQ(decoded->dependencies[1].path, "/usr/include/b.h");
    EXPECT_EQ(decoded->dependencies[1].user, UserHeader::kNo);
    ASSERT_EQ(decoded->parts.size(), bundle.parts.size());
    for (size_t i = 0; i < bundle.parts.size(); ++i) {
      EXPECT_EQ(decoded->parts[i].kind, bundle.parts[i].kind);
      EXPECT_EQ(decoded->parts[i].data, bundle.parts[i].data);
    }
    EXPECT_EQ(decoded->Find(OutputRole::kObject)->data, "object");
    EXPECT_EQ(decoded->Find(OutputRole::kCoverageNotes), nullptr);
  }
}

TEST(ResultBundleTest, CompressionMakesLongPartsSmallerAndNeverAnyLarger) {
  ResultBundle bundle = Example();
  bundle.parts[0].data = std::string(100'000, 'x');
  EXPECT_LT(EncodeBundle(bundle, true).size(), 1000);
  uint64_t state = 1;
  for (char& c : bundle.parts[0].data) {
    state = state * 6364136223846793005 + 1442695040888963407;
    c = static_cast<char>(state >> 56);
  }
  EXPECT_EQ(EncodeBundle(bundle, true).size(), EncodeBundle(bundle, false).size());
}

TEST(ResultBundleTest, TruncationAtEveryLengthIsRefused) {
  ResultBundle bundle = Example();
  ExpectOnlyWholeIsDecoded(EncodeBundle(bundle, false), DecodeBundle);
  bundle.parts[0].data = std::string(1000, 'x');
  ExpectOnlyWholeIsDecoded(EncodeBundle(bundle, true), DecodeBundle);
}

TEST(ResultBundleTest, PartGivenTwiceIsRefused) {
  ResultBundle bundle = Example();
  bundle.parts.push_back(bundle.parts[0]);
  EXPECT_TRUE(absl::IsDataLoss(DecodeBundle(EncodeBundle(bundle, false)).status()));
}

TEST(ResultBundleTest, UnknownKindOfPartIsRefused) {
  for (const uint8_t kind : {kOutputRoleCount, 0x3f, 0x42, 0xff}) {
    ResultBundle bundle = Example();
    bundle.parts[0].kind = kind;
    EXPECT_TRUE(absl::IsDataLoss(DecodeBundle(EncodeBundle(bundle, false)).status())) << int{kind};
  }
}

TEST(ResultBundleTest, SizeBeyondTheLimitIsRefusedBeforeAnythingIsAllocated) {
  ResultBundle bundle = Example();
  bundle.parts = {{kStderrPart, std::string(1000, 'x')}};
  std::string bytes = EncodeBundle(bundle, true);
  const size_t part = bytes.rfind("\x41\x01");
  ASSERT_NE(part, std::string::npos);
  // The varint of 1000 becomes one of 1 TiB.
  bytes.replace(part + 2, 2, std::string("\x80\x80\x80\x80\x80\x20", 6));
  EXPECT_TRUE(absl::IsDataLoss(DecodeBundle(bytes).status()));
}

TEST(ResultBundleTest, FrameOfAnotherSizeThanStatedIsRefused) {
  ResultBundle bundle = Example();
  bundle.parts = {{static_cast<uint8_t>(OutputRole::kObject), std::string(1000, 'x')}};
  std::string bytes = EncodeBundle(bundle, true);
  const size_t size = bytes.rfind("\xe8\x07");
  ASSERT_NE(size, std::string::npos);
  for (const char low : {'\xe7', '\xe9'}) {
    bytes[size] = low;
    EXPECT_TRUE(absl::IsDataLoss(DecodeBundle(bytes).status()));
  }
}

}  // namespace
}  // namespace hpcc
