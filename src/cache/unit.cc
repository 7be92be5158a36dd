#include "cache/unit.h"

#include <algorithm>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// The variables that can change what a compiler writes. Of GCC_* and CLANG_* all count.
constexpr std::string_view kRelevantVariables[] = {"LANG",
                                                   "LANGUAGE",
                                                   "LC_ALL",
                                                   "LC_CTYPE",
                                                   "LC_MESSAGES",
                                                   "CPATH",
                                                   "C_INCLUDE_PATH",
                                                   "CPLUS_INCLUDE_PATH",
                                                   "OBJC_INCLUDE_PATH",
                                                   "OBJCPLUS_INCLUDE_PATH",
                                                   "COMPILER_PATH",
                                                   "SOURCE_DATE_EPOCH",
                                                   "SDKROOT",
                                                   "MACOSX_DEPLOYMENT_TARGET",
                                                   "LD_LIBRARY_PATH",
                                                   "LD_PRELOAD",
                                                   "INCLUDE",
                                                   "EXTERNAL_INCLUDE",
                                                   "CL",
                                                   "_CL_"};

bool IsRelevant(std::string_view name) {
  if (name == "GCC_COLORS") return false;  // belongs to the terminal
  if (name.starts_with("GCC_") || name.starts_with("CLANG_")) return true;
  return std::find(std::begin(kRelevantVariables), std::end(kRelevantVariables), name) !=
         std::end(kRelevantVariables);
}

std::vector<std::string> RelevantEnvironment(const Environment& environment) {
  std::vector<std::string> relevant;
  for (const auto& [name, value] : environment.variables()) {
    if (IsRelevant(name)) relevant.push_back(StrCat(name, "=", value));
  }
  return relevant;
}

// Whether the words of a flag are left out of the key: what they decide is written out anew for
// every hit, or is keyed by itself.
bool IsLeftOut(const Argument& argument, const Invocation& invocation) {
  if (invocation.records_command_line) return false;
  if (argument.effect == FlagEffect::kDependency) return true;
  if (argument.effect == FlagEffect::kOutput) return !invocation.output_path_reaches_output;
  return false;
}

bool NamesPath(FlagEffect effect) {
  return effect == FlagEffect::kSearchPath || effect == FlagEffect::kForcedInclude ||
         effect == FlagEffect::kContent;
}

// Below a marked root, paths are keyed relative to it.
std::vector<std::string> NormalizedArguments(const Invocation& invocation,
                                             const ProjectRoot& root) {
  std::vector<std::string> words;
  for (const Argument& argument : invocation.arguments) {
    if (IsLeftOut(argument, invocation)) continue;
    const bool is_input = argument.flag.empty();
    if (root.marked() && (is_input || NamesPath(argument.effect))) {
      words.push_back(StrCat(argument.flag, " ",
                             root.ToPortable(is_input ? argument.words.front() : argument.value)));
      continue;
    }
    words.insert(words.end(), argument.words.begin(), argument.words.end());
  }
  return words;
}

Digest MakeFlagKey(const Unit& unit) {
  const Invocation& invocation = *unit.request.invocation;
  Hasher hasher("hpcc.flag-key.v1");
  hasher.Field(unit.request.toolchain->identity);
  hasher.Number(static_cast<uint64_t>(invocation.grammar));
  hasher.Number(static_cast<uint64_t>(invocation.language));
  hasher.Number(unit.root.marked() ? 1 : 0);
  for (const auto* list : {&unit.arguments, &unit.environment, &unit.inputs}) {
    hasher.Number(list->size());
    for (const std::string& word : *list) hasher.Field(word);
  }
  hasher.Field(unit.directory);
  if (invocation.output_path_reaches_output) hasher.Field(invocation.output);
  return hasher.Finish();
}

