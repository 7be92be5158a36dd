#ifndef HPCC_AUTH_STRICT_JSON_H_
#define HPCC_AUTH_STRICT_JSON_H_

// JSON from people we don't trust (RFC 8259): UTF-8, no deeper than is needed here, and no name
// twice in an object, about which readers would disagree.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

inline constexpr int kMaxJsonDepth = 16;
inline constexpr size_t kMaxJsonValues = 16 << 10;

enum class JsonProblem : uint8_t { kNone, kMalformed, kDuplicateName };

// An object, or what is wrong with the text. The caller has looked at its size.
JsonProblem ParseJsonObject(std::string_view text, nlohmann::json* object);

// The same as a status: InvalidArgument, "<what> is no JSON object" or "<what> has a name twice".
absl::StatusOr<nlohmann::json> ReadJsonObject(std::string_view text, std::string_view what);

// The text of a member; empty when it is missing or no text.
std::string JsonText(const nlohmann::json& object, const char* name);
// A whole number, or a number with a fraction cut off; nullopt for anything else, or beyond what a
// point in time can be (2^53).
std::optional<int64_t> JsonSeconds(const nlohmann::json& value);

// "text" in its quotes; what isn't UTF-8 in it is replaced.
std::string JsonQuoted(std::string_view text);
// `object` as text; what isn't UTF-8 in it is replaced.
std::string JsonDocument(const nlohmann::json& object);

}  // namespace hpcc

#endif  // HPCC_AUTH_STRICT_JSON_H_
