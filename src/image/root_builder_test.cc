#include "image/root_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>

#include "base/faulty_file_system.h"
#include "image/image_test_support.h"
#include "image/oci_digest.h"

namespace hpcc {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Gzip(const std::string& data) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 1, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& data) {
  std::string out(ZSTD_compressBound(data.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), data.data(), data.size(), 1));
  return out;
}

class RootBuilderTest : public testing::Test {
 protected:
  RootBuilderTest() {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    output_ = directory_ + "/out/root";
    std::filesystem::create_directory(directory_ + "/out");
  }
  ~RootBuilderTest() override { std::filesystem::remove_all(directory_); }

  LayerBlob Layer(const std::string& data) {
    LayerBlob layer{.path = StrCat(directory_, "/", ++layers_)};
    std::ofstream(layer.path) << data;
    layer.digest = OciDigestOf(data);
    return layer;
  }
  absl::Status Build(const std::vector<LayerBlob>& layers, const RootOptions& options = {},
                     FileSystem& fs = FileSystem::Real()) {
    return BuildRoot(layers, options, fs, output_);
  }
  std::string Built(const std::vector<LayerBlob>& layers, const RootOptions& options = {}) {
    const absl::Status status = Build(layers, options);
    EXPECT_TRUE(status.ok()) << status;
    return ReadFile(FileSystem::Real(), output_, 1 << 30).value_or("");
  }
  void ExpectFailure(const std::vector<LayerBlob>& layers, absl::StatusCode code,
                     const std::string& why, const RootOptions& options = {}) {
    const absl::Status status = Build(layers, options);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    ExpectNothingLeft();
  }
  void ExpectNothingLeft() {
    EXPECT_THAT(*FileSystem::Real().List(directory_ + "/out"), IsEmpty());
  }

