// Whatever a client uploads, packed or not: what is accepted whole is stored under the digest of
// its bytes, and nothing is left behind of what isn't.
//
//   input = ( size:u16 (little-endian) , message )*

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "hpcc/worker/v1/worker.pb.h"
#include "worker/tenant.h"
#include "worker/upload.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// One tenant for all inputs, in memory where there is such a folder.
class Place {
 public:
  Place() {
    std::string name = access("/dev/shm", W_OK) == 0 ? "/dev/shm/hpcc-upload-fuzz-XXXXXX"
                                                     : "/tmp/hpcc-upload-fuzz-XXXXXX";
    Require(mkdtemp(name.data()) != nullptr);
    path_ = name;
    hpcc::TenantShares shares;
    shares.sources = 1 << 20;
    tenant_ = std::make_unique<hpcc::Tenant>("t", path_, shares, hpcc::FileSystem::Real(),
                                             hpcc::Clock::Real());
    Require(tenant_->Open().ok());
  }
  ~Place() {
    tenant_ = nullptr;
    std::filesystem::remove_all(path_);
  }
  hpcc::Tenant& tenant() { return *tenant_; }

 private:
  std::string path_;
  std::unique_ptr<hpcc::Tenant> tenant_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Place place;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  hpcc::Upload upload(place.tenant(), hpcc::FileSystem::Real(), hpcc::Clock::Real());
  std::set<hpcc::Digest> digests;
  while (bytes.size() >= 2) {
    const size_t length = static_cast<uint8_t>(bytes[0]) + 256 * static_cast<uint8_t>(bytes[1]);
    const std::string_view part = bytes.substr(2, length);
    bytes.remove_prefix(2 + part.size());
    hpcc::worker::v1::UploadBlobsRequest message;
    if (!message.ParseFromArray(part.data(), static_cast<int>(part.size()))) break;
    if (const auto digest = hpcc::Digest::FromBytes(message.digest())) digests.insert(*digest);
    if (!upload.Take(message).ok()) break;
  }
  upload.Finish().IgnoreError();
  for (const hpcc::Digest& digest : digests) {
    const absl::StatusOr<std::string> blob = place.tenant().blobs().Read(digest);
    if (blob.ok()) Require(hpcc::Digest::Of(*blob) == digest);
  }
  return 0;
}
