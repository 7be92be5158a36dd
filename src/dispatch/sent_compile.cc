#include "dispatch/sent_compile.h"

#include <algorithm>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kOutputName = "hpcc-output";
// What the compile itself reads of the environment. Workers take these and no others.
constexpr std::string_view kVariables[] = {"LANG",
                                           "LANGUAGE",
                                           "LC_ALL",
                                           "LC_CTYPE",
                                           "LC_MESSAGES",
                                           "CPATH",
                                           "C_INCLUDE_PATH",
                                           "CPLUS_INCLUDE_PATH",
                                           "OBJC_INCLUDE_PATH",
                                           "OBJCPLUS_INCLUDE_PATH",
                                           "SOURCE_DATE_EPOCH"};

bool NamesPath(const Argument& argument) {
  return argument.flag.empty() || argument.effect == FlagEffect::kSearchPath ||
         argument.effect == FlagEffect::kForcedInclude;
}

const std::string& PathOf(const Argument& argument) {
  return argument.flag.empty() ? argument.words.front() : argument.value;
}

bool IsDropped(const Argument& argument, const Invocation& invocation) {
  if (argument.effect == FlagEffect::kDependency) return true;
  return argument.effect == FlagEffect::kOutput && !invocation.output_path_reaches_output;
}

std::string Mapped(std::string_view path, std::string_view root) {
  if (root.empty() || !path::IsBelow(path, root)) return std::string(path);
  return StrCat(kSandboxRoot, path.substr(root.size()));
}

// The words with the path they end with mapped. They may spell it with more than the value says.
std::vector<std::string> MappedWords(const Argument& argument, std::string_view root) {
  std::vector<std::string> words = argument.words;
  const std::string& path = PathOf(argument);
  std::string& last = words.back();
  if (root.empty() || path.empty() || !last.ends_with(path)) return words;
  last = StrCat(last.substr(0, last.size() - path.size()), Mapped(path, root));
  return words;
}

// Whether a relative name climbs out of the root.
bool LeavesRoot(const std::string& path, const CompileDescription& compile) {
  if (path::IsAbsolute(path)) return false;
  return !path::IsBelow(path::Normalize(path::Join(compile.cwd, path)), compile.root);
}

void AddFiles(const Prediction& prediction, std::string_view root, SentCompile* sent,
              SourceManifest* manifest) {
  for (const PredictedFile& file : prediction.files) {
    manifest->entries.push_back({.path = Mapped(file.path, root),
                                 .kind = ManifestEntry::Kind::kFile,
                                 .digest = file.digest,
                                 .target = ""});
    sent->blobs.push_back({file.digest, file.path});
  }
}

// Everything besides files.
void AddSurroundings(const Prediction& prediction, std::string_view root,
                     SourceManifest* manifest) {
  const auto add = [manifest](std::string path, ManifestEntry::Kind kind, std::string target) {
    if (path == "/") return;
    manifest->entries.push_back(
        {.path = std::move(path), .kind = kind, .digest = {}, .target = std::move(target)});
  };
  for (const TracedLink& link : prediction.links) {
    add(Mapped(link.path, root), ManifestEntry::Kind::kLink, Mapped(link.target, root));
  }
  for (const std::string& directory : prediction.directories) {
    add(Mapped(directory, root), ManifestEntry::Kind::kDirectory, "");
  }
  for (const std::string& absence : prediction.absences) {
    add(Mapped(absence, root), ManifestEntry::Kind::kAbsent, "");
  }
}

}  // namespace

bool CanMapRoot(const CompileDescription& compile, const std::string& real_root,
                const Prediction& prediction) {
  const Invocation& invocation = *compile.invocation;
  const std::string& root = compile.root;
  // Notes and lists beside the object name files in ways no prefix map covers.
  if (root.empty() || root == "/" || real_root != root || prediction.leaves_root) return false;
  if (invocation.output_path_reaches_output || invocation.outputs.size() != 1) return false;
  for (const Argument& argument : invocation.arguments) {
    if (IsDropped(argument, invocation)) continue;
    if (NamesPath(argument) && LeavesRoot(PathOf(argument), compile)) return false;
    const std::vector<std::string> words =
        NamesPath(argument) ? MappedWords(argument, root) : argument.words;
    for (const std::string& word : words) {
      if (StrContains(word, root)) return false;
    }
  }
  for (const std::string_view name : kVariables) {
    const std::string value = compile.environment->GetOrEmpty(name);
    if (StrContains(value, root)) return false;
  }
  return true;
}

std::vector<std::string> SentArguments(const CompileDescription& compile, bool map_root) {
  const Invocation& invocation = *compile.invocation;
  const std::string_view root = map_root ? std::string_view(compile.root) : std::string_view();
  std::vector<std::string> words;
  // The worker adds the map of the sandbox's root by itself.
  if (!compile.root.empty() && !map_root) {
    words.push_back(StrCat("-ffile-prefix-map=", compile.root, "=."));
  }
  if (!invocation.output_path_reaches_output) {
    words.emplace_back("-o");
    words.push_back(StrCat(kOutputName, invocation.assembly_output ? ".s" : ".o"));
  }
  for (const Argument& argument : invocation.arguments) {
    if (IsDropped(argument, invocation)) continue;
    const std::vector<std::string> own =
        NamesPath(argument) ? MappedWords(argument, root) : argument.words;
    words.insert(words.end(), own.begin(), own.end());
  }
  return words;
}

absl::StatusOr<SentCompile> MakeSentCompile(const CompileDescription& compile,
                                            const Prediction& prediction, bool map_root) {
  const std::string_view root = map_root ? std::string_view(compile.root) : std::string_view();
  SentCompile sent;
  sent.root_is_mapped = map_root;
  sent.command.set_compiler(compile.compiler);
  sent.command.set_toolchain_identity(std::string(compile.toolchain->identity.bytes()));
  for (std::string& word : SentArguments(compile, map_root)) {
    sent.command.add_arguments(std::move(word));
  }
  for (const std::string_view name : kVariables) {
    const std::optional<std::string> value = compile.environment->Get(name);
    if (value) sent.command.add_environment(StrCat(name, "=", *value));
  }
  sent.command.set_working_directory(Mapped(compile.cwd, root));
  SourceManifest manifest;
  AddFiles(prediction, root, &sent, &manifest);
  AddSurroundings(prediction, root, &manifest);
  HPCC_ASSIGN_OR_RETURN(sent.manifest, EncodeManifest(std::move(manifest)));
  sent.manifest_digest = ManifestDigest(sent.manifest);
  return sent;
}

}  // namespace hpcc
