#include <algorithm>
#include <utility>

#include "base/path.h"
#include "base/strings.h"
#include "compiler/gnu_outputs.h"
#include "compiler/gnu_state.h"

// Files besides sources and headers that a compiler reads because of a flag.

namespace hpcc {
namespace {

using R = NotCacheableReason;

constexpr size_t kMaxProfiles = 1000;
constexpr uint64_t kMaxSpecsBytes = uint64_t{1} << 20;

// How gcc turns a path into one file name below the directory of -fprofile-use=: "/" to "#", ".."
// to "^", "." left out.
std::string MangledProfileName(std::string_view path) {
  std::string name;
  for (std::string_view component : StrSplit(path, '/')) {
    if (component == ".") continue;
    if (!name.empty() && name.back() != '#') name.push_back('#');
    if (name.empty()) name.push_back('#');
    if (component == "..") {
      name.push_back('^');
    } else {
      name.append(component);
    }
  }
  return name;
}

void AddProfilesIn(GnuState* state, const std::string& directory) {
  absl::StatusOr<std::vector<std::string>> names =
      state->context.fs.List(path::Join(state->context.cwd, directory));
  if (!names.ok()) return;
  std::erase_if(*names, [](const std::string& name) { return !name.ends_with(".gcda"); });
  if (names->size() > kMaxProfiles) {
    state->Refuse(R::kUnsupportedFlag, StrCat("more than 1000 profiles in ", directory));
    return;
  }
  std::sort(names->begin(), names->end());
  for (const std::string& name : *names) state->AddContentIfFile(path::Join(directory, name));
}

// gcc reads <name beside the object>.gcda. With a directory it looks there for that path: below the
// directory as it is when absolute, else in one file name made of the absolute path. Versions
// differ in how they make it, so every profile that lies in the directory counts.
void AddGccProfiles(GnuState* state) {
  const Invocation& invocation = state->invocation;
  const std::string beside =
      NameBesideOutput(invocation.source, state->output.value_or(""), ".gcda", false);
  if (state->profile_use->empty()) {
    state->AddContentIfFile(beside);
    return;
  }
  const std::string& directory = *state->profile_use;
  if (path::IsAbsolute(beside)) {
    state->AddContentIfFile(StrCat(directory, "/", beside));
  } else {
    state->AddContentIfFile(
        path::Join(directory, MangledProfileName(path::Join(state->context.cwd, beside))));
  }
  AddProfilesIn(state, directory);
}

void AddClangProfile(GnuState* state) {
  const std::string& given = *state->profile_use;
  if (given.empty()) {
    state->AddContent("default.profdata", "-fprofile-use");
  } else if (!state->profile_use_is_file && state->IsDirectory(given)) {
    state->AddContent(path::Join(given, "default.profdata"), "-fprofile-use");
  } else {
    state->AddContent(given, "-fprofile-use");
  }
}

}  // namespace

void GnuState::AddContent(const std::string& path, std::string_view flag) {
  if (!AddContentIfFile(path)) Refuse(R::kUnsupportedFlag, flag);
}

bool GnuState::AddContentIfFile(const std::string& path) {
  if (path.empty()) return false;
  FileStat stat;
  const std::string full = path::Join(context.cwd, path);
  if (context.fs.Stat(full.c_str(), true, &stat) != 0 || !stat.is_regular()) return false;
  std::vector<std::string>& known = invocation.content_inputs;
  if (std::find(known.begin(), known.end(), path) == known.end()) known.push_back(path);
  return true;
}

bool GnuState::IsDirectory(const std::string& path) const {
  FileStat stat;
  const std::string full = path::Join(context.cwd, path);
  return context.fs.Stat(full.c_str(), true, &stat) == 0 && stat.is_directory();
}

void ReadSpecs(GnuState* state, const std::string& path) {
  state->AddContent(path, "-specs");
  // What a specs file includes is searched for in places of the compiler's own.
  const absl::StatusOr<std::string> text =
      ReadFile(state->context.fs, path::Join(state->context.cwd, path), kMaxSpecsBytes);
  if (!text.ok() || StrContains(*text, "%include")) state->Refuse(R::kUnsupportedFlag, "-specs");
}

void ReadPluginArgument(GnuState* state, std::string_view value) {
  const size_t equals = value.find('=');
  if (equals == std::string_view::npos) return;
  const std::string given(value.substr(equals + 1));
  // A plugin may write where it is told to, or read what isn't there yet.
  if (!state->AddContentIfFile(given) && StrContains(given, "/")) {
    state->Refuse(R::kUnsupportedFlag, StrCat("-fplugin-arg-", value));
  }
}

void AddProfiles(GnuState* state) {
  if (!state->profile_use) return;
  if (state->context.is_clang) return AddClangProfile(state);
  for (const Argument& argument : state->invocation.arguments) {
    if (argument.flag == "-fprofile-prefix-path" || argument.flag == "-fprofile-dir") {
      return state->Refuse(R::kUnsupportedFlag, argument.flag);
    }
  }
  AddGccProfiles(state);
}

}  // namespace hpcc
