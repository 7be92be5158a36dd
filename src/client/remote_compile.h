#ifndef HPCC_CLIENT_REMOTE_COMPILE_H_
#define HPCC_CLIENT_REMOTE_COMPILE_H_

// One compile done by a worker in place of RunCompile (compile_run.h): outputs and streams are
// those the compiler would have had here, and what follows does not see the difference.
//
// Anything but a compile that succeeded is no result: a build never fails for what went wrong
// elsewhere, and of a failure nobody but the compiler here can say whose it is. Outputs are
// untouched then, nothing was printed, and the compiler is to be run here.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file_system.h"
#include "cache/result_bundle.h"
#include "client/compile_journal.h"
#include "client/compile_run.h"
#include "client/compile_subject.h"
#include "config/config.h"
#include "remote/remote_compiles.h"

namespace hpcc {

// What ties the command to this machine; nothing when a worker can be asked. A worker has its own
// rules besides.
std::optional<std::string> WhyNotRemote(const CompileSubject& subject);

class RemoteCompile {
 public:
  // All outlive the object; `config` has remote compiles, and `subject` is prepared.
  RemoteCompile(const Config& config, FileSystem& fs, Clock& clock, const CompileSubject& subject)
      : config_(config), fs_(fs), clock_(clock), subject_(subject) {}

  // Nothing: run the compiler here; cause() says why.
  std::optional<CompileRun> Run();

  FallbackCause cause() const { return cause_; }
  const std::string& detail() const { return detail_; }  // said beside the cause
  bool hit() const { return hit_; }  // after a run: the worker had compiled it before

 private:
  remote_v1::Compile Describe() const;
  std::optional<CompileRun> Use(const RemoteCompiles::Answer& answer, int64_t started_ns);
  bool PutInPlace(const ResultBundle& bundle);
  std::string DependencyText(const ResultBundle& bundle, bool root_is_mapped) const;
  // Names in the sandbox become those of this machine.
  std::string MapBack(std::string_view text, bool root_is_mapped) const;
  std::nullopt_t Fall(FallbackCause cause, std::string_view what);

  const Config& config_;
  FileSystem& fs_;
  Clock& clock_;
  const CompileSubject& subject_;
  FallbackCause cause_ = FallbackCause::kNone;
  std::string detail_;
  bool hit_ = false;
};

// RemoteCompile where remote compiles are configured, counted and noted in `journal`.
std::optional<CompileRun> TryRemoteCompile(const Config& config, FileSystem& fs, Clock& clock,
                                           const CompileSubject& subject, CompileJournal& journal);

}  // namespace hpcc

#endif  // HPCC_CLIENT_REMOTE_COMPILE_H_
