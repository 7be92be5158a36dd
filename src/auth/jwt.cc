#include "auth/jwt.h"

#include <algorithm>

#include "auth/base64url.h"
#include "auth/strict_json.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using nlohmann::json;

constexpr size_t kMaxAudiences = 32;

absl::Status Malformed(std::string_view detail) {
  return TokenRefused(TokenRefusal::kMalformed, detail);
}
absl::Status WrongClaim(std::string_view detail) {
  return TokenRefused(TokenRefusal::kMissingClaim, detail);
}

absl::StatusOr<json> DecodeObject(std::string_view part, std::string_view what) {
  const std::optional<std::string> text = Base64UrlDecode(part);
  if (!text) return Malformed(StrCat(what, " is no base64url"));
  json object;
  switch (ParseJsonObject(*text, &object)) {
    case JsonProblem::kNone:
      return object;
    case JsonProblem::kDuplicateName:
      return TokenRefused(TokenRefusal::kDuplicateClaim, StrCat(what, " has a name twice"));
    case JsonProblem::kMalformed:
      break;
  }
  return Malformed(StrCat(what, " is no JSON object"));
}

absl::StatusOr<JwtHeader> ReadHeader(std::string_view part) {
  HPCC_ASSIGN_OR_RETURN(const json object, DecodeObject(part, "the header"));
  // What must be understood and isn't (RFC 7515, section 4.1.11).
  if (object.contains("crit")) return Malformed("the header has critical extensions");
  for (const char* name : {"alg", "kid", "typ"}) {
    if (object.contains(name) && !object[name].is_string()) {
      return Malformed(StrCat(std::string_view(name), " of the header is no text"));
    }
  }
  JwtHeader header{JsonText(object, "alg"), JsonText(object, "kid"), JsonText(object, "typ")};
  if (header.key_id.size() > kMaxKeyIdBytes) return Malformed("kid is too long");
  return header;
}

