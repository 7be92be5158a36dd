#include "base/path.h"

#include <vector>

#include "base/strings.h"

namespace hpcc::path {

bool IsAbsolute(std::string_view path) {
  return path.starts_with('/');
}

std::string Join(std::string_view directory, std::string_view name) {
  if (directory.empty() || IsAbsolute(name)) return std::string(name);
  if (directory.ends_with('/')) return StrCat(directory, name);
  return StrCat(directory, "/", name);
}

std::string_view Dirname(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  if (slash == 0) return path.substr(0, 1);
  return path.substr(0, slash);
}

std::string_view Basename(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view Extension(std::string_view path) {
  const std::string_view base = Basename(path);
  const size_t dot = base.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || base == "..") return {};
  return base.substr(dot);
}

std::string_view WithoutExtension(std::string_view path) {
  return path.substr(0, path.size() - Extension(path).size());
}

std::string_view WithoutDot(std::string_view path) {
  while (path.starts_with("./")) {
    path.remove_prefix(2);
    while (path.starts_with('/')) path.remove_prefix(1);
  }
  return path;
}

std::string Normalize(std::string_view path) {
  const bool absolute = IsAbsolute(path);
  std::vector<std::string_view> kept;
  for (std::string_view component : StrSplit(path, '/')) {
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (!kept.empty() && kept.back() != "..") {
        kept.pop_back();
        continue;
      }
      if (absolute) continue;
    }
    kept.push_back(component);
  }
  std::string joined = StrJoin(kept, "/");
  if (absolute) return StrCat("/", joined);
  return joined.empty() ? "." : joined;
}

bool IsBelow(std::string_view path, std::string_view directory) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.remove_suffix(1);
  if (directory == "/") return IsAbsolute(path);
  if (directory.empty()) return !IsAbsolute(path);
  if (!path.starts_with(directory)) return false;
  return path.size() == directory.size() || path[directory.size()] == '/';
}

bool IsPerProcess(std::string_view path) {
  return IsBelow(path, "/proc") || IsBelow(path, "/dev/fd") || path.starts_with("/dev/std") ||
         path == "/dev/tty";
}

}  // namespace hpcc::path
