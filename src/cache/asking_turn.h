#ifndef HPCC_CACHE_ASKING_TURN_H_
#define HPCC_CACHE_ASKING_TURN_H_

// Of the processes that want to know the same at the same time, one finds out and the others wait
// for what it remembers: a build begins with as many compiles as there are CPUs, and on a machine
// that is new to it all of them don't know the compiler.
//
// The turn is an advisory lock on a file of its own, which goes with its holder. Nobody depends on
// it: who can't get one, or has waited long enough, finds out by himself.

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file_system.h"

namespace hpcc {

// Some ten times of what asking gcc or clang takes.
inline constexpr std::chrono::milliseconds kTurnPatience{250};

class AskingTurn {
 public:
  // Takes the turn for `question` or waits until who has it is done, kTurnPatience at most.
  // `directory` need not exist. `fs` and `clock` outlive the object.
  AskingTurn(FileSystem& fs, Clock& clock, const std::string& directory, const Digest& question);
  ~AskingTurn();
  AskingTurn(const AskingTurn&) = delete;
  AskingTurn& operator=(const AskingTurn&) = delete;

  // Whether this process is the one that finds out.
  bool mine() const { return mine_; }

 private:
  FileSystem& fs_;
  const std::string path_;
  std::unique_ptr<File> file_;
  bool mine_ = false;
};

}  // namespace hpcc

#endif  // HPCC_CACHE_ASKING_TURN_H_
