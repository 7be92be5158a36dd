#include "worker/upload.h"

#include <gtest/gtest.h>

#include "hpcc/worker/v1/worker.pb.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

class UploadTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(tenant_.Open().ok()); }

  worker::v1::UploadBlobsRequest Message(const std::string& blob, const std::string& data) {
    worker::v1::UploadBlobsRequest message;
    message.set_digest(std::string(Digest::Of(blob).bytes()));
    message.set_size(blob.size());
    message.set_data(data);
    message.set_last(true);
    return message;
  }
  absl::Status Send(const std::string& blob, const std::string& data) {
    Upload upload(tenant_, FileSystem::Real(), clock_);
    return upload.Take(Message(blob, data));
  }

  WorkerScratch scratch_;
  StandingClock clock_;
  Tenant tenant_{"t", scratch_ / "t", {}, FileSystem::Real(), clock_};
};

TEST_F(UploadTest, ABlobThatIsHereCountsAgainForTheQuota) {
  tenant_.SetLimits({.upload_bytes_per_hour = 1000});
  const std::string blob(400, 'x');
  EXPECT_TRUE(Send(blob, blob).ok());
  EXPECT_TRUE(Send(blob, blob).ok());
  EXPECT_EQ(Send(blob, blob).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(UploadTest, ABlobThatIsHereMayNotGoOnForever) {
  const std::string blob(400, 'x');
  ASSERT_TRUE(Send(blob, blob).ok());
  EXPECT_TRUE(Send(blob, blob).ok());
  const absl::Status status = Send(blob, std::string(MaxBytesOnTheWire(blob.size()) + 1, 'x'));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
}

}  // namespace
}  // namespace hpcc
