#include "base/process_state.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

namespace hpcc {
namespace {

// A shell that starts another one, which does as told; both end with the object.
class ShellInShell {
 public:
  explicit ShellInShell(const std::string& command) {
    process_ = fork();
    if (process_ != 0) {
      setpgid(process_, process_);  // whichever comes first
      return;
    }
    setpgid(0, 0);
    const std::string outer = "sh -c '" + command + "'; :";
    execl("/bin/sh", "sh", "-c", outer.c_str(), nullptr);
    _exit(127);
  }
  ~ShellInShell() {
    kill(-process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }

  pid_t process() const { return process_; }

 private:
  pid_t process_;
};

template <typename Condition>
bool Soon(Condition condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

TEST(ProcessStateTest, TicksGoOnWhileAnythingThatWasStartedWorks) {
  const ShellInShell busy("while :; do :; done");
  const uint64_t before = ProcessorTicksOf(busy.process());
  EXPECT_TRUE(Soon([&] { return ProcessorTicksOf(busy.process()) > before + 5; }));
}

TEST(ProcessStateTest, TicksStandStillWhileAllSleep) {
  const ShellInShell idle("sleep 100");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // to start
  EXPECT_TRUE(Soon([&] {
    const uint64_t before = ProcessorTicksOf(idle.process());
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return ProcessorTicksOf(idle.process()) == before;
  }));
  EXPECT_EQ(ProcessorTicksOf(0), 0);
}

TEST(ProcessStateTest, AGrandchildThatIsStoppedStopsItAll) {
  const ShellInShell stopped("kill -STOP $$; sleep 100");
  EXPECT_TRUE(Soon([&] { return IsStoppedOrGone(stopped.process()); }));
  const ShellInShell going("sleep 100");
  EXPECT_FALSE(IsStoppedOrGone(going.process()));
}

}  // namespace
}  // namespace hpcc