Digest ConditionsDigest(const std::vector<RecordedDirectory>& directories) {
  // There are thousands: they are sorted as views of one text.
  std::string text;
  std::vector<size_t> ends;
  for (const RecordedDirectory& directory : directories) {
    const std::string prefix = path::Join(directory.path, "");
    for (const RecordedName& name : directory.names) {
      StrAppend(&text, prefix, name.name, name.exists ? " +" : " -");
      ends.push_back(text.size());
    }
  }
  std::vector<std::string_view> conditions;
  conditions.reserve(ends.size());
  size_t start = 0;
  for (const size_t end : ends) {
    conditions.push_back(std::string_view(text).substr(start, end - start));
    start = end;
  }
  std::sort(conditions.begin(), conditions.end());
  FramedFields fields;
  fields.Reserve(text.size() + sizeof(uint64_t) * conditions.size());
  for (const std::string_view condition : conditions) fields.Add(condition);
  return Hasher("hpcc.conditions.v1").Fields(fields).Finish();
}

Hasher ManifestHasher(const Unit& unit, const Manifest& manifest) {
  std::vector<const RecordedFile*> files;
  for (const RecordedFile& file : *manifest.files) files.push_back(&file);
  std::sort(files.begin(), files.end(),
            [](const RecordedFile* a, const RecordedFile* b) { return a->path < b->path; });
  FramedFields read;
  for (const RecordedFile* file : files) {
    read.Add(file->path);
    read.Add(file->digest);
  }
  Hasher hasher("hpcc.result-key.v1");
  hasher.Field(unit.request.toolchain->identity).Field(unit.flag_key);
  hasher.Field(Hasher("hpcc.manifest.v1").Fields(read).Finish());
  hasher.Field(manifest.directories == nullptr ? Digest()
                                               : ConditionsDigest(*manifest.directories));
  hasher.Field(manifest.terminal).Field(manifest.root);
  return hasher;
}

}  // namespace

std::string LogicalWorkingDirectory(FileSystem& fs, const Environment& environment,
                                    const std::string& physical) {
  const std::optional<std::string> pwd = environment.Get("PWD");
  if (!pwd || !path::IsAbsolute(*pwd) || *pwd == physical) return physical;
  FileStat named;
  FileStat actual;
  const bool same = fs.Stat(pwd->c_str(), true, &named) == 0 &&
                    fs.Stat(physical.c_str(), true, &actual) == 0 &&
                    named.device == actual.device && named.inode == actual.inode;
  return same ? *pwd : physical;
}

std::vector<std::string> PrefixMaps(const ProjectRoot& root) {
  if (!root.marked()) return {};
  return {StrCat(root.directory(), "=.")};
}

absl::StatusOr<Unit> MakeUnit(FileSystem& fs, const UnitRequest& request) {
  const Invocation& invocation = *request.invocation;
  Unit unit;
  unit.request = request;
  if (!invocation.records_command_line) unit.root = ProjectRoot::Find(fs, request.cwd);

  FileStat stat;
  HPCC_ASSIGN_OR_RETURN(
      unit.source_text,
      ReadFileAndStat(fs, path::Join(request.cwd, invocation.source), kMaxSourceBytes, &stat));
  unit.source_stamp = FileStamp::Of(stat);
  unit.source_digest = Digest::Of(unit.source_text);

  unit.arguments = NormalizedArguments(invocation, unit.root);
  unit.environment = RelevantEnvironment(*request.environment);
  for (const std::string& input : invocation.content_inputs) {
    HPCC_ASSIGN_OR_RETURN(const std::string content,
                          ReadFile(fs, path::Join(request.cwd, input), kMaxSourceBytes));
    unit.inputs.push_back(StrCat(unit.root.ToPortable(input), " ", Digest::Of(content).ToHex()));
  }
  if (invocation.cwd_reaches_output) unit.directory = unit.root.ToPortable(request.cwd);

  unit.flag_key = MakeFlagKey(unit);
  unit.direct_key =
      Hasher("hpcc.direct-key.v1").Field(unit.flag_key).Field(unit.source_digest).Finish();
  return unit;
}

Digest ResultKey(const Unit& unit, const Manifest& manifest) {
  return ManifestHasher(unit, manifest).Finish();
}

Digest PreprocessedResultKey(const Unit& unit, const Manifest& manifest, const Digest& text) {
  return ManifestHasher(unit, manifest).Field("preprocessed").Field(text).Finish();
}

}  // namespace hpcc
