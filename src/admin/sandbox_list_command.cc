#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "admin/operator_channel.h"
#include "admin/sandbox_commands.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/json_output.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr std::array kOptions = {kWorkerConfigOption, kWorkerSocketOption, kJsonOption};
constexpr std::chrono::milliseconds kPatience{30'000};

using Line = std::array<std::string, 8>;

absl::StatusOr<operators_v1::Sandboxes> Ask(const std::string& socket) {
  operators_v1::Request request;
  request.mutable_list();
  HPCC_ASSIGN_OR_RETURN(Connection connection, AskWorker(socket, std::move(request)));
  HPCC_ASSIGN_OR_RETURN(operators_v1::Response response, ReceiveAnswer(connection, kPatience));
  HPCC_RETURN_IF_ERROR(StatusOf(response));
  return std::move(*response.mutable_sandboxes());
}

double Seconds(int64_t nanoseconds) {
  return static_cast<double>(nanoseconds / 1'000'000) / 1000;
}

Json SandboxesJson(const operators_v1::Sandboxes& sandboxes) {
  Json list = Json::array();
  for (const operators_v1::SandboxState& sandbox : sandboxes.sandboxes()) {
    list.push_back({{"id", sandbox.id()},
                    {"tenant", sandbox.tenant()},
                    {"image", sandbox.image()},
                    {"isolation", sandbox.isolation()},
                    {"state", sandbox.state()},
                    {"execs", sandbox.execs()},
                    {"cpus", sandbox.cpus()},
                    {"age_seconds", Seconds(sandbox.age_ns())},
                    {"idle_seconds", Seconds(sandbox.idle_ns())}});
  }
  return list;
}

Line LineOf(const operators_v1::SandboxState& sandbox) {
  const std::chrono::nanoseconds idle(sandbox.idle_ns());
  return {Printable(sandbox.id()),
          Printable(sandbox.tenant()),
          Printable(sandbox.image()),
          Printable(sandbox.isolation()),
          Printable(sandbox.state()),
          StrCat(sandbox.execs(), "/", sandbox.cpus()),
          FormatDuration(std::chrono::nanoseconds(sandbox.age_ns())),
          idle.count() == 0 ? "-" : FormatDuration(idle)};
}

std::string SandboxesText(const operators_v1::Sandboxes& sandboxes) {
  if (sandboxes.sandboxes().empty()) return "no sandboxes: one is started by the first compile\n";
  std::vector<Line> lines = {
      {"SANDBOX", "TENANT", "IMAGE", "ISOLATION", "STATE", "EXECS", "AGE", "IDLE"}};
  for (const operators_v1::SandboxState& sandbox : sandboxes.sandboxes()) {
    lines.push_back(LineOf(sandbox));
  }
  std::array<size_t, std::tuple_size_v<Line>> widths{};
  for (const Line& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const Line& line : lines) {
    for (size_t i = 0; i + 1 < line.size(); ++i) {
      StrAppend(&text, line[i], std::string(widths[i] + 2 - line[i].size(), ' '));
    }
    StrAppend(&text, line.back(), "\n");
  }
  return text;
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const auto complain = [&](const absl::Status& status, int exit_code) {
    return Complain(context, kSandboxListCommand, std::string(status.message()), exit_code);
  };
  const absl::StatusOr<std::string> socket = WorkerSocket(context, options);
  if (!socket.ok()) return complain(socket.status(), kExitUsage);
  const absl::StatusOr<operators_v1::Sandboxes> sandboxes = Ask(*socket);
  if (!sandboxes.ok()) return complain(sandboxes.status(), kExitFailed);
  context.console.Out(options.Has(kJsonOption.name) ? JsonText(SandboxesJson(*sandboxes))
                                                    : SandboxesText(*sandboxes));
  return kExitOk;
}

}  // namespace

constexpr Command kSandboxListCommand = {
    .name = "sandbox list",
    .summary = "the sandboxes of a worker",
    .description =
        "Prints the sandboxes of a worker that runs on this machine: whose each is, its image and\n"
        "isolation, whether it runs or is suspended, execs under way and how many it takes at "
        "once,\n"
        "how old it is and how long unused. Only the worker's own user and root may ask.",
    .options = kOptions,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
