#include "auth/token_refusal.h"

#include <array>
#include <string>

#include "absl/strings/cord.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr char kPayload[] = "hpcc.token-refusal";

struct Row {
  TokenRefusal refusal;
  std::string_view name;
};

constexpr std::array<Row, 15> kRows = {{
    {TokenRefusal::kTooLarge, "token-too-large"},
    {TokenRefusal::kMalformed, "token-malformed"},
    {TokenRefusal::kDuplicateClaim, "token-claim-duplicated"},
    {TokenRefusal::kMissingClaim, "token-claim-missing"},
    {TokenRefusal::kAlgorithmRefused, "token-algorithm-refused"},
    {TokenRefusal::kUnknownKey, "token-key-unknown"},
    {TokenRefusal::kAlgorithmMismatch, "token-algorithm-mismatch"},
    {TokenRefusal::kSignatureInvalid, "token-signature-wrong"},
    {TokenRefusal::kWrongType, "token-type-wrong"},
    {TokenRefusal::kWrongIssuer, "token-issuer-wrong"},
    {TokenRefusal::kWrongAudience, "token-audience-wrong"},
    {TokenRefusal::kExpired, "token-expired"},
    {TokenRefusal::kNotYetValid, "token-not-yet-valid"},
    {TokenRefusal::kWrongTenant, "token-tenant-wrong"},
    {TokenRefusal::kKeysUnavailable, "token-keys-unavailable"},
}};

}  // namespace

std::string_view TokenRefusalName(TokenRefusal refusal) {
  for (const Row& row : kRows) {
    if (row.refusal == refusal) return row.name;
  }
  return "token-refused";
}

absl::Status TokenRefused(TokenRefusal refusal, std::string_view detail) {
  const std::string_view name = TokenRefusalName(refusal);
  const std::string message = StrCat(name, ": ", detail);
  absl::Status status = refusal == TokenRefusal::kKeysUnavailable
                            ? absl::UnavailableError(message)
                            : absl::UnauthenticatedError(message);
  status.SetPayload(kPayload, absl::Cord(std::string(name)));
  return status;
}

std::optional<TokenRefusal> TokenRefusalOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return std::nullopt;
  const std::string name(*payload);
  for (const Row& row : kRows) {
    if (row.name == name) return row.refusal;
  }
  return std::nullopt;
}

}  // namespace hpcc
