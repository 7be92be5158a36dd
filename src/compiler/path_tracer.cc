#include "compiler/path_tracer.h"

#include <memory>

#include "base/path.h"

namespace hpcc {

namespace {

constexpr int kMaxDepth = 40;  // of links that lead to links, as Linux has it

void Append(const TracedPath& more, TracedPath* path) {
  path->links.insert(path->links.end(), more.links.begin(), more.links.end());
  path->directories.insert(path->directories.end(), more.directories.begin(),
                           more.directories.end());
}

}  // namespace

TracedPath PathTracer::Trace(std::string_view absolute, int depth) {
  while (absolute.size() > 1 && absolute.ends_with('/')) absolute.remove_suffix(1);
  const size_t slash = absolute.rfind('/');
  if (slash == std::string_view::npos || absolute == "/") {
    TracedPath root{.real = "/"};
    root.exists = fs_.Stat("/", /*follow_symlinks=*/true, &root.stat) == 0;
    return root;
  }
  const TracedPath& directory =
      TraceDirectory(std::string(absolute.substr(0, std::max<size_t>(slash, 1))), depth);
  return Step(directory, absolute.substr(slash + 1), depth);
}

const TracedPath& PathTracer::TraceDirectory(const std::string& absolute, int depth) {
  const auto known = directories_.find(absolute);
  if (known != directories_.end()) return *known->second;
  auto traced = std::make_unique<TracedPath>(Trace(absolute, depth));
  return *directories_.emplace(absolute, std::move(traced)).first->second;
}

TracedPath PathTracer::Step(const TracedPath& from, std::string_view name, int depth) {
  if (!from.exists || name.empty() || name == ".") return from;
  TracedPath next{.real = "", .links = from.links, .directories = from.directories};
  if (!from.stat.is_directory()) {
    next.real = path::Join(from.real, name);
    return next;
  }
  if (name == "..") {
    next.directories.push_back(from.real);
    next.real = std::string(path::Dirname(from.real));
    if (next.real.empty()) next.real = "/";
    next.exists = fs_.Stat(next.real.c_str(), /*follow_symlinks=*/false, &next.stat) == 0;
    return next;
  }
  next.real = path::Join(from.real, name);
  next.exists = fs_.Stat(next.real.c_str(), /*follow_symlinks=*/false, &next.stat) == 0;
  if (!next.exists || next.stat.type != FileStat::Type::kSymlink) return next;

  const absl::StatusOr<std::string> target = fs_.ReadLink(next.real);
  if (!target.ok() || target->empty() || depth >= kMaxDepth) {
    next.real.clear();
    next.exists = false;
    return next;
  }
  next.links.push_back({next.real, *target});
  TracedPath end = Trace(path::Join(from.real, *target), depth + 1);
  TracedPath whole{.real = std::move(end.real), .exists = end.exists, .stat = end.stat};
  Append(next, &whole);
  Append(end, &whole);
  return whole;
}

}  // namespace hpcc
