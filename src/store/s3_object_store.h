#ifndef HPCC_STORE_S3_OBJECT_STORE_H_
#define HPCC_STORE_S3_OBJECT_STORE_H_

// Objects in one bucket of Amazon S3 or of a server that speaks its protocol: GetObject, PutObject,
// HeadObject, DeleteObject(s), ListObjectsV2 and CopyObject, signed with AWS Signature Version 4.
// https://docs.aws.amazon.com/AmazonS3/latest/API/
//
// Server errors (5xx) and throttling are tried again, with growing and random pauses, as long as
// the bound of the call allows. Every body put is sent with its SHA-256, so the server refuses what
// was damaged on the way. A redirect is never followed: it is an error that says where it leads.
//
// Permissions, of the bucket and below the prefix that is used: s3:GetObject, s3:PutObject (not for
// readers), s3:ListBucket with that prefix (without it S3 says "access denied" of a miss), and
// s3:DeleteObject when the size is limited. s3:CreateBucket only with auto_create.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "store/aws_credentials.h"
#include "store/network_settings.h"
#include "store/object_store.h"

namespace hpcc {

struct S3Options {
  std::string bucket;  // 3 to 63 of a-z 0-9 . -
  std::string region;  // empty: "us-east-1"
  // "https://host[:port]" or "http://…": the bucket is then the first part of the path. Empty:
  // https://<bucket>.s3.<region>.amazonaws.com.
  std::string endpoint;
  std::string ca_file;  // PEM of private authorities; empty: the system's
  NetworkSettings network;
  bool auto_create = false;  // make the bucket when it turns out to be missing
  ObjectLimits limits;
};

// Connects to nothing. InvalidArgument names the option that can't be right. `credentials` and
// `clock` outlive the store.
absl::StatusOr<std::unique_ptr<ObjectStore>> MakeS3ObjectStore(const S3Options& options,
                                                               AwsCredentialProvider& credentials,
                                                               Clock& clock);

}  // namespace hpcc

#endif  // HPCC_STORE_S3_OBJECT_STORE_H_
