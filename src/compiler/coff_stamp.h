#ifndef HPCC_COMPILER_COFF_STAMP_H_
#define HPCC_COMPILER_COFF_STAMP_H_

// COFF objects carry the time they were made, unless /Brepro was given. A hit is what the compiler
// would have produced now, so a kept object gets the time of the hit.

#include <cstdint>
#include <string>
#include <string_view>

namespace hpcc {

inline constexpr size_t kCoffHeaderBytes = 20;

// Whether `object` has such a time, so that it pays to copy it. Its first kCoffHeaderBytes are
// enough to tell.
bool HasCoffStamp(std::string_view object);

// Sets the TimeDateStamp of a COFF object (plain or /bigobj; Microsoft PE format specification,
// "COFF File Header") to `seconds` since the epoch where it isn't zero. Anything else is left
// alone.
void RestampCoffObject(std::string* object, uint32_t seconds);

}  // namespace hpcc

#endif  // HPCC_COMPILER_COFF_STAMP_H_
