#include "image/registry_challenge.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace hpcc {

namespace {

bool IsTokenByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  void SkipBlanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }

  void SkipBlanksAndCommas() {
    for (SkipBlanks(); !rest_.empty() && rest_.front() == ','; SkipBlanks()) {
      rest_.remove_prefix(1);
    }
  }

  std::string_view Token() {
    const size_t size = std::find_if_not(rest_.begin(), rest_.end(), IsTokenByte) - rest_.begin();
    const std::string_view token = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return token;
  }

  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<std::string> Value() {
    if (!Take('"')) {
      const std::string_view token = Token();
      if (token.empty()) return std::nullopt;
      return std::string(token);
    }
    std::string value;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) return std::nullopt;
      value.push_back(rest_.front());
      rest_.remove_prefix(1);
    }
    if (!Take('"')) return std::nullopt;
    return value;
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::string AuthChallenge::Parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

std::vector<AuthChallenge> ParseChallenges(std::string_view header) {
  std::vector<AuthChallenge> challenges;
  if (header.size() > kMaxChallengeBytes) return challenges;
  Reader reader(header);
  for (reader.SkipBlanksAndCommas(); !reader.at_end(); reader.SkipBlanksAndCommas()) {
    const std::string word = AsciiLower(reader.Token());
    if (word.empty()) break;
    reader.SkipBlanks();
    // A word with "=" after it belongs to the challenge before; any other begins one.
    if (!reader.Take('=')) {
      challenges.push_back({word, {}});
      continue;
    }
    reader.SkipBlanks();
    const std::optional<std::string> value = reader.Value();
    if (!value || challenges.empty()) break;
    challenges.back().parameters[word] = *value;
  }
  return challenges;
}

}  // namespace hpcc
