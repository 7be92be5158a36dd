#include "store/tiered_store.h"

#include <gtest/gtest.h>

#include <map>

namespace hpcc {
namespace {

class FakeStore final : public Store {
 public:
  absl::StatusOr<std::string> Get(const StoreKey& key) override {
    if (!get_error.ok()) return get_error;
    const auto found = values.find(key.digest);
    if (found == values.end()) return absl::NotFoundError("");
    return found->second;
  }
  absl::Status Put(const StoreKey& key, std::string_view value) override {
    if (put_error.ok()) values[key.digest] = std::string(value);
    return put_error;
  }
  absl::Status Touch(const StoreKey& key) override { return Get(key).status(); }
  absl::Status Remove(const StoreKey& key) override {
    values.erase(key.digest);
    return absl::OkStatus();
  }

  std::map<Digest, std::string> values;
  absl::Status get_error;
  absl::Status put_error;
};

class TieredStoreTest : public testing::Test {
 protected:
  FakeStore near_;
  FakeStore far_;
  TieredStore store_{{{&near_, false}, {&far_, false}}};
  TieredStore near_read_only_{{{&near_, true}, {&far_, false}}};
  const StoreKey key_{StoreNamespace::kResult, Digest::Of("key")};
};

TEST_F(TieredStoreTest, ValueOfAFarTierIsCopiedToTheNearOnes) {
  far_.values[key_.digest] = "value";
  EXPECT_EQ(*store_.Get(key_), "value");
  EXPECT_EQ(near_.values[key_.digest], "value");
}

TEST_F(TieredStoreTest, ReadOnlyTierIsReadButNeverWritten) {
  far_.values[key_.digest] = "value";
  EXPECT_EQ(*near_read_only_.Get(key_), "value");
  EXPECT_TRUE(near_.values.empty());
  EXPECT_TRUE(near_read_only_.Put(key_, "other").ok());
  EXPECT_TRUE(near_.values.empty());
  near_.values[key_.digest] = "kept";
  EXPECT_TRUE(near_read_only_.Remove(key_).ok());
  EXPECT_EQ(*near_read_only_.Get(key_), "kept");
}

TEST_F(TieredStoreTest, ValueIsWrittenToEveryTier) {
  EXPECT_TRUE(store_.Put(key_, "value").ok());
  EXPECT_EQ(near_.values.size(), 1);
  EXPECT_EQ(far_.values.size(), 1);
}

TEST_F(TieredStoreTest, OneTierThatKeepsTheValueIsEnough) {
  near_.put_error = absl::ResourceExhaustedError("full");
  EXPECT_TRUE(store_.Put(key_, "value").ok());
  far_.put_error = absl::UnavailableError("gone");
  EXPECT_TRUE(absl::IsResourceExhausted(store_.Put(key_, "value")));
}

TEST_F(TieredStoreTest, WithoutATierToWriteToNothingIsKept) {
  TieredStore read_only({{&near_, true}});
  EXPECT_TRUE(absl::IsPermissionDenied(read_only.Put(key_, "value")));
}

TEST_F(TieredStoreTest, DamageIsReportedUnlessAnotherTierHasTheValue) {
  near_.get_error = absl::UnavailableError("gone");
  far_.get_error = absl::DataLossError("damaged");
  EXPECT_TRUE(absl::IsDataLoss(store_.Get(key_).status()));
  far_.get_error = absl::OkStatus();
  EXPECT_TRUE(absl::IsUnavailable(store_.Get(key_).status()));
  far_.values[key_.digest] = "value";
  EXPECT_EQ(*store_.Get(key_), "value");
}

}  // namespace
}  // namespace hpcc
