#include "dispatch/source_memo.h"

#include "base/status.h"
#include "cache/unit.h"

namespace hpcc {

absl::StatusOr<SourceReader::Facts> MemoizedReader::Look(const std::string& path,
                                                         const FileStat& stat) {
  if (!assembler_) {
    std::optional<FileFacts> known = memo_.Find(FileStamp::Of(stat));
    if (known && known->scanned != nullptr) return Facts{known->digest, std::move(known->scanned)};
  }
  const int64_t now_ns = clock_.FileStampNanoseconds();
  FileStat read;
  HPCC_ASSIGN_OR_RETURN(const std::string text, ReadFileAndStat(fs_, path, kMaxSourceBytes, &read));
  const FileFacts facts{Digest::Of(text),
                        std::make_shared<const ScannedText>(ScanForIncludes(text, assembler_))};
  if (!assembler_) memo_.Remember(FileStamp::Of(read), facts, now_ns);
  return Facts{facts.digest, facts.scanned};
}

absl::StatusOr<std::string> MemoizedReader::Text(const std::string& path) {
  return ReadFile(fs_, path, kMaxSourceBytes);
}

}  // namespace hpcc
