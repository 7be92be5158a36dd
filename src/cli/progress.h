#ifndef HPCC_CLI_PROGRESS_H_
#define HPCC_CLI_PROGRESS_H_

#include <string>

#include "cli/command.h"

namespace hpcc {

// A bar that is rewritten in place, on a terminal and once the work takes long enough to wonder:
//
//   Checking s3://b/cache/default  [########------------]  40.0%  410 of 1024
//
// Its line is cleared at the end.
class Progress {
 public:
  Progress(const CommandContext& context, std::string label);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(uint64_t done, uint64_t total);
  // As "3.1 MiB of 8 MiB".
  void ShowBytes(uint64_t done, uint64_t total);

 private:
  bool IsTime(uint64_t total);
  void Draw(uint64_t done, uint64_t total, const std::string& words);

  const CommandContext& context_;
  const std::string label_;
  const int64_t start_ns_;
  int64_t shown_ns_ = 0;  // 0: not yet
};

}  // namespace hpcc

#endif  // HPCC_CLI_PROGRESS_H_
