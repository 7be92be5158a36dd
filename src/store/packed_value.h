#ifndef HPCC_STORE_PACKED_VALUE_H_
#define HPCC_STORE_PACKED_VALUE_H_

// Sealed values as they travel to remote caches and lie there: compressed, where that is worth it.
// Results mostly are compressed already; direct entries never are, since a local hit shouldn't have
// to unpack them.
//
//   object = sealed                                              ( begins with "HPCC" )
//          | magic "HPCZ" , version:u8 = 1 , size:u32 , frame
//   size   = bytes of the sealed value, little-endian; 64 MiB at most
//   frame  = one zstd frame of the sealed value; nothing follows it
//
// A signature (store/signed_value.h) is put before either form, and so is checked before anything
// is unpacked. Everything else about a value is for its seal (store/verified_store.h) to tell.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

inline constexpr uint64_t kMaxPackedValueBytes = uint64_t{64} << 20;  // larger ones aren't packed

// The packed form of a sealed value; nothing when it would save less than an eighth.
std::string PackValue(std::string_view sealed);

// The sealed value, or what was given as one: what is not packed is returned as it is. DataLoss
// says what is wrong with a packed one.
absl::StatusOr<std::string> UnpackValue(std::string object);

}  // namespace hpcc

#endif  // HPCC_STORE_PACKED_VALUE_H_
