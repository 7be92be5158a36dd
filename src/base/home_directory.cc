#include "base/home_directory.h"

#include <unistd.h>

#include <vector>

#include "absl/status/status.h"
#include "base/path.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr uint64_t kMaxPasswdBytes = uint64_t{16} << 20;

}  // namespace

std::string HomeInPasswd(std::string_view passwd, uint32_t uid) {
  const std::string uid_text = std::to_string(uid);
  for (const std::string_view line : StrSplit(passwd, '\n')) {
    const std::vector<std::string_view> fields = StrSplit(line, ':');
    if (fields.size() < 6 || fields[2] != uid_text) continue;
    return path::IsAbsolute(fields[5]) ? std::string(fields[5]) : std::string();
  }
  return {};
}

absl::StatusOr<std::string> HomeDirectory(FileSystem& fs, const Environment& environment) {
  if (std::optional<std::string> home = environment.Get("HOME");
      home.has_value() && path::IsAbsolute(*home)) {
    return *std::move(home);
  }
  const uint32_t uid = geteuid();
  const absl::StatusOr<std::string> passwd = ReadFile(fs, "/etc/passwd", kMaxPasswdBytes);
  std::string home = passwd.ok() ? HomeInPasswd(*passwd, uid) : std::string();
  if (home.empty()) {
    return absl::NotFoundError(
        StrCat("HOME is not set to an absolute path and /etc/passwd knows no home of user ", uid));
  }
  return home;
}

}  // namespace hpcc
