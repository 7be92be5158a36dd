#include <unistd.h>

#include "base/path.h"
#include "base/private_directory.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/daemon_status.h"
#include "cli/doctor_checks.h"
#include "cli/text.h"
#include "client/daemon_place.h"

namespace hpcc {

namespace {

using Level = Finding::Level;

constexpr std::string_view kCheck = "daemon";
constexpr std::string_view kRestart = "Run: hpcc stop; hpcc start --background";

class DaemonCheck {
 public:
  DaemonCheck(const CommandContext& context, std::vector<Finding>* findings)
      : context_(context), place_(context.config, context.environment), findings_(findings) {}

  void Run() {
    CheckSettings();
    if (context_.config.daemon.use && DirectoryIsPrivate()) CheckAnswer();
  }

 private:
  void Report(Level level, std::string text) {
    findings_->push_back({level, std::string(kCheck), std::move(text)});
  }

  void CheckSettings() {
    const std::string directory = context_.environment.GetOrEmpty("HPCC_RUNTIME_DIR");
    if (!directory.empty() && !path::IsAbsolute(directory)) {
      Report(Level::kWarn, StrCat("HPCC_RUNTIME_DIR is not an absolute path (",
                                  Printable(directory), ") and is not looked at"));
    }
    if (context_.config.daemon.use) return;
    if (context_.config.daemon.autostart) {
      Report(Level::kWarn, "daemon.autostart has no effect while daemon.use is false");
    } else {
      Report(Level::kOk, "daemon.use is false: no daemon is asked");
    }
  }

  bool DirectoryIsPrivate() {
    const absl::Status checked = CheckPrivateDirectory(place_.directory());
    if (!absl::IsFailedPrecondition(checked)) return true;
    Report(Level::kWarn, StrCat("wrappers ask no daemon, and none starts: ",
                                Printable(std::string(checked.message()))));
    return false;
  }

  void CheckAnswer() {
    if (FileExists(context_.fs, place_.silent_marker())) {
      Report(
          Level::kWarn,
          StrCat("a daemon did not answer in time, so wrappers work without it until it goes on ",
                 "or another is started. If it is stopped or stuck, end it",
                 KillHint(" (kill -KILL "), " and run: hpcc start --background"));
      return;
    }
    const absl::StatusOr<daemon_v1::StatusReport> report = QueryDaemon(context_);
    if (report.ok()) {
      CheckReport(*report);
    } else if (absl::IsNotFound(report.status())) {
      ReportNone();
    } else if (absl::IsFailedPrecondition(report.status())) {
      ReportRefusal(report.status());
    } else {
      Report(Level::kWarn, StrCat("a daemon listens at ", Printable(place_.directory()),
                                  " and does not answer as it should (",
                                  Printable(std::string(report.status().message())),
                                  "); wrappers work without it"));
    }
  }

  void CheckReport(const daemon_v1::StatusReport& report) {
    const std::string process = StrCat("process ", report.process());
    if (report.hpcc_version() != HPCC_VERSION) {
      Report(Level::kWarn,
             StrCat("the daemon (", process, ") is hpcc ", Printable(report.hpcc_version()),
                    ", this is ", HPCC_VERSION, ". ", kRestart));
    } else {
      Report(Level::kOk,
             StrCat("the daemon answers at ", Printable(place_.directory()), " (", process, ")"));
    }
    if (report.security_events() != 0) {
      Report(Level::kWarn, StrCat("the daemon counted ", report.security_events(),
                                  " security events; its log (log_file) says what they were"));
    }
  }

  // The command that ends it: `command` and its number; "" when that isn't known, or by now is the
  // number of another program.
  std::string KillHint(std::string_view command) {
    const absl::StatusOr<DaemonAddress> address = ReadDaemonAddress(context_.fs, place_);
    if (!address.ok()) return "";
    const std::string program =
        context_.fs.ReadLink(StrCat("/proc/", address->process, "/exe")).value_or("");
    if (!path::Basename(program).starts_with("hpcc-daemon")) return "";
    return StrCat(command, address->process, ")");
  }

  // `hpcc stop` would be refused, too.
  void ReportRefusal(const absl::Status& status) {
    Report(Level::kWarn,
           StrCat("the daemon refuses to talk to this hpcc, so wrappers work without it: ",
                  Printable(std::string(status.message())), ". End it", KillHint(" (kill "),
                  " and run: hpcc start --background"));
  }

  void ReportNone() {
    const bool guessed = context_.environment.GetOrEmpty("HPCC_RUNTIME_DIR").empty() &&
                         context_.environment.GetOrEmpty("XDG_RUNTIME_DIR").empty();
    const std::string runtime = StrCat("/run/user/", geteuid());
    if (guessed && FileExists(context_.fs, path::Join(runtime, "hpcc/daemon.sock"))) {
      Report(Level::kWarn, StrCat("a daemon's socket is in ", runtime, "/hpcc, but is not looked ",
                                  "for: XDG_RUNTIME_DIR is not set here. Set it to ", runtime));
      return;
    }
    Report(Level::kOk,
           StrCat("no daemon runs (", Printable(place_.directory()), "), and none is needed",
                  context_.config.daemon.autostart ? "; the next compile starts one" : ""));
  }

  const CommandContext& context_;
  const DaemonPlace place_;
  std::vector<Finding>* findings_;
};

}  // namespace

void CheckDaemon(const CommandContext& context, std::vector<Finding>* findings) {
  DaemonCheck(context, findings).Run();
}

}  // namespace hpcc
