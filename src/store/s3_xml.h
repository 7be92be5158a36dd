#ifndef HPCC_STORE_S3_XML_H_
#define HPCC_STORE_S3_XML_H_

// The XML that S3 answers with. Namespaces and unknown elements are passed over; documents nested
// deeply or with more entries than a page has are refused.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "store/object_store.h"

namespace hpcc {

// An answer longer than this is not read.
inline constexpr uint64_t kMaxS3Xml = 8 << 20;
// Keys of one page or batch.
inline constexpr size_t kMaxS3Keys = 1000;

struct S3Error {
  std::string code;  // letters, digits and '.', 64 at most: "NoSuchKey"
  std::string
      region;  // where the bucket is, of AuthorizationHeaderMalformed; same alphabet and '-'
};

// nullopt unless the document is an <Error>. What the server says in words is not taken: it may
// quote what was signed.
std::optional<S3Error> ParseS3Error(std::string_view xml);

// A <ListBucketResult> of ListObjectsV2 with encoding-type=url. DataLoss when it is anything else,
// or says there is more but not how to go on.
absl::StatusOr<ListPage> ParseS3List(std::string_view xml);

// The first error of a <DeleteResult>; an empty code when there is none. DataLoss when it is
// anything else.
absl::StatusOr<S3Error> ParseS3DeleteResult(std::string_view xml);

// Whether XML 1.0, which S3 reads, can hold the name: most control characters it can't.
bool FitsInXml(std::string_view name);
// The body of DeleteObjects, for names that fit.
std::string S3DeleteRequest(std::span<const std::string> names);

// Nanoseconds since the epoch of "2026-11-25T04:13:20.123Z"; nullopt for anything else.
std::optional<int64_t> ParseIsoTime(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_STORE_S3_XML_H_
