#ifndef HPCC_BASE_STRING_POINTERS_H_
#define HPCC_BASE_STRING_POINTERS_H_

#include <string>
#include <vector>

namespace hpcc {

// What execve(2) and its like take: pointers into `strings`, and a null pointer after them. They
// are good as long as `strings` stays as it is.
inline std::vector<char*> StringPointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace hpcc

#endif  // HPCC_BASE_STRING_POINTERS_H_
