#ifndef HPCC_CLIENT_COMPILE_SUBJECT_H_
#define HPCC_CLIENT_COMPILE_SUBJECT_H_

// One compile as somebody asked for it, understood step by step. The wrapper does this for its own
// command line, the daemon for the command line of a wrapper that asks.

#include <optional>
#include <string>

#include "base/environment.h"
#include "base/file_system.h"
#include "cache/toolchain_memo.h"
#include "cache/unit.h"
#include "client/compiler_search.h"
#include "compiler/invocation.h"
#include "compiler/not_cacheable.h"
#include "compiler/toolchain.h"

namespace hpcc {

struct CompileRequest {
  FoundCompiler compiler;
  Environment environment;
  std::string cwd;                 // absolute, as the compiler will name it
  std::string diagnostics_target;  // what diagnostics depend on besides the compile; usually ""
};

// What the diagnostics of a compile run by this process depend on: "" where they are plain text.
std::string DescribeDiagnosticsTarget(const Environment& environment);

// The steps build on each other; each names the rule that says no. The process (or thread) must
// stand in the command's working directory. Not movable: what is made points into it.
class CompileSubject {
 public:
  // Both outlive the object.
  CompileSubject(FileSystem& fs, const CompileRequest& command) : fs_(fs), command_(command) {}
  CompileSubject(const CompileSubject&) = delete;
  CompileSubject& operator=(const CompileSubject&) = delete;

  // Reads the command line.
  std::optional<NotCacheable> Understand();
  // Finds out what the compiler is, and reads the command line again where its name misled.
  std::optional<NotCacheable> Identify(ToolchainMemo& memo);
  // Reads the source and makes the keys.
  std::optional<NotCacheable> Prepare();

  const CompileRequest& command() const { return command_; }
  const Invocation& invocation() const { return invocation_; }
  const ToolchainFacts& toolchain() const { return toolchain_; }
  const Unit& unit() const { return unit_; }

 private:
  std::optional<NotCacheable> Parse(bool is_clang);

  FileSystem& fs_;
  const CompileRequest& command_;
  Invocation invocation_;
  ToolchainFacts toolchain_;
  Unit unit_;
};

}  // namespace hpcc

#endif  // HPCC_CLIENT_COMPILE_SUBJECT_H_
