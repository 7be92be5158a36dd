#include "compiler/gnu_outputs.h"

#include "base/path.h"
#include "base/strings.h"

namespace hpcc {

std::string_view StemOf(std::string_view source) {
  return path::WithoutExtension(path::Basename(source));
}

std::string ReplaceSuffix(std::string_view output, std::string_view suffix) {
  const size_t base = output.size() - path::Basename(output).size();
  const size_t dot = output.rfind('.');
  if (dot != std::string_view::npos && dot >= base) output = output.substr(0, dot);
  return StrCat(output, suffix);
}

std::string NameBesideOutput(std::string_view source, std::string_view output,
                             std::string_view suffix, bool is_clang) {
  if (output.empty()) return StrCat(StemOf(source), suffix);
  if (is_clang) return ReplaceSuffix(output, suffix);
  return StrCat(path::WithoutExtension(output), suffix);
}

std::string_view WithoutLeadingDots(std::string_view target) {
  while (target.size() > 1 && target[0] == '.' && target[1] == '/') {
    target.remove_prefix(2);
    while (!target.empty() && target[0] == '/') target.remove_prefix(1);
  }
  return target;
}

}  // namespace hpcc
