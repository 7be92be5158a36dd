#include "remote/notice_file.h"

#include <charconv>

#include "base/path.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr uint64_t kMaxNoticeBytes = 4096;

}  // namespace

void WriteNotice(FileSystem& fs, const std::string& path, int64_t now_ns, std::string_view text) {
  std::string line(text.substr(0, kMaxNoticeBytes / 2));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (!MakeDirectories(fs, std::string(path::Dirname(path))).ok()) return;
  WriteFileAtomically(fs, path, StrCat(now_ns, "\n", line, "\n")).IgnoreError();
}

Notice ReadNotice(FileSystem& fs, const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(fs, path, kMaxNoticeBytes);
  if (!text.ok()) return {};
  const size_t line_end = text->find('\n');
  if (line_end == std::string::npos) return {};
  Notice notice;
  const std::from_chars_result parsed =
      std::from_chars(text->data(), text->data() + line_end, notice.time_ns);
  if (parsed.ec != std::errc() || parsed.ptr != text->data() + line_end) return {};
  notice.text = std::string(StripBlanks(std::string_view(*text).substr(line_end + 1)));
  return notice;
}

}  // namespace hpcc
