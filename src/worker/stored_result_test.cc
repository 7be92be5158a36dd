#include "worker/stored_result.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(StoredResultTest, TheFormatIsWhatItWas) {
  const StoredResult result{"process", {{"object", Digest::Of("o")}}, "bundle"};
  const std::string bytes = EncodeStoredResult(result);
  EXPECT_EQ(bytes.substr(0, 17), std::string("\x01\x07process\x01\x06object", 17));
  EXPECT_EQ(bytes.substr(17, Digest::kSize), Digest::Of("o").bytes());
  EXPECT_EQ(bytes.substr(17 + Digest::kSize), "bundle");
  const absl::StatusOr<StoredResult> again = DecodeStoredResult(bytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->isolation, "process");
  EXPECT_EQ(again->outputs, result.outputs);
  EXPECT_EQ(again->bundle, "bundle");
}

TEST(StoredResultTest, WhatIsCutShortOrOfAnotherVersionIsNone) {
  const std::string bytes = EncodeStoredResult({"process", {{"object", Digest::Of("o")}}, ""});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeStoredResult(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeStoredResult("\x02" + bytes.substr(1)).ok());
}

TEST(StoredResultTest, EveryPartOfAKeyMakesAnotherKey) {
  const Digest a = Digest::Of("a");
  const Digest b = Digest::Of("b");
  const ResultKeyParts parts{"t", "host", a, a, a};
  const Digest key = WorkerResultKey(parts);
  EXPECT_NE(WorkerResultKey({"u", "host", a, a, a}), key);
  EXPECT_NE(WorkerResultKey({"t", "other", a, a, a}), key);
  EXPECT_NE(WorkerResultKey({"t", "host", b, a, a}), key);
  EXPECT_NE(WorkerResultKey({"t", "host", a, b, a}), key);
  EXPECT_NE(WorkerResultKey({"t", "host", a, a, b}), key);
  EXPECT_NE(WorkerResultKey({"th", "ost", a, a, a}), key);
  EXPECT_EQ(WorkerResultKey(parts), key);
}

}  // namespace
}  // namespace hpcc
