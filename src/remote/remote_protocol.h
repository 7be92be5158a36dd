#ifndef HPCC_REMOTE_REMOTE_PROTOCOL_H_
#define HPCC_REMOTE_REMOTE_PROTOCOL_H_

// Messages of hpcc-remote's protocol (proto/hpcc/remote/v1/remote.proto): the limits on what is
// read from the other end, which nobody trusts, and what the messages are in the words of the
// rest of the program.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/socket.h"
#include "config/config.h"
#include "hpcc/remote/v1/remote.pb.h"
#include "store/store.h"

namespace hpcc {

namespace remote_v1 = ::hpcc::remote::v1;

inline constexpr uint32_t kRemoteProtocolVersion = 1;

inline constexpr size_t kMaxRemoteFrameBytes = size_t{1} << 20;  // values travel behind frames
inline constexpr size_t kMaxRemoteStringBytes = size_t{16} << 10;
inline constexpr int kMaxRemoteStrings = 1000;                       // variables, or trusted keys
inline constexpr uint64_t kMaxRemoteValueBytes = uint64_t{1} << 30;  // of one sealed value
inline constexpr int kMaxListedEntries = 1000;                       // of one page

// The message of a frame that has been received. InvalidArgument: it is no such message, or breaks
// a limit; says which, and never what was in it.
absl::StatusOr<remote_v1::Request> ParseRemoteRequest(std::string_view bytes);
absl::StatusOr<remote_v1::Response> ParseRemoteResponse(std::string_view bytes);

// A frame as it is sent. The messages fit: what goes into them is limited before.
std::string FrameOf(const google::protobuf::MessageLite& message);

// The whole is sent or received within the timeout. Errors as of Connection and base/frame.h.
absl::Status SendRemoteFrame(Connection& connection, const google::protobuf::MessageLite& message,
                             std::string_view value, std::chrono::milliseconds timeout);

remote_v1::Key EncodeKey(const StoreKey& key);
// Of a message that was parsed.
StoreKey DecodeKey(const remote_v1::Key& key);

// The variables that a remote cache of this type is found and opened by, and no others: those of
// AWS for S3; proxies, certificates and the home directory for both.
Environment CredentialEnvironment(const Environment& environment, CacheTier::Type type);

// What opens `tier`. ResourceExhausted: some text in it is longer than the protocol allows.
absl::StatusOr<remote_v1::Open> EncodeOpen(const CacheTier& tier, const SigningSettings& signing,
                                           const std::string& local_directory,
                                           const Environment& environment);
CacheTier DecodeTier(const remote_v1::Tier& tier);

// OK for a response without a code.
absl::Status StatusOf(const remote_v1::Response& response);
void SetStatus(const absl::Status& status, remote_v1::Response* response);

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_PROTOCOL_H_
