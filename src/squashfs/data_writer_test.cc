#include "squashfs/data_writer.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <random>

#include "squashfs/format.h"

namespace hpcc::squashfs {
namespace {

constexpr size_t kBlock = kBlockSize;

// Bytes that don't pack, so that what is stored is as long as what went in.
std::string Noise(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string noise(size, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  return noise;
}

class DataWriterTest : public testing::TestWithParam<SquashfsCompression> {
 protected:
  DataWriterTest() {
    std::filesystem::create_directories(directory_);
    std::filesystem::remove(path_);
    compressor_ = *Compressor::Create(GetParam(), 1);
    output_ = *fs_.Create(path_, 0644);
    written_ = *fs_.OpenForReading(path_);
    EXPECT_TRUE(output_->Write("0123").ok());
    writer_.emplace(*output_, *written_, 4, *compressor_);
  }

  uint32_t Add(std::string_view data) {
    EXPECT_TRUE(writer_->Append(data).ok());
    return End();
  }
  uint32_t End() {
    const absl::StatusOr<uint32_t> file = writer_->EndFile();
    EXPECT_TRUE(file.ok()) << file.status();
    return file.value_or(0);
  }
  const StoredFile& Stored(uint32_t file) const { return writer_->files()[file]; }

  std::string Unpack(uint64_t start, uint32_t size, size_t most) const {
    const std::string packed = *written_->ReadAt(start, size & ~kStoredBlock);
    if ((size & kStoredBlock) != 0) return packed;
    std::string out(most, '\0');
    if (GetParam() == SquashfsCompression::kZstd) {
      out.resize(ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size()));
    } else {
      uLongf unpacked = out.size();
      EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(out.data()), &unpacked,
                           reinterpret_cast<const Bytef*>(packed.data()), packed.size()),
                Z_OK);
      out.resize(unpacked);
    }
    return out;
  }

  // As a reader of the file system would.
  std::string Read(uint32_t number) const {
    const StoredFile& file = Stored(number);
    std::string data;
    uint64_t at = file.start;
    for (uint32_t block : file.blocks) {
      const size_t expected = std::min<uint64_t>(kBlock, file.size - data.size());
      data += block == 0 ? std::string(expected, '\0') : Unpack(at, block, kBlock);
      at += block & ~kStoredBlock;
    }
    if (file.fragment != kNone) {
      const Fragment& fragment = writer_->fragments()[file.fragment];
      data += Unpack(fragment.start, fragment.size, kBlock)
                  .substr(file.offset, file.size - data.size());
    }
    EXPECT_EQ(data.size(), file.size);
    return data;
  }

  const std::string directory_ = testing::TempDir() + "/data_writer_test";
  const std::string path_ = directory_ + "/file";
  FileSystem& fs_ = FileSystem::Real();
  std::unique_ptr<Compressor> compressor_;
  std::unique_ptr<File> output_;
  std::unique_ptr<File> written_;
  std::optional<DataWriter> writer_;
};

TEST_P(DataWriterTest, FilesOfEverySizeComeBack) {
  std::vector<std::pair<uint32_t, std::string>> files;
  unsigned seed = 0;
  for (size_t size : {size_t{0}, size_t{1}, size_t{100}, kBlock - 1, kBlock, kBlock + 1, 2 * kBlock,
                      3 * kBlock + 7}) {
    for (const std::string& data :
         {Noise(size, ++seed), std::string(size, 'a'), std::string(size, '\0')}) {
      files.emplace_back(Add(data), data);
    }
  }
  ASSERT_TRUE(writer_->Finish().ok());
  for (const auto& [number, data] : files) EXPECT_EQ(Read(number), data);
}

TEST_P(DataWriterTest, PiecesOfAnySizeMakeTheSameFile) {
  const std::string data = Noise(2 * kBlock + 5, 1);
  const uint32_t whole = Add(data);
  const uint64_t position = writer_->position();
  for (size_t at = 0, size = 1; at < data.size(); at += size, size = size * 3 + 1) {
    ASSERT_TRUE(writer_->Append(std::string_view(data).substr(at, size)).ok());
  }
  const uint32_t pieces = End();
  EXPECT_EQ(Stored(pieces).blocks, Stored(whole).blocks);
  EXPECT_EQ(Stored(pieces).start, Stored(whole).start);
  EXPECT_EQ(Stored(pieces).offset, Stored(whole).offset);
  EXPECT_EQ(writer_->position(), position);
}

TEST_P(DataWriterTest, FileThatIsThereAlreadyTakesNoSpace) {
  const std::string data = Noise(3 * kBlock + 99, 1);
  Add(data);
  const uint64_t position = writer_->position();
  Add(data);
  Add(data.substr(0, 2 * kBlock));  // a beginning of it
  Add(data.substr(3 * kBlock));     // its tail
  EXPECT_EQ(writer_->position(), position);
  ASSERT_TRUE(writer_->Finish().ok());
  EXPECT_EQ(writer_->fragments().size(), 1u);
  EXPECT_EQ(Read(2), data);
  EXPECT_EQ(Read(3), data.substr(0, 2 * kBlock));
  EXPECT_EQ(Read(4), data.substr(3 * kBlock));
}

TEST_P(DataWriterTest, FileThatDepartsFromAnotherHasItsBlocksInOneRow) {
  const std::string common = Noise(2 * kBlock, 1);
  std::vector<std::string> files;
  for (unsigned seed : {2, 3, 4}) {
    files.push_back(common + Noise(kBlock, seed) + "tail");
    Add(files.back());
  }
  Add(files[1]);  // a duplicate of one that departed
  files.push_back(files[1]);
  ASSERT_TRUE(writer_->Finish().ok());
  EXPECT_EQ(Stored(4).start, Stored(2).start);
  for (uint32_t i = 0; i < files.size(); ++i) EXPECT_EQ(Read(i + 1), files[i]);
}

TEST_P(DataWriterTest, ZerosAreHoles) {
  const std::string block = Noise(kBlock, 1);
  ASSERT_TRUE(writer_->Append("head").ok());
  ASSERT_TRUE(writer_->AppendZeros(5 * kBlock).ok());
  ASSERT_TRUE(writer_->Append(block).ok());
  const uint32_t file = End();
  EXPECT_EQ(Stored(file).holes, 4 * kBlock);
  const uint32_t same = Add("head" + std::string(5 * kBlock, '\0') + block);
  EXPECT_EQ(Stored(same).blocks, Stored(file).blocks);
  const uint64_t position = writer_->position();
  ASSERT_TRUE(writer_->AppendZeros(100 * kBlock + 3).ok());
  const uint32_t empty = End();
  EXPECT_EQ(writer_->position(), position);
  EXPECT_EQ(Stored(empty).holes, Stored(empty).size);
  ASSERT_TRUE(writer_->AppendZeros(2 * kBlock).ok());  // begins as the last one does, and departs
  ASSERT_TRUE(writer_->Append(block).ok());
  const uint32_t departed = End();
  ASSERT_TRUE(writer_->Finish().ok());
  EXPECT_EQ(Read(file), "head" + std::string(5 * kBlock, '\0') + block);
  EXPECT_EQ(Read(empty), std::string(100 * kBlock + 3, '\0'));
  EXPECT_EQ(Read(departed), std::string(2 * kBlock, '\0') + block);
}

INSTANTIATE_TEST_SUITE_P(Compressions, DataWriterTest,
                         testing::Values(SquashfsCompression::kZstd, SquashfsCompression::kGzip));

}  // namespace
}  // namespace hpcc::squashfs
