// Any bytes are decoded and split, or refused, in both manners of quoting.

#include <cstdlib>

#include "compiler/response_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const hpcc::Quoting quoting : {hpcc::Quoting::kGnu, hpcc::Quoting::kMsvc}) {
    const auto text =
        hpcc::DecodeResponseFile(std::string(reinterpret_cast<const char*>(data), size), quoting);
    if (!text.ok()) continue;
    const auto words = hpcc::SplitWords(*text, quoting);
    if (!words.ok()) continue;
    for (const std::string& word : *words) {
      if (word.size() > text->size() || word.find('\0') != std::string::npos) std::abort();
    }
  }
  return 0;
}
