#include "auth/strict_json.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using nlohmann::json;

constexpr double kMaxSeconds = 9007199254740992.0;  // 2^53

// Looks at the text before a document is made of it.
class Guard final : public json::json_sax_t {
 public:
  JsonProblem problem() const { return problem_; }

  bool null() override { return Value(); }
  bool boolean(bool) override { return Value(); }
  bool number_integer(number_integer_t) override { return Value(); }
  bool number_unsigned(number_unsigned_t) override { return Value(); }
  bool number_float(number_float_t, const string_t&) override { return Value(); }
  bool string(string_t&) override { return Value(); }
  bool binary(binary_t&) override { return Fail(JsonProblem::kMalformed); }

  bool start_object(std::size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    return names_.back().insert(name).second || Fail(JsonProblem::kDuplicateName);
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return Fail(JsonProblem::kMalformed);
  }

 private:
  bool Fail(JsonProblem problem) {
    if (problem_ == JsonProblem::kNone) problem_ = problem;
    return false;
  }
  bool Value() { return ++values_ <= kMaxJsonValues || Fail(JsonProblem::kMalformed); }
  bool Open() {
    names_.emplace_back();
    return names_.size() <= kMaxJsonDepth ? Value() : Fail(JsonProblem::kMalformed);
  }
  bool Close() {
    names_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> names_;  // of each object or array that is open
  size_t values_ = 0;
  JsonProblem problem_ = JsonProblem::kNone;
};

}  // namespace

JsonProblem ParseJsonObject(std::string_view text, json* object) {
  Guard guard;
  if (!json::sax_parse(text, &guard)) {
    return guard.problem() == JsonProblem::kNone ? JsonProblem::kMalformed : guard.problem();
  }
  *object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  return object->is_object() ? JsonProblem::kNone : JsonProblem::kMalformed;
}

absl::StatusOr<json> ReadJsonObject(std::string_view text, std::string_view what) {
  json object;
  switch (ParseJsonObject(text, &object)) {
    case JsonProblem::kNone:
      return object;
    case JsonProblem::kDuplicateName:
      return absl::InvalidArgumentError(StrCat(what, " has a name twice"));
    case JsonProblem::kMalformed:
      break;
  }
  return absl::InvalidArgumentError(StrCat(what, " is no JSON object"));
}

std::string JsonText(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<int64_t> JsonSeconds(const json& value) {
  if (!value.is_number()) return std::nullopt;
  const double seconds = value.get<double>();
  if (!(std::fabs(seconds) <= kMaxSeconds)) return std::nullopt;
  return static_cast<int64_t>(seconds);
}

std::string JsonQuoted(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
  });
  return plain ? StrCat("\"", text, "\"") : JsonDocument(std::string(text));
}

std::string JsonDocument(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace hpcc
