#ifndef HPCC_SANDBOX_PROCESS_SETUP_H_
#define HPCC_SANDBOX_PROCESS_SETUP_H_

// What the process driver tells the hpcc-agent it starts: how its root is made, and what it may
// use. The agent reads it from a descriptor before anything else.
//
//   setup = version:u8 = 1 , cpus:varint , memory:varint , blobs:varint , ids:varint ,
//           count , part*
//   part  = kind:u8 , path:string , source:string
//
// Numbers, counts and strings as in base/bytes.h; kinds are ImagePart's. The descriptors below are
// open in the agent and no others are.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "sandbox/image_layout.h"

namespace hpcc {

inline constexpr int kAgentChannelDescriptor = 3;  // a connected stream socket: HTTP/2
inline constexpr int kAgentLifeDescriptor = 4;     // at its end the agent ends
inline constexpr int kAgentSetupDescriptor = 5;    // where this is read from

inline constexpr std::string_view kAgentProcessMode = "--process";  // the agent's only argument

inline constexpr size_t kMaxProcessSetupBytes = size_t{1} << 20;

struct ProcessSetup {
  uint32_t cpus = 1;
  uint64_t memory_bytes = 0;
  uint64_t blob_bytes = 0;
  uint32_t ids = 1;  // user and group ids from 0 on that exist in the agent's user namespace
  ImageLayout image;

  friend bool operator==(const ProcessSetup&, const ProcessSetup&) = default;
};

std::string EncodeProcessSetup(const ProcessSetup& setup);
// InvalidArgument: not what EncodeProcessSetup writes, or an image that CheckImageLayout refuses.
absl::StatusOr<ProcessSetup> DecodeProcessSetup(std::string_view bytes);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_PROCESS_SETUP_H_
