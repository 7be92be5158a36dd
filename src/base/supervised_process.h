#ifndef HPCC_BASE_SUPERVISED_PROCESS_H_
#define HPCC_BASE_SUPERVISED_PROCESS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/process.h"

namespace hpcc {

// A program that runs beside this one for as long as this one wants it to, and no longer: it is
// ended with the thread that started it, however that ends. Not thread-safe.
class SupervisedProcess {
 public:
  // Its standard input is empty; output and errors are appended to the file `log`, which is made
  // with mode 0600. argv[0] is a path. It is in a process group of its own, so that a Ctrl-C on
  // the terminal reaches it through this process only.
  static absl::StatusOr<SupervisedProcess> Start(const std::vector<std::string>& argv,
                                                 const Environment& environment,
                                                 const std::string& log);
  SupervisedProcess(SupervisedProcess&& other) noexcept;
  SupervisedProcess& operator=(SupervisedProcess&&) = delete;
  ~SupervisedProcess();  // kills it, if it still runs

  int64_t process() const { return process_; }
  // How it ended; nothing while it runs. Never waits.
  std::optional<ExitStatus> Poll();
  // SIGTERM, and SIGKILL when it has not ended within `patience`. The value is how it ended.
  ExitStatus Stop(std::chrono::milliseconds patience);

 private:
  explicit SupervisedProcess(int64_t process) : process_(process) {}

  int64_t process_;
  std::optional<ExitStatus> ended_;
};

}  // namespace hpcc

#endif  // HPCC_BASE_SUPERVISED_PROCESS_H_
