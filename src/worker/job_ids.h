#ifndef HPCC_WORKER_JOB_IDS_H_
#define HPCC_WORKER_JOB_IDS_H_

// Names of jobs for audit rows, unique beyond this process's life.

#include <atomic>
#include <cstdint>
#include <string>

namespace hpcc {

// Thread-safe.
class JobIds {
 public:
  JobIds();
  std::string Next();

 private:
  const std::string prefix_;
  std::atomic<uint64_t> last_{0};
};

}  // namespace hpcc

#endif  // HPCC_WORKER_JOB_IDS_H_
