#ifndef HPCC_BASE_LOGGING_H_
#define HPCC_BASE_LOGGING_H_

// The log file a user asks for with `log_file`: what hpcc decided and what went wrong, a line each.
//
//   line = time " " process " " level " " message "\n"
//   time = "2026-11-22T18:05:01.123Z", process in decimal, level = "info" | "warning" | "error"
//
// A line is one write to a file opened for appending, so lines of several processes don't mix.
// Control characters in a message are written as \n, \t or \xNN; a message is cut at 8 KiB. Until
// OpenLog succeeds nothing is written. Logging never fails a caller: what can't be written is lost.
// Thread-safe but for OpenLog and CloseLog, which belong to the start and the end of a program.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace hpcc {

enum class LogLevel : uint8_t { kInfo, kWarning, kError };

// Opens the file, creating it (mode 0666 under the umask) but no directories. On an error logging
// stays as it was. The descriptor is 10 or higher and closed on exec, so it never stands in for a
// standard stream the caller had closed, and no compiler sees it.
absl::Status OpenLog(const std::string& path);
void CloseLog();

// For callers whose message is costly to make.
bool LogIsOpen();

void Log(LogLevel level, std::string_view message);

}  // namespace hpcc

#endif  // HPCC_BASE_LOGGING_H_
