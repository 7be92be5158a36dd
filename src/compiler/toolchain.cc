#include "compiler/toolchain.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/path.h"
#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/compiler_report.h"
#include "compiler/file_digests.h"
#include "compiler/program_files.h"

namespace hpcc {

namespace {

constexpr uint8_t kFactsVersion = 1;
constexpr uint64_t kMaxProgramBytes = uint64_t{2} << 30;
constexpr size_t kMinUsedFileBytes = 41;

// Variables that change which programs run or what they load. The compile's own key holds the ones
// that change what is compiled.
constexpr std::string_view kProgramVariables[] = {"GCC_EXEC_PREFIX", "COMPILER_PATH",
                                                  "LD_LIBRARY_PATH", "LD_PRELOAD"};

// Variables that add include directories: not built in.
constexpr std::string_view kSearchVariables[] = {"CPATH",
                                                 "C_INCLUDE_PATH",
                                                 "CPLUS_INCLUDE_PATH",
                                                 "OBJC_INCLUDE_PATH",
                                                 "OBJCPLUS_INCLUDE_PATH",
                                                 "DEPENDENCIES_OUTPUT",
                                                 "SUNPRO_DEPENDENCIES"};

bool IsPreprocessed(Language language) {
  return language == Language::kPreprocessedC || language == Language::kPreprocessedCxx ||
         language == Language::kAssembler;
}

// Whether a shaping word may name something relative to the working directory.
bool NamesRelativePath(const Invocation& invocation) {
  return std::any_of(
      invocation.arguments.begin(), invocation.arguments.end(), [](const Argument& argument) {
        return argument.effect == FlagEffect::kSearchRoot && !argument.value.empty() &&
               !path::IsAbsolute(argument.value) && !argument.flag.starts_with("-m");
      });
}

// What the processor says of itself: -march=native means something else on another one.
std::string ProcessorIdentity() {
  std::string identity;
#if defined(__x86_64__) || defined(__i386__)
  for (const unsigned leaf : {0U, 1U, 7U, 0x80000001U, 0x80000005U, 0x80000006U}) {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (__get_cpuid_count(leaf, 0, &a, &b, &c, &d) == 0) continue;
    if (leaf == 1) b &= 0xffff;  // the rest of it names the core we happen to run on
    StrAppend(&identity, a, ",", b, ",", c, ",", d, ";");
  }
#endif
  return identity;
}

std::vector<std::string> ProbeCommand(const ToolchainRequest& request,
                                      const std::vector<std::string>& mode) {
  std::vector<std::string> argv = {request.path};
  const std::vector<std::string> shaping = ShapingWords(*request.invocation);
  argv.insert(argv.end(), shaping.begin(), shaping.end());
  if (request.invocation->grammar == Grammar::kMsvc) {
    argv.insert(argv.end(), mode.begin(), mode.end());
    const bool cxx = request.invocation->language == Language::kCxx;
    argv.insert(argv.end(), {cxx ? "/TP" : "/TC", "--", "/dev/null"});
  } else {
    argv.insert(argv.end(), {"-x", std::string(LanguageWord(request.invocation->language))});
    argv.insert(argv.end(), mode.begin(), mode.end());
    argv.emplace_back("/dev/null");
  }
  return argv;
}

Environment ProbeEnvironment(const Environment& environment) {
  Environment probe = environment;
  for (const std::string_view name : kSearchVariables) probe.Unset(name);
  probe.Set("LC_ALL", "C");
  return probe;
}

absl::StatusOr<CompilerReport> Ask(const std::vector<std::string>& argv,
                                   const Environment& environment) {
  HPCC_ASSIGN_OR_RETURN(const CapturedRun run, RunCaptured(argv, environment));
  CompilerReport report = ParseCompilerReport(run.err);
  if (!run.exit.success() || report.family == CompilerFamily::kUnknown || report.programs.empty()) {
    return absl::UnavailableError(StrCat(argv[0], " does not answer -### like gcc or clang"));
  }
  return report;
}

bool SameFile(FileSystem& fs, const std::string& a, const std::string& b) {
  FileStat stat_a;
  FileStat stat_b;
  return fs.Stat(a.c_str(), true, &stat_a) == 0 && fs.Stat(b.c_str(), true, &stat_b) == 0 &&
         stat_a.device == stat_b.device && stat_a.inode == stat_b.inode;
}

// A compiler proper runs itself (clang) or says that it was called by the name we called it by
// (gcc); anything in between shows.
bool IsOpaque(FileSystem& fs, const std::string& path, const CompilerReport& report) {
  if (!IsElfProgram(fs, path)) return true;
  if (report.family == CompilerFamily::kGcc) return report.collect_gcc != path;
  return !SameFile(fs, path, report.programs.front());
}

// A folder whose entries may come to be used instead of what is used now.
void WatchDirectory(FileSystem& fs, const std::string& path, ToolchainFacts* facts) {
  FileStat stat;
  if (fs.Stat(path.c_str(), /*follow_symlinks=*/true, &stat) == 0) {
    facts->files.push_back({path, stat, Digest()});
  }
}

// Collects the files a toolchain is made of, each once, with their contents' digests.
class IdentityBuilder {
 public:
  IdentityBuilder(FileSystem& fs, const Environment& environment, ToolchainFacts* facts)
      : fs_(fs), environment_(environment), facts_(facts), digests_(fs, kMaxProgramBytes) {}

