#ifndef HPCC_BASE_ENVIRONMENT_H_
#define HPCC_BASE_ENVIRONMENT_H_

// The environment of a process as a value: read once, passed down, never read behind a caller's
// back. The daemon works with the environment of the wrapper that asked, not with its own.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcc {

class Environment {
 public:
  Environment() = default;

  // The variables of this process.
  static Environment OfThisProcess();

  std::optional<std::string> Get(std::string_view name) const;
  // The value, or "" when it is not set.
  std::string GetOrEmpty(std::string_view name) const;
  bool Has(std::string_view name) const { return variables_.find(name) != variables_.end(); }

  void Set(std::string_view name, std::string_view value);
  void Unset(std::string_view name);

  // In order of name.
  const std::map<std::string, std::string, std::less<>>& variables() const { return variables_; }

  // "NAME=value" for each variable, as execve() takes them.
  std::vector<std::string> ToStrings() const;

 private:
  std::map<std::string, std::string, std::less<>> variables_;
};

}  // namespace hpcc

#endif  // HPCC_BASE_ENVIRONMENT_H_
