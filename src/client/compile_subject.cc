#include "client/compile_subject.h"

#include <unistd.h>

#include "base/logging.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "compiler/compiler_name.h"

namespace hpcc {

std::string DescribeDiagnosticsTarget(const Environment& environment) {
  const Terminal out = DescribeTerminal(STDOUT_FILENO, environment);
  const Terminal err = DescribeTerminal(STDERR_FILENO, environment);
  const std::string colors = environment.GetOrEmpty("GCC_COLORS");
  if (!out.is_terminal && !err.is_terminal) return colors;
  std::string target = StrCat(out.is_terminal ? "o" : "-", err.is_terminal ? "e" : "-", ":",
                              err.is_terminal ? err.columns : out.columns);
  for (const std::string_view name :
       {"TERM", "COLUMNS", "GCC_COLORS", "GCC_URLS", "TERM_URLS", "COLORTERM", "NO_COLOR"}) {
    StrAppend(&target, ":", environment.GetOrEmpty(name));
  }
  return target;
}

std::optional<NotCacheable> CompileSubject::Understand() {
  if (std::optional<NotCacheable> refusal = Parse(LooksLikeClang(command_.compiler.name))) {
    return refusal;
  }
  // A compile whose dependency file has no place to go fails, but only after hpcc's own would have
  // succeeded and left an object.
  if (invocation_.dependencies.kind == DependencyRequest::Kind::kNone) return std::nullopt;
  const std::string directory(path::Dirname(invocation_.dependencies.file));
  if (directory.empty() || FileExists(fs_, directory)) return std::nullopt;
  return NotCacheable{NotCacheableReason::kOutputNotRegular, invocation_.dependencies.file};
}

std::optional<NotCacheable> CompileSubject::Parse(bool is_clang) {
  const ParseContext context{fs_, command_.environment, command_.cwd, command_.compiler.name,
                             is_clang};
  invocation_ = GuessGrammar(command_.compiler.name) == Grammar::kMsvc
                    ? ParseMsvc(context, command_.compiler.arguments)
                    : ParseGnu(context, command_.compiler.arguments);
  return invocation_.refusal;
}

std::optional<NotCacheable> CompileSubject::Identify(ToolchainMemo& memo) {
  const FoundCompiler& compiler = command_.compiler;
  std::string path = compiler.path;
  if (!path::IsAbsolute(path)) path = path::Join(command_.cwd, path);
  absl::StatusOr<ToolchainFacts> facts = memo.Identify({.path = path,
                                                        .cwd = command_.cwd,
                                                        .invocation = &invocation_,
                                                        .environment = &command_.environment},
                                                       compiler.arguments);
  if (!facts.ok()) {
    Log(LogLevel::kWarning, std::string(facts.status().message()));
    return NotCacheable{NotCacheableReason::kCompilerUnknown, compiler.path};
  }
  toolchain_ = *std::move(facts);
  const bool is_clang = toolchain_.family == CompilerFamily::kClang;
  if (invocation_.grammar != Grammar::kGnu || is_clang == LooksLikeClang(compiler.name)) {
    return std::nullopt;
  }
  return Parse(is_clang);
}

std::optional<NotCacheable> CompileSubject::Prepare() {
  absl::StatusOr<Unit> unit = MakeUnit(fs_, {.invocation = &invocation_,
                                             .toolchain = &toolchain_,
                                             .environment = &command_.environment,
                                             .compiler = command_.compiler.path,
                                             .cwd = command_.cwd,
                                             .terminal = command_.diagnostics_target});
  if (!unit.ok()) {
    return NotCacheable{absl::IsResourceExhausted(unit.status())
                            ? NotCacheableReason::kTooLarge
                            : NotCacheableReason::kSourceNotRegular,
                        std::string(unit.status().message())};
  }
  unit_ = *std::move(unit);
  return std::nullopt;
}

}  // namespace hpcc
