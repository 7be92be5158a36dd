#include <array>
#include <chrono>
#include <optional>

#include "absl/status/status.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "cache/direct_entry.h"
#include "cache/result_bundle.h"
#include "cli/caches.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr OptionSpec kVerbose = {"--verbose", "", "list dependencies and recorded files, too", 'v'};
constexpr std::array kOptions = {kVerbose, kJsonOption};

struct Printer {
  const CommandContext& context;
  bool verbose = false;
  Json json = Json::object();
  std::string text;

  void Section(std::string_view title, const TextTable& table) {
    if (!text.empty()) text.push_back('\n');
    StrAppend(&text, title, "\n", table.ToString());
  }
};

// By number, as styles are on disk: what a newer hpcc wrote has no name here.
std::string_view DependencyStyleName(DependencyStyle style) {
  constexpr std::string_view kNames[] = {"unknown", "gcc", "clang", "gcc-spaced", "clang-spaced"};
  const auto index = static_cast<size_t>(style);
  return index < std::size(kNames) ? kNames[index] : kNames[0];
}

std::string PartName(uint8_t kind) {
  if (kind == kStdoutPart) return "stdout";
  if (kind == kStderrPart) return "stderr";
  return std::string(OutputRoleName(static_cast<OutputRole>(kind)));
}

std::string_view DirectKindName(DirectRecord::Kind kind) {
  switch (kind) {
    case DirectRecord::Kind::kResult:
      return "result";
    case DirectRecord::Kind::kPreprocess:
      return "preprocess";
    case DirectRecord::Kind::kNotCacheable:
      return "not-cacheable";
  }
  return "unknown";
}

void PrintBundle(const Digest& key, const FoundValue& found, const ResultBundle& bundle,
                 Printer* out) {
  TextTable table;
  table.Row("compiled", FormatTimeAndAge(bundle.created_ns, out->context.clock.NowNanoseconds()),
            1);
  table.Row("compiler", Printable(bundle.compiler), 1);
  table.Row("source", Printable(bundle.source), 1);
  table.Row("compile time", FormatDuration(std::chrono::nanoseconds(bundle.compile_ns)), 1);
  if (!bundle.terminal.empty()) table.Row("diagnostics for", Printable(bundle.terminal), 1);
  table.Row("kept in", Printable(found.path), 1);
  table.Row("kept size", FormatBytes(found.stored_bytes), 1);
  Json parts = Json::array();
  for (const BundlePart& part : bundle.parts) {
    table.Row(PartName(part.kind), FormatBytes(part.data.size()), 1);
    parts.push_back({{"name", PartName(part.kind)},
                     {"bytes", part.data.size()},
                     {"digest", Digest::Of(part.data).ToHex()}});
  }
  table.Row("dependencies", StrCat(bundle.dependencies.size()), 1);
  Json dependencies = Json::array();
  for (const BundleDependency& dependency : bundle.dependencies) {
    if (out->verbose) table.Row("", Printable(dependency.path), 2);
    dependencies.push_back(dependency.path);
  }
  out->Section(StrCat("result ", key.ToHex()), table);

  Json json;
  json["key"] = key.ToHex();
  json["compiled_at"] = FormatIsoTime(bundle.created_ns);
  json["compiler"] = bundle.compiler;
  json["source"] = bundle.source;
  json["compile_seconds"] = static_cast<double>(bundle.compile_ns) / 1e9;
  json["terminal"] = bundle.terminal;
  json["file"] = found.path;
  json["stored_bytes"] = found.stored_bytes;
  json["parts"] = std::move(parts);
  json["dependency_style"] = std::string(DependencyStyleName(bundle.dependency_style));
  json["dependencies"] = std::move(dependencies);
  out->json["result"] = std::move(json);
}

void PrintDirectRecord(size_t index, const DirectRecord& record, bool verbose, TextTable* table,
                       Json* json) {
  size_t names = 0;
  for (const RecordedDirectory& directory : record.directories) names += directory.names.size();
  table->Row(
      StrCat("state ", index + 1),
      StrCat(DirectKindName(record.kind), ": ", Counted(record.files.size(), "file", "files"), ", ",
             Counted(names, "probed name", "probed names"), " in ",
             Counted(record.directories.size(), "directory", "directories")),
      1);
  if (!record.detail.empty()) table->Row("detail", Printable(record.detail), 2);
  if (!record.result_key.is_zero()) table->Row("result", record.result_key.ToHex(), 2);
  Json files = Json::array();
  for (const RecordedFile& file : record.files) {
    if (verbose) table->Row("file", Printable(file.path), 2);
    files.push_back({{"path", file.path}, {"digest", file.digest.ToHex()}});
  }
  Json directories = Json::array();
  for (const RecordedDirectory& directory : record.directories) {
    Json probes = Json::array();
    for (const RecordedName& name : directory.names) {
      if (verbose) {
        table->Row(name.exists ? "present" : "absent",
                   Printable(path::Join(directory.path, name.name)), 2);
      }
      probes.push_back({{"name", name.name}, {"exists", name.exists}});
    }
    directories.push_back({{"path", directory.path}, {"names", std::move(probes)}});
  }
  json->push_back({{"kind", std::string(DirectKindName(record.kind))},
                   {"detail", record.detail},
                   {"result_key", record.result_key.ToHex()},
                   {"files", std::move(files)},
                   {"directories", std::move(directories)}});
}

