// Any bytes are scanned, with and without aliases.

#include <cstdlib>

#include "compiler/include_scanner.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  hpcc::ScannedText scanned = hpcc::ScanForIncludes(text, /*assembler=*/size % 2 == 0);
  for (const hpcc::IncludeDirective& directive : scanned.directives) {
    if (directive.name.empty()) std::abort();
  }
  std::vector<std::string> aliases = {"HAS"};
  for (const std::string& alias : scanned.has_include_aliases) aliases.push_back(alias);
  hpcc::ScanForAliases(text, aliases, &scanned);
  return 0;
}
