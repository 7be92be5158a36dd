#ifndef HPCC_STORE_BASE64_H_
#define HPCC_STORE_BASE64_H_

// RFC 4648, section 4: with '+', '/' and padding.

#include <optional>
#include <string>
#include <string_view>

namespace hpcc {

std::string Base64Encode(std::string_view bytes);
// nullopt for anything Base64Encode would not have written.
std::optional<std::string> Base64Decode(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_STORE_BASE64_H_
