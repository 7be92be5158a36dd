#ifndef HPCC_IMAGE_OCI_DIGEST_H_
#define HPCC_IMAGE_OCI_DIGEST_H_

// The digests that name the parts of an image (OCI image specification 1.0, "descriptor.md"):
//
//   digest = "sha256:" 64 hex digits, lower case
//
// Other algorithms the specification knows are refused: nobody uses them. These are not hpcc's own
// digests (base/digest.h), which are BLAKE3.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace hpcc {

inline constexpr size_t kOciDigestHexSize = 64;

// InvalidArgument for anything that is no digest as above; the message says what is wrong.
absl::Status CheckOciDigest(std::string_view digest);
bool IsOciDigest(std::string_view digest);
// The hex digits of a digest that was checked.
std::string_view OciDigestHex(std::string_view digest);

// "sha256:…" of `bytes`.
std::string OciDigestOf(std::string_view bytes);

// The same for bytes that come piece by piece. Not thread-safe.
class OciHasher {
 public:
  OciHasher();
  ~OciHasher();
  OciHasher(const OciHasher&) = delete;
  OciHasher& operator=(const OciHasher&) = delete;

  void Add(std::string_view bytes);
  // Of all that was added. Nothing may be added afterwards.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_OCI_DIGEST_H_
