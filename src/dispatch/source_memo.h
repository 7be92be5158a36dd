#ifndef HPCC_DISPATCH_SOURCE_MEMO_H_
#define HPCC_DISPATCH_SOURCE_MEMO_H_

// Reads sources and headers for predictions, and remembers what each said for as long as its stamp
// is what it was (cache/file_memo.h): a header that a thousand units include is read once.

#include "base/clock.h"
#include "cache/file_memo.h"
#include "compiler/include_prediction.h"

namespace hpcc {

// For one unit; the memo is shared by all.
class MemoizedReader final : public SourceReader {
 public:
  // All outlive it. `assembler`: texts are assembly, which is scanned otherwise and not remembered.
  MemoizedReader(FileSystem& fs, Clock& clock, FileMemo& memo, bool assembler)
      : fs_(fs), clock_(clock), memo_(memo), assembler_(assembler) {}

  absl::StatusOr<Facts> Look(const std::string& path, const FileStat& stat) override;
  absl::StatusOr<std::string> Text(const std::string& path) override;

 private:
  FileSystem& fs_;
  Clock& clock_;
  FileMemo& memo_;
  const bool assembler_;
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_SOURCE_MEMO_H_
