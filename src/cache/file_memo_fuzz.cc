// Any bytes are read or refused. The seal is put right first, or nothing would get past it.

#include <cstdlib>

#include "base/digest.h"
#include "cache/file_memo.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  std::string bytes(body);
  bytes += hpcc::Digest::Of(body).bytes();
  hpcc::FileMemo memo(size_t{1} << 30);
  if (!memo.Decode(bytes).ok()) return 0;
  hpcc::FileMemo again(size_t{1} << 30);
  if (!again.Decode(memo.Encode()).ok() || again.Encode() != memo.Encode()) std::abort();
  return 0;
}
