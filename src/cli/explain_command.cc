#include <array>

#include "absl/status/status.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/caches.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/text.h"
#include "remote/fallback_cause.h"

namespace hpcc {

namespace {

constexpr OptionSpec kVerbose = {"--verbose", "", "print the command line and environment, too",
                                 'v'};
constexpr std::array kOptions = {kVerbose, kJsonOption};

// DescribeMissReason speaks in lines; each is made safe to print and set apart.
std::string IndentedReason(const MissReason& reason) {
  const std::string description = DescribeMissReason(reason);
  std::string text;
  for (const std::string_view line : StrSplit(description, '\n')) {
    if (!line.empty()) StrAppend(&text, "  ", Printable(line), "\n");
  }
  return text;
}

std::string_view PlaceName(CompilePlace::Kind kind) {
  switch (kind) {
    case CompilePlace::Kind::kWorker:
      return "worker";
    case CompilePlace::Kind::kWorkersCache:
      return "worker's cache";
    default:
      return "here";
  }
}

// "" where no worker was to be asked.
std::string PlaceText(const CompilePlace& place) {
  if (place.kind != CompilePlace::Kind::kHere) return StrCat("by a ", PlaceName(place.kind));
  if (place.cause == 0) return "";
  std::string text =
      StrCat("here, by no worker: ", FallbackCauseText(FallbackCauseOf(place.cause)));
  if (!place.detail.empty()) StrAppend(&text, ": ", Printable(place.detail));
  return text;
}

std::string ToText(const UnitRecord& record, int64_t now_ns, bool verbose) {
  const bool refused = record.reason.kind == MissReason::Kind::kNotCacheable;
  std::string text = StrCat(Printable(record.source), "\n");
  StrAppend(&text, IndentedReason(record.reason));
  if (refused) {
    StrAppend(&text, "  The rule is described under \"", Printable(record.reason.subject),
              "\" in docs/not-cacheable.md.\n");
  }
  StrAppend(&text, "\n");
  TextTable table;
  table.Row(refused ? "run plainly" : "compiled", FormatTimeAndAge(record.time_ns, now_ns));
  if (const std::string place = PlaceText(record.place); !place.empty()) table.Row("where", place);
  table.Row("by", Printable(record.compiler));
  table.Row("in", Printable(record.cwd));
  if (!record.output.empty()) table.Row("output", Printable(record.output));
  if (verbose) {
    table.Row("arguments", Printable(ShellWords(record.arguments)));
    for (const std::string& variable : record.environment) {
      table.Row("environment", Printable(variable));
    }
    for (const std::string& input : record.inputs) table.Row("input", Printable(input));
  }
  return text + table.ToString();
}

Json ToJson(const UnitRecord& record) {
  Json json;
  json["source"] = record.source;
  json["output"] = record.output;
  json["compiler"] = record.compiler;
  json["cwd"] = record.cwd;
  json["time"] = FormatIsoTime(record.time_ns);
  json["reason"] = {{"kind", std::string(MissReasonName(record.reason.kind))},
                    {"subject", record.reason.subject},
                    {"before", record.reason.before},
                    {"after", record.reason.after}};
  json["text"] = DescribeMissReason(record.reason);
  json["where"] = {{"place", std::string(PlaceName(record.place.kind))},
                   {"cause", std::string(FallbackCauseName(FallbackCauseOf(record.place.cause)))},
                   {"detail", record.place.detail}};
  json["arguments"] = record.arguments;
  json["environment"] = record.environment;
  json["inputs"] = record.inputs;
  return json;
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const absl::StatusOr<UnitRecord> record = FindUnitRecord(context, options.operands().front());
  if (!record.ok()) {
    return Complain(context, kExplainCommand, std::string(record.status().message()));
  }
  context.console.Out(
      options.Has(kJsonOption.name)
          ? JsonText(ToJson(*record))
          : ToText(*record, context.clock.NowNanoseconds(), options.Has(kVerbose.name)));
  return kExitOk;
}

}  // namespace

constexpr Command kExplainCommand = {
    .name = "explain",
    .operands = "<source or output file>",
    .summary = "why a file was compiled instead of answered from the cache",
    .description =
        "Prints the reason of the last miss of a translation unit: the header, flag, variable or\n"
        "compiler that changed, or the rule that makes it uncacheable; and where it was compiled,\n"
        "with the reason when it was not on a worker.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 1,
    .run = Run,
};

}  // namespace hpcc