  std::string directory_ = testing::TempDir() + "/hpcc-root-XXXXXX";
  std::string output_;
  const std::string tar_ = TestFile("a", std::string(300'000, 'a')) + TestFile("b", "b") + TarEnd();
  int layers_ = 0;
};

TEST_F(RootBuilderTest, LayersOfEveryCompressionGiveTheSameBytes) {
  const std::string plain = Built({Layer(tar_)});
  EXPECT_GT(plain.size(), 0u);
  EXPECT_EQ(plain, Built({Layer(Gzip(tar_))}));
  EXPECT_EQ(plain, Built({Layer(Zstd(tar_))}));
  const std::string head = tar_.substr(0, 1000), rest = tar_.substr(1000);
  EXPECT_EQ(plain, Built({Layer(Gzip(head) + Gzip(rest))}));
  EXPECT_EQ(plain, Built({Layer(Zstd(head) + Zstd(rest))}));
}

TEST_F(RootBuilderTest, AnybodyCanReadARootThatWasMadeUnderTheStrictestUmask) {
  const mode_t umask_before = umask(0077);
  const absl::Status status = Build({Layer(tar_)});
  umask(umask_before);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(StatFile(FileSystem::Real(), output_)->mode, 0644u);
}

TEST_F(RootBuilderTest, DataThatALayerAboveReplacesIsNotInTheImage) {
  std::string secret;
  for (int i = 0; secret.size() < 300'000; ++i) secret += OciDigestOf(StrCat(i));
  const LayerBlob lower = Layer(TestFile("a", secret) + TarEnd());
  EXPECT_GT(Built({lower}).size(), 100'000u);
  EXPECT_EQ(Built({lower, Layer(TestFile(".wh.a", "") + TestFile("c", "c") + TarEnd())}),
            Built({Layer(TestFile("c", "c") + TarEnd())}));
}

TEST_F(RootBuilderTest, DigestsAreCompared) {
  LayerBlob layer = Layer(Gzip(tar_));
  layer.diff_id = OciDigestOf(tar_);
  Built({layer});
  std::filesystem::remove(output_);
  layer.diff_id = OciDigestOf("other");
  ExpectFailure({layer}, absl::StatusCode::kDataLoss, "its unpacked digest is sha256:");
  layer = Layer(Gzip(tar_));
  layer.digest = OciDigestOf("other");
  ExpectFailure({Layer(tar_), layer}, absl::StatusCode::kDataLoss, "layer 2 (sha256:d9298a10d1b0");
  layer.digest = "md5:1";
  ExpectFailure({layer}, absl::StatusCode::kInvalidArgument, "is no digest");
}

TEST_F(RootBuilderTest, LayersThatAreNoneAreRefusedByName) {
  const std::string gzip = Gzip(tar_), zstd = Zstd(tar_);
  const auto loss = absl::StatusCode::kDataLoss;
  ExpectFailure({Layer(gzip.substr(0, gzip.size() - 5))}, loss, "it is cut short");
  ExpectFailure({Layer(zstd.substr(0, zstd.size() - 5))}, loss, "it is cut short");
  ExpectFailure({Layer(gzip + "more")}, loss, "gzip: ");
  ExpectFailure({Layer(zstd + "more")}, loss, "zstd: ");
  ExpectFailure({Layer(gzip.substr(0, 30) + std::string(20, 'x') + gzip.substr(50))}, loss,
                "gzip: ");
  ExpectFailure({Layer("\xfd"
                       "7zXZ")},
                absl::StatusCode::kFailedPrecondition,
                "compressed with xz; hpcc reads gzip and zstd");
  ExpectFailure({Layer("BZh91AY")}, absl::StatusCode::kFailedPrecondition, "bzip2");
  ExpectFailure({Layer(TestFile("../x", "") + TarEnd())}, absl::StatusCode::kInvalidArgument,
                "): ../x: its path climbs");
}

TEST_F(RootBuilderTest, LimitsAreOfAllLayersTogether) {
  const auto code = absl::StatusCode::kResourceExhausted;
  const std::vector<LayerBlob> layers = {Layer(tar_), Layer(tar_)};
  RootOptions options;
  options.limits.entries = 3;
  ExpectFailure(layers, code, "layer 2", options);
  options = {};
  options.limits.bytes = 600'001;
  ExpectFailure(layers, code, "): b: with it there are more than", options);
  options = {};
  options.limits.tar_bytes = tar_.size() + 1;
  ExpectFailure(layers, code, "it unpacks to more than", options);
}

TEST_F(RootBuilderTest, BombIsFoundByItsRatio) {
  const std::string bomb =
      TestHeader('0', "zeros", 100 << 20) + std::string(100 << 20, '\0') + TarEnd();
  ExpectFailure({Layer(Gzip(bomb))}, absl::StatusCode::kResourceExhausted,
                "it unpacks to more than 200 times its size");
  RootOptions options;
  options.limits.expansion = 2000;
  Built({Layer(Gzip(bomb))}, options);
}

TEST_F(RootBuilderTest, ProgressIsToldAndCanStopTheBuilding) {
  RootOptions options;
  std::vector<uint64_t> done;
  uint64_t total = 0;
  options.progress = [&](const RootProgress& progress) {
    done.push_back(progress.done);
    total = progress.total;
    return absl::OkStatus();
  };
  Built({Layer(tar_)}, options);
  EXPECT_EQ(total, 2 * tar_.size());
  EXPECT_EQ(done.back(), total);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  std::filesystem::remove(output_);
  options.progress = [](const RootProgress&) { return absl::CancelledError("enough"); };
  ExpectFailure({Layer(tar_)}, absl::StatusCode::kCancelled, "enough", options);
}

TEST_F(RootBuilderTest, AgentTakesTheImagesPlace) {
  RootOptions options;
  options.agent_path = directory_ + "/agent";
  std::ofstream(options.agent_path) << "agent";
  const std::string with = Built(
      {Layer(TestFile(".hpcc/agent", "evil") + TestFile(".hpcc/more", "x") + TarEnd())}, options);
  EXPECT_EQ(with, Built({}, options));
  options.agent_path = directory_ + "/none";
  EXPECT_EQ(Build({}, options).code(), absl::StatusCode::kNotFound);
}

TEST_F(RootBuilderTest, EveryFailureOfTheFileSystemIsToldAndLeavesNothing) {
  FaultyFileSystem fs(FileSystem::Real());
  const std::vector<LayerBlob> layers = {Layer(Gzip(tar_)), Layer(tar_)};
  RootOptions options;
  options.agent_path = layers[0].path;
  fs.Behave();
  ASSERT_TRUE(Build(layers, options, fs).ok());
  const int calls = fs.calls();
  ASSERT_GT(calls, 15);
  std::filesystem::remove(output_);
  for (int n = 1; n <= calls; ++n) {
    fs.FailCall(n, EIO);
    EXPECT_FALSE(Build(layers, options, fs).ok()) << n;
    ExpectNothingLeft();
  }
  fs.FillDisk();
  EXPECT_EQ(Build(layers, options, fs).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(RootBuilderTest, LayerThatChangesBetweenTheReadingsIsDataLoss) {
  const LayerBlob layer = Layer(tar_);
  RootOptions options;
  bool changed = false;
  options.progress = [&](const RootProgress& progress) {
    if (progress.done >= tar_.size() && !std::exchange(changed, true)) {
      std::string other = tar_;
      other[kTarBlock + 5] = 'X';
      std::ofstream(layer.path) << other;
    }
    return absl::OkStatus();
  };
  // Progress is told about every MiB: the layer must be that long.
  const LayerBlob large = Layer(TestFile("c", std::string(3 << 20, 'c')) + TarEnd());
  ExpectFailure({layer, large}, absl::StatusCode::kDataLoss, "its digest is", options);
}

}  // namespace
}  // namespace hpcc
