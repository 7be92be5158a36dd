// Any bytes are read or refused, by each of the readers. What was read can be asked to be removed,
// and then nothing but it is named.

#include <cstdlib>

#include "store/s3_xml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  hpcc::ParseS3Error(bytes);
  hpcc::ParseS3DeleteResult(bytes).status().IgnoreError();
  hpcc::ParseIsoTime(bytes);
  const auto page = hpcc::ParseS3List(bytes);
  if (!page.ok()) return 0;
  if (page->objects.size() > hpcc::kMaxS3Keys) std::abort();
  for (const hpcc::ObjectInfo& object : page->objects) {
    const std::string request = hpcc::S3DeleteRequest({&object.name, 1});
    size_t tags = 0;
    for (const char c : request) tags += c == '<';
    if (tags != 8) std::abort();
  }
  return 0;
}
