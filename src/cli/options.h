#ifndef HPCC_CLI_OPTIONS_H_
#define HPCC_CLI_OPTIONS_H_

// The options of subcommands: a table per command, one parser for all. Small on purpose: it stands
// in the same static program as the compiler wrapper, whose start-up it must not weigh on.
//
//   --name  --name=value  --name value  -x (a short switch)  -- (the rest are operands)

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hpcc {

struct OptionSpec {
  std::string_view name;   // "--max-size"
  std::string_view value;  // what to call its value in help: "SIZE"; "" for a switch
  std::string_view help;   // one line
  char short_name = '\0';  // 'v' for -v; switches only
};

class ParsedOptions {
 public:
  bool Has(std::string_view name) const { return values_.find(name) != values_.end(); }
  // The value of the last occurrence; nullopt when the option wasn't given.
  std::optional<std::string> Value(std::string_view name) const;
  const std::vector<std::string>& operands() const { return operands_; }

 private:
  friend absl::StatusOr<ParsedOptions> ParseOptions(std::span<const OptionSpec> specs,
                                                    std::span<const std::string> words);
  std::map<std::string, std::string, std::less<>> values_;
  std::vector<std::string> operands_;
};

// `--help` and `-h` are known to every command. InvalidArgument: an unknown option, with the
// nearest known one; a missing or superfluous value.
absl::StatusOr<ParsedOptions> ParseOptions(std::span<const OptionSpec> specs,
                                           std::span<const std::string> words);

inline constexpr OptionSpec kHelpOption = {"--help", "", "print this and exit", 'h'};
inline constexpr OptionSpec kJsonOption = {"--json", "", "print as JSON, for programs"};

}  // namespace hpcc

#endif  // HPCC_CLI_OPTIONS_H_
