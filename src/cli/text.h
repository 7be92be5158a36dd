#ifndef HPCC_CLI_TEXT_H_
#define HPCC_CLI_TEXT_H_

// How the subcommands lay out what people read.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcc {

// Rows of a label and a value: labels to the left, values beginning in one column.
class TextTable {
 public:
  // `indent` in steps of two blanks.
  void Row(std::string_view label, std::string_view value, int indent = 0);
  std::string ToString() const;

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
};

// "2026-11-22 18:05:01 UTC".
std::string FormatTime(int64_t nanoseconds_since_epoch);
// "2026-11-22T18:05:01Z", for JSON.
std::string FormatIsoTime(int64_t nanoseconds_since_epoch);
// "2026-11-22 18:05:01 UTC (3 min 2 s ago)"; without the bracket for times to come.
std::string FormatTimeAndAge(int64_t nanoseconds_since_epoch, int64_t now_nanoseconds);

// "79.3%" of `part` in `whole`; "-" when the whole is zero.
std::string FormatShare(uint64_t part, uint64_t whole);

// "1 file", "2 files".
std::string Counted(uint64_t count, std::string_view singular, std::string_view plural);

// Control characters as \xNN, so that a file name can't move the cursor.
std::string Printable(std::string_view text);

// The words as a POSIX shell would take them.
std::string ShellWords(const std::vector<std::string>& words);

}  // namespace hpcc

#endif  // HPCC_CLI_TEXT_H_
