#include "remote/fallback_cause.h"

#include <array>

namespace hpcc {

namespace {

struct Row {
  std::string_view name;
  std::string_view text;
};

constexpr std::array<Row, kFallbackCauseCount> kRows = {{
    {"none", "no reason"},
    {"unsuitable", "the command or its compiler is tied to this machine"},
    {"closure-unknown", "what it reads can't be told beforehand"},
    {"unreachable", "hpcc-remote could not be asked"},
    {"no-scheduler", "the scheduler does not answer"},
    {"not-signed-in", "no token that the scheduler takes"},
    {"no-worker", "the scheduler has no worker for it"},
    {"certificate", "a scheduler or worker could not prove who it is"},
    {"worker-lost", "the worker does not answer"},
    {"quota", "the tenant's share is used up"},
    {"busy", "the workers have as much as they take"},
    {"refused", "the worker does not run such commands"},
    {"image-differs", "the worker's compiler or headers are not this machine's"},
    {"missing-blobs", "the worker did not keep what it was sent"},
    {"changed", "a file changed while it was read"},
    {"odd-result", "the result was incomplete"},
    {"too-slow", "it took too long"},
    {"terminal", "there are diagnostics, which depend on the terminal"},
    {"error", "something failed in hpcc"},
    {"failed", "the compile failed; the compiler here says why"},
    {"no-image", "the worker does not have the image"},
}};

const Row& RowOf(FallbackCause cause) {
  return kRows[static_cast<size_t>(FallbackCauseOf(static_cast<uint32_t>(cause)))];
}

}  // namespace

std::string_view FallbackCauseName(FallbackCause cause) {
  return RowOf(cause).name;
}

std::string_view FallbackCauseText(FallbackCause cause) {
  return RowOf(cause).text;
}

FallbackCause FallbackCauseOf(uint32_t number) {
  return number < kFallbackCauseCount ? static_cast<FallbackCause>(number) : FallbackCause::kError;
}

}  // namespace hpcc
