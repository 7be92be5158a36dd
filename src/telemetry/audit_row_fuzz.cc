// Whatever stands in an audit log's columns: a text that is read is the only one of its meaning, so
// that no row can be altered without another hash.

#include <cstdint>
#include <cstdlib>

#include "telemetry/audit_row.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = hpcc::ParseAuditList(text);
  if (list.ok() && hpcc::FormatAuditList(*list) != text) std::abort();
  const auto outputs = hpcc::ParseAuditOutputs(text);
  if (outputs.ok() && hpcc::FormatAuditOutputs(*outputs) != text) std::abort();
  const auto digest = hpcc::ParseAuditDigest(text);
  if (digest.ok() && hpcc::FormatAuditDigest(*digest) != text) std::abort();
  return 0;
}
