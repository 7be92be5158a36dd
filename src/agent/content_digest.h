#ifndef HPCC_AGENT_CONTENT_DIGEST_H_
#define HPCC_AGENT_CONTENT_DIGEST_H_

// The digest of bytes that come in pieces: what Digest::Of says of all of them together.

#include <blake3.h>

#include <string_view>

#include "absl/status/statusor.h"
#include "base/digest.h"

namespace hpcc {

class ContentDigest {
 public:
  ContentDigest() { blake3_hasher_init(&state_); }

  void Add(std::string_view data) { blake3_hasher_update(&state_, data.data(), data.size()); }
  Digest Finish() const;

 private:
  blake3_hasher state_;
};

// Of what the descriptor is open on, from its beginning; in pieces, however long it is.
absl::StatusOr<Digest> DigestOfDescriptor(int descriptor);

}  // namespace hpcc

#endif  // HPCC_AGENT_CONTENT_DIGEST_H_
