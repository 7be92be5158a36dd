#include "base/stat_plan.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace hpcc {

namespace {

// Opening and closing a directory costs about as much as walking to two or three of its files.
constexpr size_t kWorthOpening = 4;
constexpr size_t kMaxMembers = 32;

// Up to and without the last slash; files without one are in no directory worth opening.
std::string_view DirectoryOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  // With a slash at the end there is no name in the directory.
  if (slash == std::string_view::npos || slash + 1 == path.size()) return {};
  return path.substr(0, slash);
}

}  // namespace

StatPlan::StatPlan(std::vector<std::string> paths) : paths_(std::move(paths)) {
  std::vector<std::pair<std::string_view, std::vector<uint32_t>>> directories;
  absl::flat_hash_map<std::string_view, size_t> place_of;
  for (size_t i = 0; i < paths_.size(); ++i) {
    const std::string_view directory = DirectoryOf(paths_[i]);
    const auto [found, is_new] = place_of.try_emplace(directory, directories.size());
    if (is_new) directories.push_back({directory, {}});
    directories[found->second].second.push_back(static_cast<uint32_t>(i));
  }
  Group single;
  for (auto& [directory, members] : directories) {
    if (directory.empty() || members.size() < kWorthOpening) {
      single.members.insert(single.members.end(), members.begin(), members.end());
      continue;
    }
    for (size_t i = 0; i < members.size(); i += kMaxMembers) {
      const size_t end = std::min(members.size(), i + kMaxMembers);
      groups_.push_back({std::string(directory), {members.begin() + i, members.begin() + end}});
    }
  }
  for (size_t i = 0; i < single.members.size(); i += kMaxMembers) {
    const size_t end = std::min(single.members.size(), i + kMaxMembers);
    groups_.push_back({"", {single.members.begin() + i, single.members.begin() + end}});
  }
}

}  // namespace hpcc
