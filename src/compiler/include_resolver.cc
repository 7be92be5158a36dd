#include "compiler/include_resolver.h"

#include <algorithm>

#include "base/path.h"

namespace hpcc {

namespace {

// Devices are few and inodes many: folding them together keeps the map small, and a clash only
// makes an unread file look read, which records more than needed.
uint64_t InodeKey(const FileStat& stat) {
  return stat.inode ^ (stat.device << 48);
}

}  // namespace

IncludeResolver::IncludeResolver(FileSystem& fs, const ClosureInput& input)
    : fs_(fs), input_(input) {
  for (size_t i = 0; i < input.files.size(); ++i) {
    file_by_inode_.emplace(InodeKey(input.files[i].stat), i);
    seen_.emplace(input.files[i].path,
                  Candidate{Candidate::State::kRead, i, input.files[i].stat.size});
  }
  if (!input.invocation->searches_include_stack) return;
  // MSVC looks for a quoted include beside every file of the include stack. What the stack is at a
  // directive isn't known: any file that was read may be on it.
  for (const ClosureFile& file : input.files) {
    msvc_directories_.emplace_back(path::Dirname(file.path));
  }
  std::sort(msvc_directories_.begin(), msvc_directories_.end());
  msvc_directories_.erase(std::unique(msvc_directories_.begin(), msvc_directories_.end()),
                          msvc_directories_.end());
}

Candidate IncludeResolver::Look(const std::string& path) {
  const auto found = seen_.find(path);
  if (found != seen_.end()) return found->second;
  Candidate candidate;
  FileStat stat;
  const std::string resolved = path::Join(input_.cwd, path);
  if (DirectoryExists(path::Dirname(resolved)) &&
      fs_.Stat(resolved.c_str(), /*follow_symlinks=*/true, &stat) == 0 && !stat.is_directory()) {
    const auto file = file_by_inode_.find(InodeKey(stat));
    candidate = file == file_by_inode_.end()
                    ? Candidate{Candidate::State::kUnread, 0, stat.size}
                    : Candidate{Candidate::State::kRead, file->second, stat.size};
    if (candidate.state == Candidate::State::kUnread &&
        stat.changed_ns >= input_.compile_started_ns) {
      changed_meanwhile_ = path;
    }
  }
  seen_.emplace(path, candidate);
  return candidate;
}

// Most names are looked for below few directories, many of which don't exist.
bool IncludeResolver::DirectoryExists(std::string_view directory) {
  std::string key(directory);
  const auto known = directories_.find(key);
  if (known != directories_.end()) return known->second;
  FileStat stat;
  const bool exists = fs_.Stat(key.c_str(), /*follow_symlinks=*/true, &stat) == 0;
  return directories_.emplace(std::move(key), exists).first->second;
}

bool IncludeResolver::WasMoved(const std::string& directory) {
  const auto known = moved_.find(directory);
  if (known != moved_.end()) return known->second;
  FileStat stat;
  const std::string resolved = path::Join(input_.cwd, directory);
  // Renaming a directory changes its ctime alone; making a file in it changes both.
  const bool moved = fs_.Stat(resolved.c_str(), /*follow_symlinks=*/true, &stat) == 0 &&
                     stat.changed_ns >= input_.compile_started_ns &&
                     stat.modified_ns != stat.changed_ns;
  return moved_.emplace(directory, moved).first->second;
}

std::vector<SearchStep> IncludeResolver::Walk(const IncludeDirective& directive,
                                              const std::vector<std::string>& first_directories,
                                              bool to_last_read) {
  std::vector<SearchStep> steps;
  size_t last_file = 0;  // steps up to and including the last file, when to_last_read
  const auto step = [&](const std::string& directory, const SearchPathEntry* entry) {
    SearchStep next{path::Join(directory, directive.name), {}, entry};
    // Below a directory that doesn't exist there is nothing to look at.
    if (entry == nullptr || entry->exists) next.candidate = Look(next.path);
    if (next.candidate.state == Candidate::State::kUnread && entry != nullptr &&
        WasMoved(entry->directory)) {
      changed_meanwhile_ = next.path;
    }
    const Candidate::State state = next.candidate.state;
    steps.push_back(std::move(next));
    if (state == Candidate::State::kRead || (!to_last_read && state == Candidate::State::kUnread)) {
      last_file = steps.size();
      return !to_last_read;
    }
    return false;
  };

  if (path::IsAbsolute(directive.name)) {
    step("", nullptr);
    return steps;
  }
  if (!directive.angled) {
    // Of several it isn't known which are searched, nor in what order.
    const bool certain = first_directories.size() == 1;
    for (const std::string& directory : first_directories) {
      if (step(directory, nullptr) && certain) return steps;
    }
  }
  for (const SearchPathEntry& entry : input_.search) {
    if (entry.quote_only && directive.angled) continue;
    if (step(entry.directory, &entry)) return steps;
  }
  if (to_last_read) steps.resize(last_file);
  return steps;
}

std::vector<SearchStep> IncludeResolver::Search(const IncludeDirective& directive,
                                                const std::string& includer_directory) {
  using Kind = IncludeDirective::Kind;
  const bool next = directive.kind == Kind::kIncludeNext;
  std::vector<std::string> first = {includer_directory};
  const bool on_stack = !directive.angled && !msvc_directories_.empty();
  if (!on_stack || Look(path::Join(includer_directory, directive.name)).is_file()) {
    return Walk(directive, first, next);
  }
  first.insert(first.end(), msvc_directories_.begin(), msvc_directories_.end());
  return Walk(directive, first, next || directive.kind == Kind::kInclude);
}

std::vector<SearchStep> IncludeResolver::SearchComputed(
    const std::string& name, const std::vector<std::string>& includer_directories) {
  IncludeDirective directive;
  directive.name = name;
  return Walk(directive, includer_directories, /*to_last_read=*/true);
}

}  // namespace hpcc
