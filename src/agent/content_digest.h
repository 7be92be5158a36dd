#ifndef HPCC_AGENT_CONTENT_DIGEST_H_
#define HPCC_AGENT_CONTENT_DIGEST_H_

#include "absl/status/statusor.h"
#include "base/content_digest.h"

namespace hpcc {

// Of what the descriptor is open on, from its beginning; in pieces, however long it is.
absl::StatusOr<Digest> DigestOfDescriptor(int descriptor);

}  // namespace hpcc

#endif  // HPCC_AGENT_CONTENT_DIGEST_H_