absl::Status ReadAudience(const json& value, JwtClaims* claims) {
  if (value.is_string()) {
    claims->audience.push_back(value.get<std::string>());
    return absl::OkStatus();
  }
  if (!value.is_array() || value.size() > kMaxAudiences)
    return WrongClaim("aud is no list of texts");
  for (const json& each : value) {
    if (!each.is_string()) return WrongClaim("aud is no list of texts");
    claims->audience.push_back(each.get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status ReadTime(const json& object, const char* name, std::optional<int64_t>* out) {
  const auto found = object.find(name);
  if (found == object.end()) return absl::OkStatus();
  *out = JsonSeconds(*found);
  if (*out) return absl::OkStatus();
  return WrongClaim(StrCat(std::string_view(name), " is no time"));
}

absl::StatusOr<JwtClaims> ReadClaims(std::string_view part) {
  HPCC_ASSIGN_OR_RETURN(const json object, DecodeObject(part, "the claims"));
  if (object.size() > kMaxTokenClaims) {
    return TokenRefused(TokenRefusal::kTooLarge, "the token has too many claims");
  }
  JwtClaims claims;
  claims.issuer = JsonText(object, "iss");
  claims.subject = JsonText(object, "sub");
  if (const auto audience = object.find("aud"); audience != object.end()) {
    HPCC_RETURN_IF_ERROR(ReadAudience(*audience, &claims));
  }
  HPCC_RETURN_IF_ERROR(ReadTime(object, "exp", &claims.expires_s));
  HPCC_RETURN_IF_ERROR(ReadTime(object, "nbf", &claims.not_before_s));
  HPCC_RETURN_IF_ERROR(ReadTime(object, "iat", &claims.issued_s));
  for (const auto& [name, value] : object.items()) {
    const bool own_place = name == "iss" || name == "sub" || name == "aud";
    if (value.is_string() && !own_place) claims.texts.emplace(name, value.get<std::string>());
  }
  return claims;
}

absl::Status CheckSignature(const ParsedJwt& token, const KeySet& keys) {
  const std::optional<JwtAlgorithm> algorithm = ParseJwtAlgorithm(token.header.algorithm);
  if (!algorithm) {
    return TokenRefused(TokenRefusal::kAlgorithmRefused, "its algorithm is not on the list");
  }
  const VerifyKey* key = keys.Find(token.header.key_id, *algorithm);
  if (key == nullptr && !token.header.key_id.empty() && keys.Has(token.header.key_id)) {
    return TokenRefused(TokenRefusal::kAlgorithmMismatch, "its key is for another algorithm");
  }
  if (key == nullptr) return TokenRefused(TokenRefusal::kUnknownKey, "no such key in this key set");
  if (!key->Verify(token.signed_part, token.signature)) {
    return TokenRefused(TokenRefusal::kSignatureInvalid, "its signature is not of this key");
  }
  return absl::OkStatus();
}

absl::Status CheckTimes(const JwtClaims& claims, int64_t skew_s, int64_t now_s) {
  if (!claims.expires_s) return WrongClaim("exp is missing");
  if (now_s >= *claims.expires_s + skew_s) {
    return TokenRefused(TokenRefusal::kExpired, "it has expired");
  }
  for (const std::optional<int64_t>& from : {claims.not_before_s, claims.issued_s}) {
    if (from && now_s < *from - skew_s) {
      return TokenRefused(TokenRefusal::kNotYetValid, "it is not valid yet");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckClaims(const ParsedJwt& token, const JwtExpectations& expected, int64_t now_s) {
  const JwtClaims& claims = token.claims;
  if (!expected.type.empty() && AsciiLower(token.header.type) != AsciiLower(expected.type)) {
    return TokenRefused(TokenRefusal::kWrongType, "it was made for something else");
  }
  if (claims.issuer.empty()) return WrongClaim("iss is missing");
  if (claims.issuer != expected.issuer) {
    return TokenRefused(TokenRefusal::kWrongIssuer, "it is from another issuer");
  }
  if (claims.audience.empty()) return WrongClaim("aud is missing");
  if (std::find(claims.audience.begin(), claims.audience.end(), expected.audience) ==
      claims.audience.end()) {
    return TokenRefused(TokenRefusal::kWrongAudience, "it is for another audience");
  }
  return CheckTimes(claims, std::clamp<int64_t>(expected.skew_s, 0, kMaxSkewSeconds), now_s);
}

}  // namespace

std::string JwtClaims::Text(std::string_view name) const {
  if (name == "sub") return subject;
  if (name == "iss") return issuer;
  const auto found = texts.find(name);
  return found == texts.end() ? std::string() : found->second;
}

absl::StatusOr<ParsedJwt> ParseJwt(std::string_view token) {
  if (token.size() > kMaxTokenBytes) {
    return TokenRefused(TokenRefusal::kTooLarge, StrCat("more than ", kMaxTokenBytes, " bytes"));
  }
  const std::vector<std::string_view> parts = StrSplit(token, '.');
  if (parts.size() != 3) return Malformed("it has not three parts");
  ParsedJwt parsed;
  HPCC_ASSIGN_OR_RETURN(parsed.header, ReadHeader(parts[0]));
  HPCC_ASSIGN_OR_RETURN(parsed.claims, ReadClaims(parts[1]));
  std::optional<std::string> signature = Base64UrlDecode(parts[2]);
  if (!signature) return Malformed("the signature is no base64url");
  parsed.signature = *std::move(signature);
  parsed.signed_part = token.substr(0, parts[0].size() + 1 + parts[1].size());
  return parsed;
}

absl::Status VerifyParsedJwt(const ParsedJwt& token, const KeySet& keys,
                             const JwtExpectations& expected, int64_t now_s) {
  HPCC_RETURN_IF_ERROR(CheckSignature(token, keys));
  return CheckClaims(token, expected, now_s);
}

absl::StatusOr<JwtClaims> VerifyJwt(std::string_view token, const KeySet& keys,
                                    const JwtExpectations& expected, int64_t now_s) {
  HPCC_ASSIGN_OR_RETURN(ParsedJwt parsed, ParseJwt(token));
  HPCC_RETURN_IF_ERROR(VerifyParsedJwt(parsed, keys, expected, now_s));
  return std::move(parsed.claims);
}

}  // namespace hpcc
