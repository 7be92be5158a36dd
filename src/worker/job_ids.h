#ifndef HPCC_WORKER_JOB_IDS_H_
#define HPCC_WORKER_JOB_IDS_H_

// Names of jobs for audit rows: 32 hexadecimal digits, unique beyond this process's life. They come
// from a count and a secret, so that a tenant can't tell from its own how many others there are.

#include <atomic>
#include <cstdint>
#include <string>

#include "base/digest.h"

namespace hpcc {

// Thread-safe.
class JobIds {
 public:
  JobIds();
  std::string Next();

 private:
  const Hasher seeded_;
  std::atomic<uint64_t> last_{0};
};

}  // namespace hpcc

#endif  // HPCC_WORKER_JOB_IDS_H_
