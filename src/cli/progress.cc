#include "cli/progress.h"

#include <algorithm>

#include "base/strings.h"
#include "base/units.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr int64_t kQuietNanoseconds = 1'000'000'000;
constexpr int64_t kBetweenLooksNanoseconds = 100'000'000;
constexpr uint64_t kBarWidth = 20;

}  // namespace

Progress::Progress(const CommandContext& context, std::string label)
    : context_(context),
      label_(std::move(label)),
      start_ns_(context.clock.MonotonicNanoseconds()) {}

Progress::~Progress() {
  if (shown_ns_ != 0) context_.console.Err("\r\x1b[K");
}

bool Progress::IsTime(uint64_t total) {
  if (!context_.console.err_terminal.is_terminal || total == 0) return false;
  const int64_t now = context_.clock.MonotonicNanoseconds();
  if (now - start_ns_ < kQuietNanoseconds || now - shown_ns_ < kBetweenLooksNanoseconds) {
    return false;
  }
  shown_ns_ = now;
  return true;
}

void Progress::Draw(uint64_t done, uint64_t total, const std::string& words) {
  const uint64_t filled = kBarWidth * std::min(done, total) / total;
  context_.console.Err(StrCat("\r\x1b[K", label_, "  [", std::string(filled, '#'),
                              std::string(kBarWidth - filled, '-'), "]  ", FormatShare(done, total),
                              "  ", words));
}

void Progress::Show(uint64_t done, uint64_t total) {
  if (IsTime(total)) Draw(done, total, StrCat(done, " of ", total));
}

void Progress::ShowBytes(uint64_t done, uint64_t total) {
  if (IsTime(total)) Draw(done, total, StrCat(FormatBytes(done), " of ", FormatBytes(total)));
}

}  // namespace hpcc
