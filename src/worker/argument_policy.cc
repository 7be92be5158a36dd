#include "worker/argument_policy.h"

#include <algorithm>
#include <span>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/compiler_name.h"
#include "compiler/embedded_files.h"
#include "compiler/manifest.h"
#include "compiler/word_list.h"
#include "worker/limits.h"

namespace hpcc {

namespace {

using E = FlagEffect;

// Names as the flag table has them. A "*" at the end stands for anything.
struct Rule {
  std::string_view name;
  std::string_view why;
};

constexpr std::string_view kProfiles = "profiles stay with the client";
constexpr std::string_view kWrites = "it writes files that are not kept";
constexpr std::string_view kPrograms = "it runs or loads other programs";
constexpr std::string_view kRecords = "it records a command line that differs here";

// Flags that their effect would let pass.
constexpr Rule kRefused[] = {
    {"-fcrash-diagnostics-dir", kWrites},
    {"-foffload*", kPrograms},
    {"-frepo", kWrites},
    {"-fverbose-asm", kRecords},
    {"-frecord-*", kRecords},
    {"-grecord-*", kRecords},
    {"-fprofile-generate", kProfiles},
    {"-fprofile-use", kProfiles},
    {"-fprofile-dir", kProfiles},
    {"-fprofile-instr-*", kProfiles},
    {"-fprofile-sample-*", kProfiles},
    {"-fprofile-list", kProfiles},
    {"-fprofile-remapping-file", kProfiles},
    {"-fprofile-filter-files", kProfiles},
    {"-fprofile-exclude-files", kProfiles},
    {"-fprofile-prefix-*", kProfiles},
    {"-fprofile-info-section", kProfiles},
    {"-fmemory-profile*", kProfiles},
    {"-fcs-profile-*", kProfiles},
    {"-fauto-profile", kProfiles},
    {"-fbranch-probabilities", kProfiles},
};

// kPathsInOutput: those of it that read and write nothing.
constexpr std::string_view kPathsInOutput[] = {"-fdebug-prefix-map",
                                               "-ffile-prefix-map",
                                               "-fmacro-prefix-map",
                                               "-fcoverage-prefix-map",
                                               "-fdebug-compilation-dir",
                                               "-ffile-compilation-dir",
                                               "-fcoverage-compilation-dir",
                                               "-fworking-directory",
                                               "-fno-working-directory",
                                               "-flto",
                                               "--coverage",
                                               "-ftest-coverage",
                                               "-fno-test-coverage",
                                               "-fprofile-arcs",
                                               "-fprofile-abs-path",
                                               "-fcoverage-mapping",
                                               "-Wa,",
                                               "-Xassembler"};

// kSearchRoot: those that choose among what the image has. Values that are paths have to be in it.
constexpr std::string_view kSearchRoots[] = {"-arch",
                                             "-nostdinc",
                                             "-nostdinc++",
                                             "-nostdlibinc",
                                             "-nobuiltininc",
                                             "-target",
                                             "--target",
                                             "-stdlib",
                                             "-canonical-prefixes",
                                             "-no-canonical-prefixes",
                                             "--no-default-config",
                                             "-gsplit-dwarf",
                                             "-march",
                                             "-mcpu",
                                             "-fintegrated-as",
                                             "-fno-integrated-as",
                                             "-integrated-as",
                                             "-no-integrated-as",
                                             "-m"};
constexpr std::string_view kImagePaths[] = {"--sysroot", "-isysroot"};

// Below "-m", which takes any ending, clang has some that are no machine flags.
constexpr std::string_view kNoMachineFlags[] = {"-mod", "-mul", "-mllvm", "-mlink", "-migrat"};

// kContent: lists of names, read from the stage.
constexpr std::string_view kContent[] = {"-fsanitize-blacklist",
                                         "-fsanitize-ignorelist",
                                         "-fsanitize-system-blacklist",
                                         "-fsanitize-system-ignorelist",
                                         "-fsanitize-coverage-allowlist",
                                         "-fsanitize-coverage-ignorelist",
                                         "-fsanitize-coverage-whitelist",
                                         "-fsanitize-coverage-blacklist",
                                         "-fxray-always-instrument",
                                         "-fxray-never-instrument",
                                         "-fxray-attr-list"};

constexpr std::string_view kVariables[] = {
    "LANG",       "LANGUAGE", "LC_ALL",    "LC_CTYPE", "LC_MESSAGES", "SOURCE_DATE_EPOCH",
    "GCC_COLORS", "GCC_URLS", "TERM_URLS", "TERM",     "COLORTERM",   "NO_COLOR",
    "COLUMNS"};

// Lists of directories, which are judged like those of -I.
constexpr std::string_view kSearchVariables[] = {"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH",
                                                 "OBJC_INCLUDE_PATH", "OBJCPLUS_INCLUDE_PATH"};

// Of every Linux: nothing to be read or written there is a file of a compile.
constexpr std::string_view kSystemDirectories[] = {"/proc", "/sys", "/dev", "/run"};
constexpr std::string_view kOwnDirectory = "/.hpcc";

std::string Printable(std::string_view word) {
  std::string text(word.substr(0, 200));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

absl::Status Refused(std::string_view word, std::string_view why) {
  return absl::PermissionDeniedError(StrCat("argument refused: ", Printable(word), ": ", why));
}

bool IsOutOfStage(std::string_view path) {
  for (const std::string_view directory : kSystemDirectories) {
    if (path::IsBelow(path, directory)) return true;
  }
  return path::IsBelow(path, kOwnDirectory) && !path::IsBelow(path, kSandboxRoot);
}

// One command on its way through the rules.
class CommandJudge {
 public:
  CommandJudge(const PolicyRequest& request, FileSystem& fs)
      : command_(*request.command), image_(*request.image_directories), fs_(fs) {}

  absl::Status CheckSurroundings() const;
  absl::Status CheckArgument(const Argument& argument) const;
  absl::Status CheckPaths(const Invocation& invocation) const;

 private:
  absl::Status CheckSearchRoot(const Argument& argument) const;
  absl::Status CheckSearchVariables() const;
  absl::Status CheckReadPath(std::string_view path) const;
  absl::Status CheckOutput(const std::string& path) const;

  const WorkerCommand& command_;
  const std::vector<std::string>& image_;
  FileSystem& fs_;
};

absl::Status CommandJudge::CheckSurroundings() const {
  if (!IsInImage(command_.compiler, image_)) {
    return Refused(command_.compiler, "the image provides no such compiler");
  }
  if (GuessGrammar(path::Basename(command_.compiler)) == Grammar::kMsvc) {
    return Refused(command_.compiler, "command lines of MSVC's kind are compiled by the client");
  }
  if (IsOutOfStage(command_.working_directory)) {
    return Refused(command_.working_directory, "no place for a working directory");
  }
  for (const auto& [name, value] : command_.environment.variables()) {
    if (!IsOneOf(name, kVariables) && !IsOneOf(name, kSearchVariables)) {
      return absl::PermissionDeniedError(StrCat(kVariableRefused, Printable(name)));
    }
  }
  for (const std::string& word : command_.arguments) {
    if (word.starts_with('@')) return Refused(word, "response files are expanded by the client");
  }
  return CheckSearchVariables();
}

absl::Status CommandJudge::CheckSearchVariables() const {
  for (const std::string_view name : kSearchVariables) {
    const std::string value = command_.environment.GetOrEmpty(name);
    for (const std::string_view directory : StrSplit(value, ':')) {
      HPCC_RETURN_IF_ERROR(CheckReadPath(directory));
    }
  }
  return absl::OkStatus();
}

absl::Status CommandJudge::CheckSearchRoot(const Argument& argument) const {
  if (IsOneOf(argument.flag, kImagePaths)) {
    const std::string path = path::Normalize(argument.value);
    if (path::IsAbsolute(path) && IsInImage(path, image_)) return absl::OkStatus();
    return Refused(argument.words[0], "the directory is not the image's");
  }
  if (!IsOneOf(argument.flag, kSearchRoots)) return Refused(argument.words[0], kPrograms);
  if (BeginsWithOneOf(argument.words[0], kNoMachineFlags)) {
    return Refused(argument.words[0], "it is not known to be harmless");
  }
  // "--target=../x" would name a configuration file of the driver.
  if (StrContains(argument.value, "/"))
    return Refused(argument.words[0], "a path is no value here");
  return absl::OkStatus();
}

absl::Status CommandJudge::CheckArgument(const Argument& argument) const {
  const std::string& word = argument.words[0];
  for (const Rule& rule : kRefused) {
    const bool any_end = rule.name.ends_with('*');
    const std::string_view name = rule.name.substr(0, rule.name.size() - (any_end ? 1 : 0));
    if (any_end ? argument.flag.starts_with(name) : argument.flag == name) {
      return Refused(word, rule.why);
    }
  }
  switch (argument.effect) {
    case E::kCodegen:
    case E::kWarning:
    case E::kDefine:
    case E::kDebug:
    case E::kLanguage:
    case E::kMode:
    case E::kOutput:
    case E::kLinkOnly:
      return absl::OkStatus();
    case E::kSearchPath:
    case E::kForcedInclude:
      return CheckReadPath(argument.value);
    case E::kPathsInOutput:
      if (!IsOneOf(argument.flag, kPathsInOutput)) return Refused(word, kPrograms);
      return absl::OkStatus();
    case E::kSearchRoot:
      return CheckSearchRoot(argument);
    case E::kContent:
      if (!IsOneOf(argument.flag, kContent)) return Refused(word, "such a file is not taken");
      return CheckReadPath(argument.value);
    case E::kDependency:
      return Refused(word, "the dependency output is the worker's own");
    case E::kNative:
      return Refused(word, "it means another machine here");
    case E::kUnknown:
      break;
  }
  return Refused(word, "it is not known");
}

absl::Status CommandJudge::CheckReadPath(std::string_view path) const {
  const std::string full = path::Normalize(path::Join(command_.working_directory, path));
  if (IsOutOfStage(full)) return Refused(path, "it lies outside of the stage");
  return absl::OkStatus();
}

// Below the working directory, or the project's root where there is one; never through a link, and
// never in place of something that is read.
absl::Status CommandJudge::CheckOutput(const std::string& path) const {
  const std::string& cwd = command_.working_directory;
  const std::string tree(path::IsBelow(cwd, kSandboxRoot) ? kSandboxRoot : std::string_view(cwd));
  const std::string joined = path::Join(cwd, path);
  const std::string full = path::Normalize(joined);
  if (full.size() > kMaxPathBytes || path.ends_with('/')) return Refused(path, "no output path");
  if (!path::IsBelow(full, tree) || full == tree) {
    return Refused(path, "outputs go below the working directory or the project's root");
  }
  if (IsInImage(full, image_) || IsOutOfStage(full)) return Refused(path, "no place for an output");
  for (size_t slash = joined.find('/', 1);; slash = joined.find('/', slash + 1)) {
    const std::string prefix = path::Normalize(joined.substr(0, slash));
    FileStat stat;
    const bool there = fs_.Stat(prefix.c_str(), /*follow_symlinks=*/false, &stat) == 0;
    if (there && stat.type == FileStat::Type::kSymlink) {
      return Refused(path, "a link is on the way to the output");
    }
    if (slash == std::string::npos) break;
  }
  return absl::OkStatus();
}

absl::Status CommandJudge::CheckPaths(const Invocation& invocation) const {
  HPCC_RETURN_IF_ERROR(CheckReadPath(invocation.source));
  // As the compiler puts them together: with the system root where they ask for it, and with those
  // of the assembler, whose words may stand in several arguments.
  for (const std::string& directory : AssemblerSearchDirectories(invocation)) {
    HPCC_RETURN_IF_ERROR(CheckReadPath(directory));
  }
  for (const Output& output : invocation.outputs) HPCC_RETURN_IF_ERROR(CheckOutput(output.path));
  return absl::OkStatus();
}

}  // namespace

bool IsInImage(std::string_view path, const std::vector<std::string>& image_directories) {
  return std::any_of(image_directories.begin(), image_directories.end(),
                     [&](const std::string& directory) { return path::IsBelow(path, directory); });
}

absl::StatusOr<Invocation> CheckCommand(const PolicyRequest& request, FileSystem& fs) {
  const CommandJudge judge(request, fs);
  HPCC_RETURN_IF_ERROR(judge.CheckSurroundings());
  const WorkerCommand& command = *request.command;
  const ParseContext context{fs, command.environment, command.working_directory,
                             std::string(path::Basename(command.compiler)), request.is_clang};
  Invocation invocation = ParseGnu(context, command.arguments);
  for (const Argument& argument : invocation.arguments) {
    HPCC_RETURN_IF_ERROR(judge.CheckArgument(argument));
  }
  if (invocation.refusal) {
    return Refused(invocation.refusal->detail, NotCacheableReasonText(invocation.refusal->reason));
  }
  HPCC_RETURN_IF_ERROR(judge.CheckPaths(invocation));
  return invocation;
}

Environment ExecEnvironment(const WorkerCommand& command) {
  Environment environment = command.environment;
  environment.Set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  environment.Set("PWD", command.working_directory);
  return environment;
}

Digest CommandKey(const WorkerCommand& command, const Invocation& invocation) {
  Hasher hasher("hpcc.worker-command.v1");
  hasher.Field(command.compiler).Field(command.working_directory);
  hasher.Number(command.environment.variables().size());
  for (const auto& [name, value] : command.environment.variables()) hasher.Field(name).Field(value);
  for (const Argument& argument : invocation.arguments) {
    const bool left_out = argument.effect == E::kOutput && !invocation.output_path_reaches_output;
    if (left_out) continue;
    for (const std::string& word : argument.words) hasher.Field(word);
  }
  return hasher.Finish();
}

}  // namespace hpcc
