#include "client/dependency_output.h"

#include "absl/container/flat_hash_map.h"
#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/compile_run.h"
#include "compiler/command_rewriting.h"

namespace hpcc {

absl::StatusOr<ReadDependencies> ReadDependencyOutput(const Unit& unit, const std::string& text) {
  ReadDependencies read;
  HPCC_ASSIGN_OR_RETURN(read.files, ParseDependencyFiles(text));
  const DependencyRule rule{.targets = DependencyTargets(*unit.request.invocation),
                            .files = read.files,
                            .phony_targets = true};
  for (const DependencyStyle style : DependencyStylesOf(unit.request.toolchain->family)) {
    if (WriteDependencyFile(style, rule) != text) continue;
    read.style = style;
    break;
  }
  return read;
}

std::vector<BundleDependency> DescribeDependencies(const Unit& unit,
                                                   const std::vector<std::string>& files,
                                                   const ClosureResult& closure) {
  absl::flat_hash_map<std::string_view, UserHeader> known;
  known.reserve(closure.files.size());
  for (size_t i = 0; i < closure.files.size() && i < closure.user_headers.size(); ++i) {
    known.emplace(closure.files[i].path, closure.user_headers[i]);
  }
  std::vector<BundleDependency> dependencies;
  dependencies.reserve(files.size());
  for (const std::string& file : files) {
    const auto found = unit.root.marked() ? known.find(unit.root.ToPortable(file))
                                          : known.find(std::string_view(file));
    dependencies.push_back({file, found == known.end() ? UserHeader::kUnknown : found->second});
  }
  return dependencies;
}

std::optional<std::string> MakeDependencyFile(const Invocation& invocation, DependencyStyle style,
                                              const std::vector<BundleDependency>& dependencies,
                                              const ProjectRoot& root) {
  if (style == DependencyStyle::kNone) return std::nullopt;
  const bool user_only = invocation.dependencies.kind == DependencyRequest::Kind::kUserHeaders;
  DependencyRule rule{.targets = DependencyTargets(invocation),
                      .phony_targets = invocation.dependencies.phony_targets};
  for (const BundleDependency& dependency : dependencies) {
    if (user_only && dependency.user == UserHeader::kUnknown) return std::nullopt;
    if (user_only && dependency.user == UserHeader::kNo) continue;
    rule.files.push_back(root.FromPortable(dependency.path));
  }
  return WriteDependencyFile(style, rule);
}

absl::StatusOr<std::string> AskForDependencyFile(FileSystem& fs, const Unit& unit,
                                                 const FoundCompiler& compiler) {
  const Environment& environment = *unit.request.environment;
  HPCC_ASSIGN_OR_RETURN(const TemporaryFile file, TemporaryFile::Create(fs, environment));
  std::vector<std::string> argv = {compiler.path};
  for (std::string& word : DependencyCommand(*unit.request.invocation, file.path())) {
    argv.push_back(std::move(word));
  }
  HPCC_ASSIGN_OR_RETURN(const CapturedRun run,
                        RunCaptured(argv, environment, {.timeout = kPreprocessTimeout}));
  if (!run.exit.success()) {
    return absl::UnavailableError(
        StrCat(compiler.path, " could not write the dependency file: ", run.err));
  }
  return ReadFile(fs, file.path(), kMaxDependencyBytes);
}

}  // namespace hpcc
