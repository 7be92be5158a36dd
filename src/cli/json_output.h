#ifndef HPCC_CLI_JSON_OUTPUT_H_
#define HPCC_CLI_JSON_OUTPUT_H_

#include <nlohmann/json.hpp>
#include <string>

namespace hpcc {

// Keeps the keys in the order they were added.
using Json = nlohmann::ordered_json;

// Indented, with a newline at the end. File names needn't be UTF-8: what isn't becomes U+FFFD.
inline std::string JsonText(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hpcc

#endif  // HPCC_CLI_JSON_OUTPUT_H_
