// Makes calls of the client for S3, one for each line of its input, and says how each went:
//
//   get NAME | put NAME SIZE | exists NAME | remove NAME | list PREFIX | check PREFIX
//   -> <status code> <milliseconds> <bytes, objects or 0> <message>
//
// The server stands in the environment, as tests/peers/radosgw.py sets it.
// tests/peers/s3_fault_test.py uses it.

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include "base/clock.h"
#include "base/strings.h"
#include "store/aws_credentials.h"
#include "store/object_store.h"
#include "store/s3_object_store.h"

namespace hpcc {
namespace {

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

class FixedCredentials final : public AwsCredentialProvider {
 public:
  absl::StatusOr<AwsCredentials> Get(std::chrono::milliseconds) override {
    return AwsCredentials{Variable("AWS_ACCESS_KEY_ID"), Variable("AWS_SECRET_ACCESS_KEY"), "", 0};
  }
  void Refused() override {}
  std::string Source() override { return "environment"; }
};

absl::StatusOr<uint64_t> Call(ObjectStore& store, const std::string& line) {
  std::istringstream words(line);
  std::string call, name;
  size_t size = 0;
  words >> call >> name >> size;
  if (call == "get") {
    const auto object = store.Get(name);
    if (!object.ok()) return object.status();
    return object->bytes.size();
  }
  if (call == "exists") {
    const auto exists = store.Exists(name);
    if (!exists.ok()) return exists.status();
    return *exists ? 1 : 0;
  }
  if (call == "list") {
    const auto page = store.List(name, "");
    if (!page.ok()) return page.status();
    return page->objects.size();
  }
  const absl::Status status = call == "put"      ? store.Put(name, std::string(size, 'x'))
                              : call == "remove" ? store.Remove(name)
                              : call == "check"  ? store.Check(name, true)
                                                 : absl::InvalidArgumentError(line);
  if (!status.ok()) return status;
  return size;
}

int Run() {
  S3Options options;
  options.endpoint = Variable("S3_ENDPOINT");
  options.bucket = Variable("S3_BUCKET");
  FixedCredentials credentials;
  const auto store = MakeS3ObjectStore(options, credentials, Clock::Real());
  if (!store.ok()) {
    std::cerr << store.status() << "\n";
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const int64_t began = Clock::Real().MonotonicNanoseconds();
    const absl::StatusOr<uint64_t> result = Call(**store, line);
    const int64_t took = (Clock::Real().MonotonicNanoseconds() - began) / 1'000'000;
    std::cout << absl::StatusCodeToString(result.status().code()) << " " << took << " "
              << (result.ok() ? *result : 0) << " " << result.status().message() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace hpcc

int main() {
  return hpcc::Run();
}
