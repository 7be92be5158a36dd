#ifndef HPCC_SCHEDULER_NAMES_H_
#define HPCC_SCHEDULER_NAMES_H_

// Which names are names. They end up in tokens, logs, paths and audit rows.

#include <string_view>

namespace hpcc {

// Of a tenant: 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit.
bool IsTenantName(std::string_view name);
// Of a worker: 1 to 128 of A-Z a-z 0-9 . _ -, beginning with a letter or digit.
bool IsWorkerName(std::string_view name);
// "host", or a reference with its digest: 1 to 512 printable ASCII characters, no blanks.
bool IsImageName(std::string_view name);
// UTF-8 up to 256 bytes, without control characters.
bool IsUserName(std::string_view name);
// "host:port", "1.2.3.4:port", "[::1]:port"; port 0 only where `any_port`.
bool IsAddress(std::string_view text, bool any_port = false);

// Whether an image is one of those a tenant may use; a pattern's last character may be '*'.
bool ImageMatches(std::string_view image, std::string_view pattern);

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_NAMES_H_
