#ifndef HPCC_BASE_SECRET_PROMPT_H_
#define HPCC_BASE_SECRET_PROMPT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

// A line typed at this process's terminal, which shows nothing of it, after `prompt`. Cancelled:
// the end of input, or nothing, came in place of it. FailedPrecondition: there is no terminal.
// Waits as long as the person does.
absl::StatusOr<std::string> PromptForSecret(std::string_view prompt);

}  // namespace hpcc

#endif  // HPCC_BASE_SECRET_PROMPT_H_
