#include "worker/worker_command.h"

#include "base/status.h"
#include "base/strings.h"
#include "compiler/manifest.h"
#include "hpcc/worker/v1/worker.pb.h"
#include "worker/limits.h"

namespace hpcc {

namespace {

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("command: ", what));
}

absl::Status CheckSizes(const worker::v1::Command& message) {
  if (message.arguments_size() > static_cast<int>(kMaxCommandWords)) {
    return Malformed("too many words");
  }
  if (message.environment_size() > static_cast<int>(kMaxCommandVariables)) {
    return Malformed("too many variables");
  }
  size_t bytes = message.compiler().size() + message.working_directory().size();
  for (const auto* list : {&message.arguments(), &message.environment()}) {
    for (const std::string& word : *list) {
      bytes += word.size();
      if (word.find('\0') != std::string::npos) return Malformed("a word with a NUL");
    }
  }
  if (bytes > kMaxCommandBytes) return Malformed("too long");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WorkerCommand> ReadCommand(const worker::v1::Command& message) {
  HPCC_RETURN_IF_ERROR(CheckSizes(message));
  WorkerCommand command;
  const std::optional<Digest> toolchain = Digest::FromBytes(message.toolchain_identity());
  if (!toolchain || toolchain->is_zero()) return Malformed("no toolchain identity");
  command.toolchain = *toolchain;
  HPCC_RETURN_IF_ERROR(CheckManifestPath(message.compiler()));
  HPCC_RETURN_IF_ERROR(CheckManifestPath(message.working_directory()));
  command.compiler = message.compiler();
  command.working_directory = message.working_directory();
  command.arguments.assign(message.arguments().begin(), message.arguments().end());
  for (const std::string& variable : message.environment()) {
    const size_t equals = variable.find('=');
    if (equals == 0 || equals == std::string::npos) return Malformed("a variable without a name");
    const std::string_view name = std::string_view(variable).substr(0, equals);
    if (command.environment.Has(name)) return Malformed("a variable twice");
    command.environment.Set(name, std::string_view(variable).substr(equals + 1));
  }
  return command;
}

}  // namespace hpcc
