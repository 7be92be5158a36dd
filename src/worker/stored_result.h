#ifndef HPCC_WORKER_STORED_RESULT_H_
#define HPCC_WORKER_STORED_RESULT_H_

// A result as a worker keeps it: the bundle a client gets, and what an audit row says of it, so
// that a hit needs no look into the bundle.
//
//   result = version:u8 = 1 , isolation:string , count , ( role:string , digest:32 )* , bundle
//
// `bundle` (cache/result_bundle.h) is everything to the end. Integers, counts and strings as in
// base/bytes.h. Integrity is the store's business.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "telemetry/audit_row.h"

namespace hpcc {

struct StoredResult {
  std::string isolation;  // that the compile had
  std::vector<AuditOutput> outputs;
  std::string bundle;
};

std::string EncodeStoredResult(const StoredResult& result);
// DataLoss: it is none, or of another version.
absl::StatusOr<StoredResult> DecodeStoredResult(std::string_view bytes);

// The key of a result. Everything in it is the worker's own finding; nothing a client can say leads
// to another tenant's result.
struct ResultKeyParts {
  std::string_view tenant;
  std::string_view image;
  Digest toolchain;
  Digest command;   // CommandKey
  Digest manifest;  // ManifestDigest
};
Digest WorkerResultKey(const ResultKeyParts& parts);

}  // namespace hpcc

#endif  // HPCC_WORKER_STORED_RESULT_H_