  // What they load belongs to them.
  absl::Status AddPrograms(const std::vector<std::string>& programs) {
    std::vector<std::string> files;
    for (const std::string& program : programs) {
      std::string file = program;
      if (program.find('/') == std::string::npos) {
        file = FindOnPath(fs_, environment_, program);
        if (file.empty()) return absl::UnavailableError(StrCat(program, " is not on PATH"));
        facts_->lookups.push_back({program, file});
      }
      digests_.Ask(file);  // while it is found out what it loads
      files.push_back(std::move(file));
    }
    for (const std::string& file : files) {
      AddFile(file);
      for (const std::string& library : SharedLibrariesOf(fs_, environment_, file)) {
        AddFile(library);
      }
    }
    return absl::OkStatus();
  }

  void AddFile(const std::string& path) {
    if (!added_.insert(path).second) return;
    digests_.Ask(path);
    files_.push_back(path);
  }

  // Puts all files into the facts, and into what the identity is made of.
  absl::Status Finish(Hasher* hasher) {
    for (const std::string& path : files_) {
      HPCC_ASSIGN_OR_RETURN(const FileDigests::Digested file, digests_.Take(path));
      facts_->files.push_back({path, file.stat, file.content});
      // The place is not part of what a toolchain is, but its name may be.
      hasher->Field(path::Basename(path)).Field(file.content);
    }
    return absl::OkStatus();
  }

