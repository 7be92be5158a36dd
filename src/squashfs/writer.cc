#include "squashfs/writer.h"

#include <utility>

#include "base/status.h"
#include "squashfs/data_writer.h"
#include "squashfs/format.h"
#include "squashfs/metadata.h"
#include "squashfs/tree_tables.h"

namespace hpcc {

namespace {

using squashfs::Compressor;
using squashfs::DataWriter;
using squashfs::Put;

// Whoever mounts it, or runs a machine on it, is often another user than whoever made it.
constexpr uint32_t kFinishedMode = 0644;

struct Superblock {
  uint32_t inodes = 0;
  uint32_t time = 0;
  uint32_t fragments = 0;
  uint16_t compressor = 0;
  uint16_t flags = squashfs::kDuplicatesChecked | squashfs::kExportable;
  uint16_t ids = 0;
  uint64_t root = 0;
  uint64_t bytes = 0;
  uint64_t id_table = 0;
  uint64_t xattr_table = squashfs::kNoTable;
  uint64_t inode_table = 0;
  uint64_t directory_table = 0;
  uint64_t fragment_table = 0;
  uint64_t export_table = 0;

  std::string Bytes() const {
    std::string out;
    for (uint32_t number :
         {squashfs::kMagic, inodes, time, static_cast<uint32_t>(squashfs::kBlockSize), fragments}) {
      Put(&out, number);
    }
    for (uint16_t number : {compressor, static_cast<uint16_t>(squashfs::kBlockLog), flags, ids,
                            uint16_t{4}, uint16_t{0}}) {
      Put(&out, number);
    }
    for (uint64_t number : {root, bytes, id_table, xattr_table, inode_table, directory_table,
                            fragment_table, export_table}) {
      Put(&out, number);
    }
    return out;
  }
};

// What stands in front of the data: room for the superblock, and how blocks are packed.
std::string Head(const Compressor& compressor) {
  std::string head(squashfs::kSuperblockSize, '\0');
  const std::string options = compressor.options();
  Put<uint16_t>(&head, static_cast<uint16_t>(options.size() | squashfs::kStoredMetadata));
  return head + options;
}

class Writer final : public SquashfsWriter {
 public:
  Writer(std::unique_ptr<File> output, std::unique_ptr<File> written,
         std::unique_ptr<Compressor> compressor, uint64_t position, uint32_t time)
      : output_(std::move(output)),
        written_(std::move(written)),
        compressor_(std::move(compressor)),
        data_(*output_, *written_, position, *compressor_) {
    super_.time = time;
    super_.compressor = compressor_->id();
    super_.flags |= squashfs::kCompressorOptions;
  }

  absl::Status AppendData(std::string_view data) override { return data_.Append(data); }
  absl::Status AppendZeros(uint64_t size) override { return data_.AppendZeros(size); }
  absl::StatusOr<SquashfsData> EndData() override { return data_.EndFile(); }

  absl::Status Finish(const SquashfsTree& tree) override {
    HPCC_RETURN_IF_ERROR(data_.Finish());
    position_ = data_.position();
    squashfs::TreeTables tables(tree, data_.files(), *compressor_);
    HPCC_RETURN_IF_ERROR(tables.Make());
    super_.inodes = static_cast<uint32_t>(tables.references().size() / sizeof(uint64_t));
    super_.root = tables.root();
    super_.inode_table = position_;
    HPCC_RETURN_IF_ERROR(Write(tables.inodes()));
    super_.directory_table = position_;
    HPCC_RETURN_IF_ERROR(Write(tables.directories()));
    super_.fragments = static_cast<uint32_t>(data_.fragments().size());
    HPCC_ASSIGN_OR_RETURN(super_.fragment_table, WriteTable(FragmentEntries()));
    HPCC_ASSIGN_OR_RETURN(super_.export_table, WriteTable(tables.references()));
    super_.ids = static_cast<uint16_t>(tables.ids().size() / sizeof(uint32_t));
    HPCC_ASSIGN_OR_RETURN(super_.id_table, WriteTable(tables.ids()));
    HPCC_RETURN_IF_ERROR(WriteXattrs(tables.xattrs()));
    return WriteEnds();
  }

 private:
  absl::Status Write(std::string_view bytes) {
    position_ += bytes.size();
    return output_->Write(bytes);
  }

  absl::StatusOr<uint64_t> WriteTable(std::string_view entries) {
    HPCC_ASSIGN_OR_RETURN(const squashfs::LookupTable table,
                          squashfs::MakeLookupTable(entries, position_, *compressor_));
    HPCC_RETURN_IF_ERROR(Write(table.blocks));
    const uint64_t places = position_;
    HPCC_RETURN_IF_ERROR(Write(table.places));
    return places;
  }

  std::string FragmentEntries() const {
    std::string entries;
    for (const squashfs::Fragment& fragment : data_.fragments()) {
      Put<uint64_t>(&entries, fragment.start);
      Put<uint32_t>(&entries, fragment.size);
      Put<uint32_t>(&entries, 0);
    }
    return entries;
  }

  absl::Status WriteXattrs(squashfs::XattrTable& xattrs) {
    if (xattrs.empty()) {
      super_.flags |= squashfs::kNoXattrs;
      return absl::OkStatus();
    }
    HPCC_ASSIGN_OR_RETURN(const squashfs::XattrTable::Finished table, xattrs.Finish(position_));
    super_.xattr_table = table.header;
    return Write(table.bytes);
  }

  // The padding, and the superblock: until then it is no file system.
  absl::Status WriteEnds() {
    super_.bytes = position_;
    const size_t over = position_ % squashfs::kPadding;
    if (over != 0) HPCC_RETURN_IF_ERROR(Write(std::string(squashfs::kPadding - over, '\0')));
    HPCC_RETURN_IF_ERROR(output_->WriteAt(0, super_.Bytes()));
    HPCC_RETURN_IF_ERROR(output_->SetMode(kFinishedMode));
    return output_->Close();
  }

  const std::unique_ptr<File> output_;
  const std::unique_ptr<File> written_;
  const std::unique_ptr<Compressor> compressor_;
  DataWriter data_;
  uint64_t position_ = 0;
  Superblock super_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SquashfsWriter>> SquashfsWriter::Create(
    FileSystem& fs, const std::string& path, const SquashfsOptions& options) {
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<Compressor> compressor,
                        Compressor::Create(options.compression, options.level));
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<File> output, fs.Create(path, 0644));
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<File> written, fs.OpenForReading(path));
  const std::string head = Head(*compressor);
  HPCC_RETURN_IF_ERROR(output->Write(head));
  return std::make_unique<Writer>(std::move(output), std::move(written), std::move(compressor),
                                  head.size(), options.time);
}

}  // namespace hpcc
