#include "compiler/include_resolver.h"

#include <algorithm>

#include "base/path.h"

namespace hpcc {

namespace {

using State = Candidate::State;

// Devices are few and inodes many: folding them together keeps the map small, and a clash only
// makes an unread file look read, which records more than needed.
uint64_t InodeKey(const FileStat& stat) {
  return stat.inode ^ (stat.device << 48);
}

}  // namespace

IncludeResolver::IncludeResolver(FileSystem& fs, const ClosureInput& input)
    : fs_(fs), input_(input) {
  file_by_inode_.reserve(input.files.size());
  by_path_.reserve(4 * input.files.size());
  for (size_t i = 0; i < input.files.size(); ++i) {
    file_by_inode_.emplace(InodeKey(input.files[i].stat), i);
    Place& place = PlaceOf(input.files[i].path);
    place.names_closure = true;
    if (!place.candidate) place.candidate = {State::kRead, i, input.files[i].stat.size};
  }
  if (!input.invocation->searches_include_stack) return;
  // MSVC looks for a quoted include beside every file of the include stack. What the stack is at a
  // directive isn't known: any file that was read may be on it.
  for (const ClosureFile& file : input.files) {
    msvc_directories_.push_back(path::Dirname(file.path));
  }
  std::sort(msvc_directories_.begin(), msvc_directories_.end());
  msvc_directories_.erase(std::unique(msvc_directories_.begin(), msvc_directories_.end()),
                          msvc_directories_.end());
}

Place& IncludeResolver::PlaceOf(std::string_view path) {
  const auto known = by_path_.find(path::WithoutDot(path));
  if (known != by_path_.end()) return *known->second;
  Place& place = places_.emplace_back();
  place.path = std::string(path);
  place.number = places_.size() - 1;
  by_path_.emplace(path::WithoutDot(place.path), &place);
  return place;
}

Place& IncludeResolver::PlaceOf(std::string_view directory, std::string_view name) {
  spelled_ = directory;
  if (!spelled_.empty() && spelled_.back() != '/') spelled_ += '/';
  spelled_ += name;
  return PlaceOf(spelled_);
}

const Candidate& IncludeResolver::Look(Place& place) {
  if (place.candidate) return *place.candidate;
  Candidate& candidate = place.candidate.emplace();
  FileStat stat;
  const std::string& resolved = Resolved(place.path);
  if (!DirectoryExists(path::Dirname(resolved)) ||
      fs_.Stat(resolved.c_str(), /*follow_symlinks=*/true, &stat) != 0 || stat.is_directory()) {
    return candidate;
  }
  const auto file = file_by_inode_.find(InodeKey(stat));
  candidate = file == file_by_inode_.end() ? Candidate{State::kUnread, 0, stat.size}
                                           : Candidate{State::kRead, file->second, stat.size};
  if (candidate.state == State::kUnread && stat.changed_ns >= input_.compile_started_ns) {
    changed_meanwhile_ = place.path;
  }
  return candidate;
}

const std::string& IncludeResolver::Resolved(std::string_view path) {
  if (path::IsAbsolute(path)) {
    resolved_ = path;
  } else {
    resolved_ = input_.cwd;
    if (!resolved_.empty() && resolved_.back() != '/') resolved_ += '/';
    resolved_ += path;
  }
  return resolved_;
}

// Most names are looked for below few directories, many of which don't exist.
bool IncludeResolver::DirectoryExists(std::string_view directory) {
  const auto known = directories_.find(directory);
  if (known != directories_.end()) return known->second;
  std::string key(directory);
  FileStat stat;
  const bool exists = fs_.Stat(key.c_str(), /*follow_symlinks=*/true, &stat) == 0;
  return directories_.emplace(std::move(key), exists).first->second;
}

bool IncludeResolver::WasMoved(const std::string& directory) {
  const auto known = moved_.find(directory);
  if (known != moved_.end()) return known->second;
  FileStat stat;
  // Renaming a directory changes its ctime alone; making a file in it changes both.
  const bool moved = fs_.Stat(Resolved(directory).c_str(), /*follow_symlinks=*/true, &stat) == 0 &&
                     stat.changed_ns >= input_.compile_started_ns &&
                     stat.modified_ns != stat.changed_ns;
  return moved_.emplace(directory, moved).first->second;
}

bool IncludeResolver::Step(std::string_view directory, std::string_view name,
                           const SearchPathEntry* entry, bool to_last_read) {
  Place& place = PlaceOf(directory, name);
  // Below a directory that doesn't exist there is nothing to look at.
  if (entry != nullptr && !entry->exists && !place.candidate) place.candidate.emplace();
  const State state = Look(place).state;
  if (state == State::kUnread && entry != nullptr && WasMoved(entry->directory)) {
    changed_meanwhile_ = place.path;
  }
  steps_.push_back({&place, entry});
  return state == State::kRead || (!to_last_read && state == State::kUnread);
}

const std::vector<SearchStep>& IncludeResolver::Walk(
    std::string_view name, bool angled, const std::vector<std::string_view>& first_directories,
    bool to_last_read) {
  steps_.clear();
  if (path::IsAbsolute(name)) {
    Step("", name, nullptr, to_last_read);
    return steps_;
  }
  size_t last_file = 0;  // steps up to and including the last file, when to_last_read
  if (!angled) {
    // Of several it isn't known which are searched, nor in what order.
    const bool certain = first_directories.size() == 1;
    for (const std::string_view directory : first_directories) {
      if (!Step(directory, name, nullptr, to_last_read)) continue;
      last_file = steps_.size();
      if (certain && !to_last_read) return steps_;
    }
  }
  for (const SearchPathEntry& entry : input_.search) {
    if (entry.quote_only && angled) continue;
    if (!Step(entry.directory, name, &entry, to_last_read)) continue;
    last_file = steps_.size();
    if (!to_last_read) return steps_;
  }
  if (to_last_read) steps_.resize(last_file);
  return steps_;
}

const std::vector<SearchStep>& IncludeResolver::Search(const IncludeDirective& directive,
                                                       std::string_view includer_directory) {
  using Kind = IncludeDirective::Kind;
  const bool next = directive.kind == Kind::kIncludeNext;
  first_directories_.assign(1, includer_directory);
  const bool on_stack = !directive.angled && !msvc_directories_.empty();
  if (!on_stack || Look(PlaceOf(includer_directory, directive.name)).is_file()) {
    return Walk(directive.name, directive.angled, first_directories_, next);
  }
  first_directories_.insert(first_directories_.end(), msvc_directories_.begin(),
                            msvc_directories_.end());
  return Walk(directive.name, directive.angled, first_directories_,
              next || directive.kind == Kind::kInclude);
}

const std::vector<SearchStep>& IncludeResolver::SearchComputed(
    std::string_view name, const std::vector<std::string_view>& includer_directories) {
  return Walk(name, /*angled=*/false, includer_directories, /*to_last_read=*/true);
}

}  // namespace hpcc
