#ifndef HPCC_TELEMETRY_FAULTY_VFS_H_
#define HPCC_TELEMETRY_FAULTY_VFS_H_

// A SQLite VFS (https://sqlite.org/vfs.html) that fails on order, for tests: the machine's own, but
// for the n-th call that changes a file (write, truncate, sync, delete), and all later ones.

#include <string>

namespace hpcc {

// One at a time in a process.
class FaultyVfs {
 public:
  enum class Fault {
    kNone,
    kIoError,  // the n-th call isn't done and fails; later ones are done
    kFull,     // from the n-th on, every write fails for want of space
    kDead,     // from the n-th on, every call fails, as if the process were dead
    kTorn,     // the n-th call, if it is a write, writes half of its data; later ones fail
  };

  FaultyVfs();  // registers it
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  static const char* name();
  // Counting starts afresh: the first call is 1.
  void Give(Fault fault, int n);
  int calls() const;
};

}  // namespace hpcc

#endif  // HPCC_TELEMETRY_FAULTY_VFS_H_
