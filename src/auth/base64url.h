#ifndef HPCC_AUTH_BASE64URL_H_
#define HPCC_AUTH_BASE64URL_H_

// RFC 4648, section 5, without padding: as JSON Web Tokens have it (RFC 7515, section 2).

#include <optional>
#include <string>
#include <string_view>

namespace hpcc {

std::string Base64UrlEncode(std::string_view bytes);
// nullopt for anything Base64UrlEncode would not have written: padding, other bytes, bits beyond
// the last byte that aren't zero.
std::optional<std::string> Base64UrlDecode(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_AUTH_BASE64URL_H_
