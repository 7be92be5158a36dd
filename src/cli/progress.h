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

 private:
  const CommandContext& context_;
  const std::string label_;
  const int64_t start_ns_;
  int64_t shown_ns_ = 0;  // 0: not yet
};

}  // namespace hpcc

#endif  // HPCC_CLI_PROGRESS_H_
