#include "image/root_builder.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "image/layer_tree.h"
#include "image/root_layer.h"
#include "squashfs/writer.h"

namespace hpcc {

namespace {

using Kind = SquashfsInode::Kind;

constexpr uint64_t kProgressStep = uint64_t{1} << 20;
constexpr size_t kAgentStep = size_t{1} << 20;
constexpr std::string_view kAgentDirectory = ".hpcc";
constexpr std::string_view kAgentName = "agent";

class RootBuilder {
 public:
  RootBuilder(const std::vector<LayerBlob>& layers, const RootOptions& options, FileSystem& fs)
      : layers_(layers), options_(options), fs_(fs) {}

  absl::Status Build(const std::string& path) {
    HPCC_RETURN_IF_ERROR(CountBytes());
    HPCC_RETURN_IF_ERROR(ReadTree());
    AddMountPoints();
    HPCC_ASSIGN_OR_RETURN(
        writer_,
        SquashfsWriter::Create(fs_, path,
                               {.compression = options_.compression == RootCompression::kZstd
                                                   ? SquashfsCompression::kZstd
                                                   : SquashfsCompression::kGzip,
                                .level = options_.level}));
    HPCC_RETURN_IF_ERROR(WriteLayers());
    if (!options_.agent_path.empty()) HPCC_RETURN_IF_ERROR(AddAgent());
    HPCC_RETURN_IF_ERROR(writer_->Finish(root_.tree));
    return Report(/*last=*/true);
  }

 private:
  absl::Status CountBytes() {
    for (const LayerBlob& layer : layers_) {
      HPCC_ASSIGN_OR_RETURN(const FileStat stat, StatFile(fs_, layer.path));
      if (!stat.is_regular()) {
        return absl::FailedPreconditionError(
            StrCat(layer.path, ": a layer must be a regular file"));
      }
      progress_.total += 2 * stat.size;
    }
    return absl::OkStatus();
  }

  absl::Status Report(bool last) {
    if (!options_.progress || (!last && progress_.done < next_report_)) return absl::OkStatus();
    next_report_ = progress_.done + kProgressStep;
    if (last) progress_.done = progress_.total;
    return options_.progress(progress_);
  }

  LayerReading NewReading() {
    return {.on_read =
                [this](uint64_t bytes) {
                  progress_.done += bytes;
                  return Report(/*last=*/false);
                },
            .tar_bytes_left = options_.limits.tar_bytes};
  }

  absl::Status ReadTree() {
    LayerTree tree({.entries = options_.limits.entries,
                    .bytes = options_.limits.bytes,
                    .metadata_bytes = options_.limits.metadata_bytes});
    LayerReading reading = NewReading();
    reading.on_member = [&tree](TarReader&, const TarEntry& entry) { return tree.Add(entry); };
    for (size_t i = 0; i < layers_.size(); ++i) {
      tree.BeginLayer();
      HPCC_RETURN_IF_ERROR(ReadLayer(layers_[i], i + 1, options_.limits, fs_, &reading));
    }
    root_ = tree.Flatten({kAgentDirectory, "proc", "sys", "dev"});
    return absl::OkStatus();
  }

  uint32_t AddInode(std::string_view name, uint32_t directory, SquashfsInode inode) {
    std::vector<SquashfsInode>& inodes = root_.tree.inodes;
    inodes.push_back(std::move(inode));
    const auto place = static_cast<uint32_t>(inodes.size() - 1);
    inodes[directory].entries->insert_or_assign(std::string(name), place);
    return place;
  }

  void AddMountPoints() {
    for (std::string_view path : kRootMountPoints) {
      const std::string_view name = path.substr(1);
      const SquashfsInode::Entries& entries = *root_.tree.inodes[0].entries;
      const auto found = entries.find(name);
      const bool is_directory =
          found != entries.end() && root_.tree.inodes[found->second].kind == Kind::kDirectory;
      if (is_directory && name != kAgentDirectory) continue;
      SquashfsInode inode{.kind = Kind::kDirectory,
                          .mode = static_cast<uint16_t>(name == "tmp" ? 01777 : 0755)};
      inode.entries = std::make_unique<SquashfsInode::Entries>();
      AddInode(name, 0, std::move(inode));
    }
  }

  // The second reading. A layer of which nothing stays isn't read again.
  absl::Status WriteLayers() {
    auto next = root_.data.begin();
    LayerReading reading = NewReading();
    for (size_t i = 0; i < layers_.size(); ++i) {
      if (next == root_.data.end() || next->layer != i) continue;
      uint32_t member = 0;
      reading.on_member = [&](TarReader& reader, const TarEntry& entry) -> absl::Status {
        const bool stays = next != root_.data.end() && next->layer == i && next->member == member;
        ++member;
        if (!stays) return absl::OkStatus();
        if (entry.kind != TarEntry::Kind::kFile) return Changed();
        HPCC_ASSIGN_OR_RETURN(root_.tree.inodes[next->inode].data, WriteData(reader));
        ++next;
        return absl::OkStatus();
      };
      HPCC_RETURN_IF_ERROR(ReadLayer(layers_[i], i + 1, options_.limits, fs_, &reading));
      if (next != root_.data.end() && next->layer == i) return Changed();
    }
    return absl::OkStatus();
  }

  static absl::Status Changed() {
    return absl::DataLossError("a layer changed while the root was made of it");
  }

  absl::StatusOr<SquashfsData> WriteData(TarReader& reader) {
    for (;;) {
      HPCC_ASSIGN_OR_RETURN(const TarReader::Piece piece, reader.ReadData());
      if (piece.zeros > 0) {
        HPCC_RETURN_IF_ERROR(writer_->AppendZeros(piece.zeros));
      } else if (piece.bytes.empty()) {
        return writer_->EndData();
      } else {
        HPCC_RETURN_IF_ERROR(writer_->AppendData(piece.bytes));
      }
    }
  }

  absl::Status AddAgent() {
    HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                          fs_.OpenForReading(options_.agent_path));
    HPCC_ASSIGN_OR_RETURN(const FileStat stat, file->Stat());
    if (!stat.is_regular()) {
      return absl::FailedPreconditionError(
          StrCat(options_.agent_path, ": the agent must be a regular file"));
    }
    for (uint64_t at = 0;;) {
      HPCC_ASSIGN_OR_RETURN(const std::string part, file->ReadAt(at, kAgentStep));
      if (part.empty()) break;
      at += part.size();
      HPCC_RETURN_IF_ERROR(writer_->AppendData(part));
    }
    SquashfsInode inode{.mode = 0755};
    HPCC_ASSIGN_OR_RETURN(inode.data, writer_->EndData());
    const uint32_t directory = root_.tree.inodes[0].entries->find(kAgentDirectory)->second;
    AddInode(kAgentName, directory, std::move(inode));
    return absl::OkStatus();
  }

  const std::vector<LayerBlob>& layers_;
  const RootOptions& options_;
  FileSystem& fs_;
  LayerTree::Flat root_;
  std::unique_ptr<SquashfsWriter> writer_;
  RootProgress progress_;
  uint64_t next_report_ = 0;
};

}  // namespace

absl::Status BuildRoot(const std::vector<LayerBlob>& layers, const RootOptions& options,
                       FileSystem& fs, const std::string& output_path) {
  const std::string aside = TemporaryNameBeside(output_path);
  absl::Status status = RootBuilder(layers, options, fs).Build(aside);
  if (status.ok()) status = fs.Rename(aside, output_path);
  if (!status.ok()) (void)fs.Remove(aside);
  return status;
}

}  // namespace hpcc
