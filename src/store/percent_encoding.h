#ifndef HPCC_STORE_PERCENT_ENCODING_H_
#define HPCC_STORE_PERCENT_ENCODING_H_

// RFC 3986, section 2, as AWS Signature Version 4 wants it: every byte but the unreserved ones
// (A-Z a-z 0-9 - . _ ~) becomes '%' and two upper-case hex digits.

#include <optional>
#include <string>
#include <string_view>

namespace hpcc {

// For one component: '/' is encoded too.
std::string PercentEncode(std::string_view bytes);
// For a path: '/' stays.
std::string PercentEncodePath(std::string_view path);
// nullopt for a '%' without two hex digits after it. '+' stays what it is.
std::optional<std::string> PercentDecode(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_STORE_PERCENT_ENCODING_H_
