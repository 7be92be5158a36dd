#ifndef HPCC_AGENT_EXEC_PLAN_H_
#define HPCC_AGENT_EXEC_PLAN_H_

// What the agent and the supervisor of one exec tell each other. Both are the same program (the one
// was forked from the other), so what is here never leaves it and needs no version.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/exec_header.h"
#include "agent/stage.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// Whose a world is, before there is a plan for it. Sent as it lies in memory.
struct ExecOwner {
  ExecIdentity identity;
  bool own_identity = false;  // nothing else in the sandbox has it
};

struct ExecPlan {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::string working_directory;
  std::vector<std::string> writable;
  ExecBounds bounds;
  uint64_t stage_bytes_before = 0;
  std::chrono::nanoseconds start{0};  // when the plan was sent, of the steady clock
};

std::string EncodeExecPlan(const ExecPlan& plan);
absl::StatusOr<ExecPlan> DecodeExecPlan(std::string_view bytes);

// An encoded plan over a stream socket. Unavailable: the other end is gone.
absl::Status SendExecPlan(std::string_view encoded, const Descriptor& socket);
// Waits for its first byte for as long as there is another end. Makes no system call that a command
// can't.
absl::StatusOr<std::string> ReceiveExecPlan(const Descriptor& socket);

// How an exec ended. Sent as it lies in memory.
struct ExecReport {
  enum class Outcome : uint32_t {
    kEnded = 1,       // the command ran
    kNotStarted = 2,  // it could not be run: `error` at `step`
  };
  Outcome outcome = Outcome::kNotStarted;
  int32_t exit_status = 0;
  int32_t signal = 0;
  int32_t exceeded = 0;  // agent.v1's ExecResult.Limit
  int32_t error = 0;     // errno
  // 1: `exceeded` says whether the kernel ended a process of this exec for want of memory. 0:
  // nobody can tell one exec's from another's.
  int32_t memory_told = 0;
  char step[48] = {};  // NUL at its end
  int64_t wall_ns = 0;
  int64_t cpu_ns = 0;
  uint64_t peak_memory_bytes = 0;

  void NoteFailure(std::string_view at_step, int with_error);
};

}  // namespace hpcc

#endif  // HPCC_AGENT_EXEC_PLAN_H_