 private:
  FileSystem& fs_;
  const Environment& environment_;
  ToolchainFacts* facts_;
  FileDigests digests_;
  std::set<std::string> added_;
  std::vector<std::string> files_;  // in the order they were added
};

// The commands the compiler would run, without the words that only say where it runs.
std::string CommandsWithoutPlace(const CompilerReport& report, const std::string& cwd) {
  std::string text;
  for (const std::string& command : report.commands) {
    for (const std::string_view word : StrSplit(command, ' ')) {
      if (StrContains(word, cwd) || StrContains(word, "/tmp/") || word.empty()) continue;
      StrAppend(&text, word, " ");
    }
    text.push_back('\n');
  }
  return text;
}

absl::Status AddIdentity(FileSystem& fs, const ToolchainRequest& request,
                         const CompilerReport& report, ToolchainFacts* facts) {
  const Environment probe = ProbeEnvironment(*request.environment);
  IdentityBuilder builder(fs, probe, facts);
  std::vector<std::string> programs = {request.path};
  programs.insert(programs.end(), report.programs.begin(), report.programs.end());
  HPCC_RETURN_IF_ERROR(builder.AddPrograms(programs));
  for (const std::string& file : report.files) builder.AddFile(file);
  Hasher hasher("hpcc.toolchain-identity.v1");
  hasher.Number(static_cast<uint64_t>(report.family)).Field(report.version);
  HPCC_RETURN_IF_ERROR(builder.Finish(&hasher));
  for (const Argument& argument : request.invocation->arguments) {
    if (argument.flag == "-B") WatchDirectory(fs, path::Join(request.cwd, argument.value), facts);
  }
  if (facts->opaque) {
    for (const std::string& command : report.commands) hasher.Field(command);
  } else if (request.invocation->uses_native) {
    hasher.Field(CommandsWithoutPlace(report, request.cwd));
  }
  facts->identity = hasher.Finish();
  return absl::OkStatus();
}

// Asked with all arguments of the compile: what a wrapper makes of them.
absl::StatusOr<ToolchainFacts> ProbeOpaque(FileSystem& fs, const ToolchainRequest& request) {
  std::vector<std::string> argv = {request.path, "-###"};
  // No temporary files, which have random names.
  if (request.invocation->grammar != Grammar::kMsvc) argv.emplace_back("-pipe");
  argv.insert(argv.end(), request.full_arguments->begin(), request.full_arguments->end());
  Environment full = *request.environment;
  full.Set("LC_ALL", "C");
  HPCC_ASSIGN_OR_RETURN(const CompilerReport report, Ask(argv, full));
  ToolchainFacts facts{.family = report.family, .opaque = true};
  HPCC_RETURN_IF_ERROR(AddIdentity(fs, request, report, &facts));
  return facts;
}

// Where the compiler searches by itself. Asking takes as long as all the rest, so it goes on beside
// it.
absl::StatusOr<CapturedProcess> AskForSearch(const ToolchainRequest& request,
                                             const Environment& environment) {
  return CapturedProcess::Start(ProbeCommand(request, {"-E", "-v"}), environment);
}

absl::Status AddSearch(FileSystem& fs, CapturedProcess* asked, ToolchainFacts* facts) {
  HPCC_ASSIGN_OR_RETURN(const CapturedRun search, asked->Wait());
  facts->built_in_search = ParseBuiltInSearch(search.err);
  // A newer gcc installed beside the one clang chose would be chosen instead.
  for (const std::string& installation : ParseGccInstallations(search.err)) {
    WatchDirectory(fs, std::string(path::Dirname(installation)), facts);
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view LanguageWord(Language language) {
  switch (language) {
    case Language::kCxx:
      return "c++";
    case Language::kObjectiveC:
      return "objective-c";
    case Language::kObjectiveCxx:
      return "objective-c++";
    case Language::kPreprocessedC:
      return "cpp-output";
    case Language::kPreprocessedCxx:
      return "c++-cpp-output";
    case Language::kAssembler:
      return "assembler";
    case Language::kAssemblerWithCpp:
      return "assembler-with-cpp";
    default:
      return "c";
  }
}

std::vector<std::string> ShapingWords(const Invocation& invocation) {
  std::vector<std::string> words;
  for (const Argument& argument : invocation.arguments) {
    const bool shapes = argument.effect == FlagEffect::kSearchRoot ||
                        argument.effect == FlagEffect::kNative ||
                        argument.flag.starts_with("-specs") || argument.flag.starts_with("--specs");
    if (shapes) words.insert(words.end(), argument.words.begin(), argument.words.end());
  }
  return words;
}

Digest ToolchainRequestKey(const ToolchainRequest& request) {
  Hasher hasher("hpcc.toolchain-request.v1");
  hasher.Field(request.path);
  hasher.Number(static_cast<uint64_t>(request.invocation->grammar));
  hasher.Field(LanguageWord(request.invocation->language));
  const std::vector<std::string> shaping = ShapingWords(*request.invocation);
  for (const std::string& word : shaping) hasher.Field(word);
  if (NamesRelativePath(*request.invocation)) hasher.Field(request.cwd);
  if (request.invocation->uses_native) hasher.Field(ProcessorIdentity());
  for (const std::string_view name : kProgramVariables) {
    hasher.Field(request.environment->GetOrEmpty(name));
  }
  if (request.full_arguments != nullptr) {
    hasher.Field("full").Field(request.cwd);
    for (const std::string& word : *request.full_arguments) hasher.Field(word);
  }
  return hasher.Finish();
}

absl::StatusOr<ToolchainFacts> ProbeToolchain(FileSystem& fs, const ToolchainRequest& request) {
  if (request.full_arguments != nullptr) return ProbeOpaque(fs, request);
  const Environment environment = ProbeEnvironment(*request.environment);
  const std::vector<std::string> mode =
      request.invocation->grammar == Grammar::kMsvc
          ? std::vector<std::string>{"-###", "/c"}
          : std::vector<std::string>{"-###", "-c", "-o", "/dev/null"};
  const bool searches = !IsPreprocessed(request.invocation->language);
  std::optional<CapturedProcess> search;
  if (searches && IsElfProgram(fs, request.path)) {
    HPCC_ASSIGN_OR_RETURN(CapturedProcess asked, AskForSearch(request, environment));
    search.emplace(std::move(asked));
  }
  HPCC_ASSIGN_OR_RETURN(const CompilerReport report, Ask(ProbeCommand(request, mode), environment));
  ToolchainFacts facts{.family = report.family};
  facts.opaque = IsOpaque(fs, request.path, report);
  if (facts.opaque) {
    HPCC_ASSIGN_OR_RETURN(const FileStat stat, StatFile(fs, request.path));
    facts.files.push_back({request.path, stat, Digest()});
    return facts;
  }
  HPCC_RETURN_IF_ERROR(AddIdentity(fs, request, report, &facts));
  if (searches && !search) return absl::UnavailableError(StrCat(request.path, " has changed"));
  if (search) HPCC_RETURN_IF_ERROR(AddSearch(fs, &*search, &facts));
  return facts;
}

bool ToolchainFactsHold(FileSystem& fs, const Environment& environment,
                        const ToolchainFacts& facts) {
  for (const ToolchainFacts::UsedFile& file : facts.files) {
    FileStat stat;
    if (fs.Stat(file.path.c_str(), /*follow_symlinks=*/true, &stat) != 0) return false;
    if (stat.device != file.stat.device || stat.inode != file.stat.inode ||
        stat.size != file.stat.size || stat.modified_ns != file.stat.modified_ns ||
        stat.changed_ns != file.stat.changed_ns) {
      return false;
    }
  }
  return std::all_of(facts.lookups.begin(), facts.lookups.end(), [&](const auto& lookup) {
    return FindOnPath(fs, environment, lookup.name) == lookup.path;
  });
}

std::string FindOnPath(FileSystem& fs, const Environment& environment, std::string_view name) {
  const std::string directories = environment.GetOrEmpty("PATH");
  for (const std::string_view directory : StrSplit(directories, ':')) {
    std::string candidate = path::Join(directory.empty() ? "." : directory, name);
    FileStat stat;
    if (fs.Stat(candidate.c_str(), /*follow_symlinks=*/true, &stat) == 0 && stat.is_regular() &&
        (stat.mode & 0111) != 0) {
      return candidate;
    }
  }
  return "";
}

std::string EncodeToolchainFacts(const ToolchainFacts& facts) {
  ByteWriter out;
  out.Fixed8(kFactsVersion);
  out.Fixed8(static_cast<uint8_t>(facts.family));
  out.Fixed8(facts.opaque ? 1 : 0);
  out.DigestBytes(facts.identity);
  out.Varint(facts.built_in_search.size());
  for (const std::string& directory : facts.built_in_search) out.String(directory);
  out.Varint(facts.files.size());
  for (const ToolchainFacts::UsedFile& file : facts.files) {
    out.String(file.path);
    out.Fixed64(file.stat.device);
    out.Fixed64(file.stat.inode);
    out.Fixed64(file.stat.size);
    out.Fixed64(static_cast<uint64_t>(file.stat.modified_ns));
    out.Fixed64(static_cast<uint64_t>(file.stat.changed_ns));
  }
  out.Varint(facts.lookups.size());
  for (const ToolchainFacts::PathLookup& lookup : facts.lookups) {
    out.String(lookup.name);
    out.String(lookup.path);
  }
  return out.Take();
}

absl::StatusOr<ToolchainFacts> DecodeToolchainFacts(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.Fixed8() != kFactsVersion) return absl::DataLossError("toolchain facts: unknown version");
  ToolchainFacts facts;
  facts.family = static_cast<CompilerFamily>(in.Fixed8());
  facts.opaque = in.Fixed8() != 0;
  facts.identity = in.DigestBytes();
  for (size_t count = in.Count(1); count > 0 && in.ok(); --count) {
    facts.built_in_search.emplace_back(in.String());
  }
  for (size_t count = in.Count(kMinUsedFileBytes); count > 0 && in.ok(); --count) {
    ToolchainFacts::UsedFile file;
    file.path = std::string(in.String());
    file.stat.device = in.Fixed64();
    file.stat.inode = in.Fixed64();
    file.stat.size = in.Fixed64();
    file.stat.modified_ns = static_cast<int64_t>(in.Fixed64());
    file.stat.changed_ns = static_cast<int64_t>(in.Fixed64());
    facts.files.push_back(std::move(file));
  }
  for (size_t count = in.Count(2); count > 0 && in.ok(); --count) {
    ToolchainFacts::PathLookup lookup;
    lookup.name = std::string(in.String());
    lookup.path = std::string(in.String());
    facts.lookups.push_back(std::move(lookup));
  }
  if (!in.ok() || !in.at_end()) return absl::DataLossError("toolchain facts: malformed");
  return facts;
}

std::vector<DependencyStyle> DependencyStylesOf(CompilerFamily family) {
  switch (family) {
    case CompilerFamily::kGcc:
      return {DependencyStyle::kGcc, DependencyStyle::kGccSpaced};
    case CompilerFamily::kClang:
      return {DependencyStyle::kClang, DependencyStyle::kClangSpaced};
    case CompilerFamily::kUnknown:
      break;
  }
  return {};
}

}  // namespace hpcc
