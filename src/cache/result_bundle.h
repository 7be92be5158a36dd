#ifndef HPCC_CACHE_RESULT_BUNDLE_H_
#define HPCC_CACHE_RESULT_BUNDLE_H_

// Everything one compile left behind, as one value of the store.
//
//   bundle   = version:u8 = 1 , metadata , dependencies , count , part*
//   metadata = created_ns:u64 , compile_ns:u64 , compiler:string , source:string , terminal:string
//   dependencies = style:u8 (DependencyStyle) , count , ( path:string , user:u8 (UserHeader) )*
//   part     = kind:u8 , encoding:u8 , size:varint , stored:string
//
// Integers, varints, counts and strings as in base/bytes.h. `kind` is an OutputRole, or one of the
// two stream kinds below. `encoding` is 0 for bytes as they are and 1 for one zstd frame of `size`
// bytes. Values are never reused; an unknown version, kind or encoding is DataLoss.
// Integrity is the store's business (store/verified_store.h); limits are checked here.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/dependency_file.h"
#include "compiler/include_closure.h"
#include "compiler/invocation.h"

namespace hpcc {

inline constexpr uint64_t kMaxOutputBytes = uint64_t{1} << 30;   // of one part
inline constexpr uint64_t kMaxStreamBytes = uint64_t{16} << 20;  // of stdout or stderr

struct BundleDependency {
  std::string path;                        // as the compiler prints it
  UserHeader user = UserHeader::kUnknown;  // whether -MMD lists it
};

struct BundlePart {
  uint8_t kind = 0;  // OutputRole, or a stream kind
  std::string data;
};
inline constexpr uint8_t kStdoutPart = 0x40;
inline constexpr uint8_t kStderrPart = 0x41;

struct ResultBundle {
  int64_t created_ns = 0;  // since the epoch
  int64_t compile_ns = 0;  // how long the compiler ran
  std::string compiler;    // path it was called by
  std::string source;      // as spelled
  std::string terminal;    // what the diagnostics were made for; "" when there were none
  DependencyStyle dependency_style = DependencyStyle::kNone;
  std::vector<BundleDependency> dependencies;
  std::vector<BundlePart> parts;  // each kind at most once

  const BundlePart* Find(uint8_t kind) const;
  const BundlePart* Find(OutputRole role) const { return Find(static_cast<uint8_t>(role)); }
};

// What the bundle lacks of what `invocation` asks for; "" when it lacks nothing.
std::string MissingPart(const Invocation& invocation, const ResultBundle& bundle);

std::string EncodeBundle(const ResultBundle& bundle, bool compress);
absl::StatusOr<ResultBundle> DecodeBundle(std::string_view bytes);

}  // namespace hpcc

#endif  // HPCC_CACHE_RESULT_BUNDLE_H_