void PrintDirectEntry(const Digest& key, const FoundValue& found, const DirectEntry& entry,
                      Printer* out) {
  TextTable table;
  table.Row("kept in", Printable(found.path), 1);
  table.Row("kept size", FormatBytes(found.stored_bytes), 1);
  Json records = Json::array();
  for (size_t i = 0; i < entry.records.size(); ++i) {
    PrintDirectRecord(i, entry.records[i], out->verbose, &table, &records);
  }
  out->Section(StrCat("direct ", key.ToHex()), table);
  out->json["direct"] = {{"key", key.ToHex()},
                         {"file", found.path},
                         {"stored_bytes", found.stored_bytes},
                         {"records", std::move(records)}};
}

void PrintUnit(const UnitRecord& record, Printer* out) {
  TextTable table;
  table.Row("source", Printable(record.source), 1);
  if (!record.output.empty()) table.Row("output", Printable(record.output), 1);
  table.Row("compiler", Printable(record.compiler), 1);
  table.Row("directory", Printable(record.cwd), 1);
  table.Row("last miss", FormatTimeAndAge(record.time_ns, out->context.clock.NowNanoseconds()), 1);
  table.Row("its reason", std::string(MissReasonName(record.reason.kind)), 1);
  table.Row("direct key", record.direct_key.is_zero() ? "none" : record.direct_key.ToHex(), 1);
  table.Row("result key", record.result_key.is_zero() ? "none" : record.result_key.ToHex(), 1);
  if (out->verbose) table.Row("arguments", Printable(ShellWords(record.arguments)), 1);
  out->Section("unit", table);
  const auto key_or_null = [](const Digest& key) {
    return key.is_zero() ? Json(nullptr) : Json(key.ToHex());
  };
  out->json["unit"] = {{"source", record.source},
                       {"output", record.output},
                       {"compiler", record.compiler},
                       {"cwd", record.cwd},
                       {"time", FormatIsoTime(record.time_ns)},
                       {"reason", std::string(MissReasonName(record.reason.kind))},
                       {"arguments", record.arguments},
                       {"direct_key", key_or_null(record.direct_key)},
                       {"result_key", key_or_null(record.result_key)}};
}

absl::Status InspectResult(const Digest& key, Printer* out) {
  HPCC_ASSIGN_OR_RETURN(const FoundValue found,
                        FindValue(out->context, {StoreNamespace::kResult, key}));
  HPCC_ASSIGN_OR_RETURN(const ResultBundle bundle, DecodeBundle(found.value));
  PrintBundle(key, found, bundle, out);
  return absl::OkStatus();
}

absl::Status InspectDirect(const Digest& key, Printer* out) {
  HPCC_ASSIGN_OR_RETURN(const FoundValue found,
                        FindValue(out->context, {StoreNamespace::kDirect, key}));
  HPCC_ASSIGN_OR_RETURN(const DirectEntry entry, DecodeDirectEntry(found.value));
  PrintDirectEntry(key, found, entry, out);
  return absl::OkStatus();
}

absl::Status InspectUnit(const UnitRecord& record, Printer* out) {
  PrintUnit(record, out);
  // What was recorded may have been evicted since: that is said, and is no failure.
  const auto allow_missing = [out](const absl::Status& status, std::string_view what) {
    if (!absl::IsNotFound(status)) return status;
    StrAppend(&out->text, "\nThe ", what, " is no longer in the cache.\n");
    return absl::OkStatus();
  };
  if (!record.direct_key.is_zero()) {
    HPCC_RETURN_IF_ERROR(allow_missing(InspectDirect(record.direct_key, out), "direct entry"));
  }
  if (!record.result_key.is_zero()) {
    HPCC_RETURN_IF_ERROR(allow_missing(InspectResult(record.result_key, out), "result"));
  }
  return absl::OkStatus();
}

absl::Status InspectKey(const Digest& key, Printer* out) {
  absl::Status status = InspectResult(key, out);
  if (absl::IsNotFound(status)) status = InspectDirect(key, out);
  if (!absl::IsNotFound(status)) return status;
  const absl::StatusOr<FoundValue> unit = FindValue(out->context, {StoreNamespace::kUnit, key});
  if (absl::IsNotFound(unit.status())) {
    return absl::NotFoundError(StrCat("no entry has the key ", key.ToHex()));
  }
  HPCC_RETURN_IF_ERROR(unit.status());
  HPCC_ASSIGN_OR_RETURN(const UnitRecord record, DecodeUnitRecord(unit->value));
  return InspectUnit(record, out);
}

absl::Status Inspect(const std::string& subject, Printer* out) {
  if (const std::optional<Digest> key = Digest::FromHex(subject)) return InspectKey(*key, out);
  HPCC_ASSIGN_OR_RETURN(const UnitRecord record, FindUnitRecord(out->context, subject));
  return InspectUnit(record, out);
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  Printer printer{context, options.Has(kVerbose.name)};
  const absl::Status status = Inspect(options.operands().front(), &printer);
  if (!status.ok()) return Complain(context, kInspectCommand, std::string(status.message()));
  context.console.Out(options.Has(kJsonOption.name) ? JsonText(printer.json) : printer.text);
  return kExitOk;
}

}  // namespace

constexpr Command kInspectCommand = {
    .name = "inspect",
    .operands = "<key, source file or output file>",
    .summary = "what is kept for a file or under a key",
    .description =
        "Prints what the cache keeps: the record of a translation unit, the states of its files "
        "that\n"
        "are known, and the result: when and how it was compiled, and its parts. A key is 64 hex\n"
        "digits, of a result, a direct entry or a unit.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 1,
    .run = Run,
};

}  // namespace hpcc
