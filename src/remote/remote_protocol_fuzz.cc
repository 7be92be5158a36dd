// Any bytes, as a peer could send them: frames are read off a socket until one is refused, and each
// is read as a request and as a response. What is taken is within the limits and survives the way
// through our own words.

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string_view>

#include "base/frame.h"
#include "remote/remote_protocol.h"

namespace {

constexpr std::chrono::milliseconds kTimeout{1000};
constexpr size_t kMaxInput = size_t{64} << 10;  // what a socket holds without a reader

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckKey(const hpcc::remote_v1::Key& key) {
  Require(hpcc::EncodeKey(hpcc::DecodeKey(key)).SerializeAsString() == [&key] {
    hpcc::remote_v1::Key known;  // without fields of other versions
    known.set_store_namespace(key.store_namespace());
    known.set_digest(key.digest());
    return known.SerializeAsString();
  }());
}

void CheckRequest(const hpcc::remote_v1::Request& request) {
  if (request.has_get()) CheckKey(request.get().key());
  if (request.has_exists()) CheckKey(request.exists().key());
  if (request.has_remove()) CheckKey(request.remove().key());
  if (request.has_put()) {
    CheckKey(request.put().key());
    Require(request.put().size() <= hpcc::kMaxRemoteValueBytes);
  }
  if (request.has_open()) {
    const hpcc::CacheTier tier = hpcc::DecodeTier(request.open().tier());
    Require(tier.remote() && request.open().local_directory().front() == '/');
    Require(tier.Name().size() < 4 * hpcc::kMaxRemoteStringBytes);
    Require(request.open().environment_size() <= hpcc::kMaxRemoteStrings);
  }
}

void CheckResponse(const hpcc::remote_v1::Response& response) {
  Require(response.found().size() <= hpcc::kMaxRemoteValueBytes);
  Require(hpcc::StatusOf(response).ok() == (response.code() == 0));
  for (const auto& entry : response.listed().entries()) {
    Require(hpcc::Digest::FromBytes(entry.digest()).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > kMaxInput) return 0;
  int ends[2];
  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  hpcc::Connection reader{hpcc::Descriptor(ends[0])};
  Require(send(ends[1], data, size, MSG_DONTWAIT) == static_cast<ssize_t>(size));
  close(ends[1]);
  while (true) {
    const absl::StatusOr<std::string> frame =
        hpcc::ReceiveFrame(reader, hpcc::kMaxRemoteFrameBytes, kTimeout);
    if (!frame.ok()) break;
    const absl::StatusOr<hpcc::remote_v1::Request> request = hpcc::ParseRemoteRequest(*frame);
    if (request.ok()) CheckRequest(*request);
    const absl::StatusOr<hpcc::remote_v1::Response> response = hpcc::ParseRemoteResponse(*frame);
    if (response.ok()) CheckResponse(*response);
  }
  return 0;
}
