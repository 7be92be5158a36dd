#include "client/compiler_search.h"

#include <algorithm>
#include <string_view>

#include "base/path.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kOtherWrappers[] = {"ccache", "sccache", "distcc",   "distcc-pump",
                                               "icecc",  "icerun",  "colorgcc", "buildcache"};

bool IsOtherWrapper(std::string_view name) {
  return std::find(std::begin(kOtherWrappers), std::end(kOtherWrappers), name) !=
         std::end(kOtherWrappers);
}

class Search {
 public:
  Search(FileSystem& fs, const Environment& environment) : fs_(fs), environment_(environment) {
    own_known_ = fs_.Stat("/proc/self/exe", /*follow_symlinks=*/true, &own_) == 0;
  }

  // Whether `path` leads to hpcc or to another wrapper rather than to a compiler.
  bool LeadsToWrapper(const std::string& path) {
    FileStat stat;
    if (fs_.Stat(path.c_str(), /*follow_symlinks=*/true, &stat) != 0) return false;
    if (own_known_ && stat.device == own_.device && stat.inode == own_.inode) return true;
    const absl::StatusOr<std::string> real = fs_.RealPath(path);
    if (!real.ok()) return false;
    const std::string_view name = path::Basename(*real);
    return name == "hpcc" || IsOtherWrapper(name);
  }

  std::string OnPath(std::string_view name) {
    const std::string directories = environment_.GetOrEmpty("PATH");
    for (const std::string_view directory : StrSplit(directories, ':')) {
      std::string candidate = path::Join(directory.empty() ? "." : directory, name);
      FileStat stat;
      const bool runnable = fs_.Stat(candidate.c_str(), /*follow_symlinks=*/true, &stat) == 0 &&
                            stat.is_regular() && (stat.mode & 0111) != 0;
      if (runnable && !LeadsToWrapper(candidate)) return candidate;
    }
    return "";
  }

 private:
  FileSystem& fs_;
  const Environment& environment_;
  FileStat own_;
  bool own_known_ = false;
};

// "ccache gcc -c a.c" -> "gcc -c a.c", and the same for hpcc itself with or without its "wrap"; a
// wrapper called by itself is what the user wants to run.
size_t WrapperWords(const std::vector<std::string>& words) {
  size_t count = 0;
  while (count + 1 < words.size() && !words[count + 1].starts_with('-')) {
    const std::string_view name = path::Basename(words[count]);
    const bool own = name == "hpcc";
    if (!own && !IsOtherWrapper(name)) break;
    ++count;
    if (own && words[count] == "wrap" && count + 1 < words.size()) ++count;
  }
  return count;
}

}  // namespace

absl::StatusOr<FoundCompiler> FindCompiler(FileSystem& fs, const Environment& environment,
                                           const std::vector<std::string>& words, bool masquerade) {
  const size_t skipped = masquerade ? 0 : WrapperWords(words);
  if (words.size() <= skipped) return absl::InvalidArgumentError("no compiler given");
  const std::string& word = words[skipped];

  FoundCompiler found;
  found.name = std::string(path::Basename(word));
  found.arguments.assign(words.begin() + static_cast<ptrdiff_t>(skipped) + 1, words.end());
  Search search(fs, environment);
  const bool has_slash = word.find('/') != std::string::npos;
  if (!masquerade && has_slash && !search.LeadsToWrapper(word)) {
    found.path = word;
    found.called_as = word;
    return found;
  }
  found.path = search.OnPath(found.name);
  if (found.path.empty()) {
    return absl::NotFoundError(StrCat(found.name, ": no such compiler on PATH"));
  }
  // Called through a symlink, the compiler must not find hpcc again by its bare name.
  found.called_as = masquerade || has_slash ? found.path : word;
  return found;
}

}  // namespace hpcc
