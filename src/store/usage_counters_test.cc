#include "store/usage_counters.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/bytes.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

class UsageCountersTest : public testing::Test {
 protected:
  std::unique_ptr<UsageCounters> Open() {
    auto usage = UsageCounters::Open(FileSystem::Real(), path_, MappedCounters::Access::kReadWrite);
    EXPECT_TRUE(usage.ok()) << usage.status();
    return usage.ok() ? *std::move(usage) : nullptr;
  }

  ScratchDirectory scratch_;
  const std::string path_ = scratch_.path() + "/usage";
};

TEST_F(UsageCountersTest, TheFileIsAsDescribed) {
  const std::unique_ptr<UsageCounters> usage = Open();
  usage->Add(0, {4096, 1});
  usage->Add(255, {8192, 2});
  usage->set_counted();

  std::ifstream file(path_, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Raw(8), "HPCCUSE\n");
  EXPECT_EQ(reader.Fixed64(), 1u);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(reader.Fixed64(), i == 0 ? 4096u : i == 255 ? 8192u : 0u);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(reader.Fixed64(), i == 0 ? 1u : i == 255 ? 2u : 0u);
  EXPECT_EQ(reader.Fixed64(), 1u);
  EXPECT_TRUE(reader.ok() && reader.at_end());
}

TEST_F(UsageCountersTest, AFreshFileIsNotCounted) {
  EXPECT_FALSE(Open()->counted());
  Open()->set_counted();
  EXPECT_TRUE(Open()->counted());
}

TEST_F(UsageCountersTest, TheTotalIsOverAllShards) {
  const std::unique_ptr<UsageCounters> usage = Open();
  for (int shard = 0; shard < kShardCount; ++shard) usage->Add(shard, {4096, 1});
  usage->Subtract(7, {4096, 1});
  usage->Subtract(8, {1 << 20, 100});
  EXPECT_EQ(usage->Total(), (DiskUsage{254 * 4096, 254}));
}

TEST_F(UsageCountersTest, ACountIsTakenOnlyIfNothingChangedMeanwhile) {
  const std::unique_ptr<UsageCounters> usage = Open();
  usage->Add(3, {8192, 2});
  const DiskUsage before = usage->Shard(3);
  usage->Add(3, {4096, 1});
  EXPECT_FALSE(usage->Correct(3, before, {0, 0}));
  EXPECT_EQ(usage->Shard(3), (DiskUsage{12288, 3}));
  EXPECT_TRUE(usage->Correct(3, usage->Shard(3), {4096, 1}));
  EXPECT_EQ(usage->Shard(3), (DiskUsage{4096, 1}));
}

}  // namespace
}  // namespace hpcc
