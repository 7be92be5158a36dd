// What a client can do that means harm: everything it sends is refused with bounded memory, and the
// next client is served.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/bytes.h"
#include "base/socket.h"
#include "worker/limits.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;
using testing::SizeIs;
using worker::v1::UploadBlobsRequest;

uint64_t ResidentBytes() {
  std::ifstream status("/proc/self/statm");
  uint64_t pages = 0;
  status >> pages >> pages;
  return pages * 4096;
}

class HostileClientTest : public testing::Test {
 protected:
  // After whatever a test did, an honest client of another tenant is served.
  void TearDown() override {
    TestUnit unit(worker_.unit_root());
    ASSERT_TRUE(worker_.UploadAll("honest", unit).ok());
    const TestWorker::Reply reply = worker_.Compile("honest", unit);
    ASSERT_TRUE(reply.finished.has_value()) << reply.status.error_message();
    EXPECT_EQ(reply.finished->exit_status(), 0);
  }
  StatusCode Compile(const worker::v1::CompileRequest& request) {
    return worker_.Compile("evil", request).status.error_code();
  }
  StatusCode CompileManifest(const std::string& manifest) {
    worker::v1::CompileRequest request = TestWorker::CompileRequestOf(unit_);
    request.set_manifest(Zstd(manifest));
    request.set_digest(StrCat(ManifestDigest(manifest).bytes()));
    return Compile(request);
  }
  static std::string RawManifest(const std::vector<std::string>& paths, uint64_t count) {
    ByteWriter out;
    out.Fixed8(1);
    out.Varint(count);
    for (const std::string& path : paths) {
      out.String(path);
      out.Fixed8(0);
      out.DigestBytes(Digest::Of("x"));
    }
    return out.Take();
  }

  TestWorker worker_;
  TestUnit unit_{worker_.unit_root()};
};

TEST_F(HostileClientTest, ManifestsThatClimbOrLieAreRefused) {
  for (const std::string& path :
       {std::string("/a/../../etc/passwd"), std::string("a"), std::string(""), std::string("/"),
        std::string("/a//b"), std::string("/a/"), std::string("/a\0b", 4), std::string("/./a"),
        "/" + std::string(5000, 'x')}) {
    EXPECT_EQ(CompileManifest(RawManifest({path}, 1)), StatusCode::INVALID_ARGUMENT) << path;
  }
  EXPECT_EQ(CompileManifest(RawManifest({"/b", "/a"}, 2)), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CompileManifest(RawManifest({"/a", "/a"}, 2)), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CompileManifest(RawManifest({"/a", "/a/b"}, 2)), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CompileManifest(RawManifest({"/a"}, 2)), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CompileManifest(""), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CompileManifest("garbage"), StatusCode::INVALID_ARGUMENT);
  EXPECT_GT(worker_.server().events().count(SecurityEvent::kManifestRefused), 10U);
}

TEST_F(HostileClientTest, AManifestWithAnotherDigestIsRefused) {
  worker::v1::CompileRequest request = TestWorker::CompileRequestOf(unit_);
  request.set_digest(StrCat(Digest::Of("x").bytes()));
  EXPECT_EQ(Compile(request), StatusCode::INVALID_ARGUMENT);
  request.set_digest("short");
  EXPECT_EQ(Compile(request), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kDigestMismatch), 1U);
}

TEST_F(HostileClientTest, AManifestOfAMillionEntriesIsRefusedWithBoundedMemory) {
  ByteWriter out;
  out.Fixed8(1);
  out.Varint(1'000'000);
  for (int i = 0; i < 1'000'000; ++i) {
    out.String(StrCat("/", 1'000'000 + i));
    out.Fixed8(3);
  }
  const std::string manifest = out.Take();
  const uint64_t before = ResidentBytes();
  EXPECT_EQ(CompileManifest(manifest), StatusCode::INVALID_ARGUMENT);
  // A count that is a lie.
  EXPECT_EQ(CompileManifest(RawManifest({"/a"}, 1'000'000)), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CompileManifest(RawManifest({"/a"}, UINT64_MAX)), StatusCode::INVALID_ARGUMENT);
  // A frame that expands to more than any manifest has.
  EXPECT_EQ(CompileManifest(std::string(kMaxManifestBytes + 1, '\0')),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_LT(ResidentBytes(), before + (uint64_t{200} << 20));
}

TEST_F(HostileClientTest, BlobsBeyondTheLimitAreRefusedBeforeTheyCome) {
  UploadBlobsRequest message = TestWorker::Blob("x");
  message.set_size(uint64_t{4} << 30);
  message.set_last(false);
  EXPECT_EQ(worker_.Upload("evil", {message}).error_code(), StatusCode::INVALID_ARGUMENT);
  message.set_size(UINT64_MAX);
  EXPECT_EQ(worker_.Upload("evil", {message}).error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(HostileClientTest, FourGibibytesUnderASmallHeaderStopAtIt) {
  const uint64_t before = ResidentBytes();
  const auto context = worker_.Call("evil");
  worker::v1::UploadBlobsResponse response;
  const auto writer = worker_.stub().UploadBlobs(context.get(), &response);
  UploadBlobsRequest message;
  message.set_digest(StrCat(Digest::Of("x").bytes()));
  message.set_size(1000);
  message.set_data(std::string(1 << 20, 'x'));
  uint64_t sent = 0;
  while (sent < uint64_t{4} << 30 && writer->Write(message)) {
    sent += message.data().size();
    message.clear_digest();
  }
  EXPECT_EQ(writer->Finish().error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_LT(sent, uint64_t{64} << 20);
  EXPECT_LT(ResidentBytes(), before + (uint64_t{200} << 20));
}

TEST_F(HostileClientTest, AZstdBombStopsAtItsDeclaredSize) {
  const std::string bomb = Zstd(std::string(size_t{200} << 20, '\0'));
  const uint64_t before = ResidentBytes();
  UploadBlobsRequest message;
  message.set_digest(StrCat(Digest::Of("x").bytes()));
  message.set_size(10);
  message.set_zstd(true);
  message.set_data(bomb);
  message.set_last(true);
  EXPECT_EQ(worker_.Upload("evil", {message}).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_LT(ResidentBytes(), before + (uint64_t{64} << 20));
}

TEST_F(HostileClientTest, StreamsThatMakeNoSenseAreRefused) {
  UploadBlobsRequest piece;  // no blob began
  piece.set_data("x");
  EXPECT_EQ(worker_.Upload("evil", {piece}).error_code(), StatusCode::INVALID_ARGUMENT);
  UploadBlobsRequest first = TestWorker::Blob("abc");
  first.set_last(false);
  EXPECT_EQ(worker_.Upload("evil", {first}).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(worker_.Upload("evil", {first, first}).error_code(), StatusCode::INVALID_ARGUMENT);
  first.set_digest("short");
  EXPECT_EQ(worker_.Upload("evil", {first}).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(worker_.Upload("evil", {}).ok());
}

TEST_F(HostileClientTest, ATenantsEndlessStreamsAreItsOwnTrouble) {
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientWriter<UploadBlobsRequest>>> writers;
  std::vector<worker::v1::UploadBlobsResponse> responses(kUploadsPerTenant + 1);
  for (int i = 0; i < kUploadsPerTenant; ++i) {
    contexts.push_back(worker_.Call("evil"));
    writers.push_back(worker_.stub().UploadBlobs(contexts.back().get(), &responses[i]));
    UploadBlobsRequest first = TestWorker::Blob(StrCat("blob ", i));
    first.set_last(false);
    ASSERT_TRUE(writers.back()->Write(first));
  }
  const auto evil = worker_.server().tenants().Get("evil").value();
  while (evil->upload_streams().count() < kUploadsPerTenant) std::this_thread::yield();
  std::string retry;
  EXPECT_EQ(worker_.Upload("evil", {TestWorker::Blob("more")}, &retry).error_code(),
            StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(retry, "");
  TestUnit unit(worker_.unit_root());
  EXPECT_TRUE(worker_.UploadAll("honest", unit).ok());
  for (const auto& context : contexts) context->TryCancel();
  for (const auto& writer : writers) EXPECT_FALSE(writer->Finish().ok());
}

TEST_F(HostileClientTest, QuestionsAndCommandsBeyondTheirLimitsAreRefused) {
  worker::v1::FindMissingBlobsRequest question;
  for (size_t i = 0; i <= kMaxDigestsPerQuestion; ++i) question.add_digests(std::string(32, 'x'));
  worker::v1::FindMissingBlobsResponse response;
  auto context = worker_.Call("evil");
  EXPECT_EQ(worker_.stub().FindMissingBlobs(context.get(), question, &response).error_code(),
            StatusCode::INVALID_ARGUMENT);
  question.clear_digests();
  question.add_digests("../../etc/passwd");
  context = worker_.Call("evil");
  EXPECT_EQ(worker_.stub().FindMissingBlobs(context.get(), question, &response).error_code(),
            StatusCode::INVALID_ARGUMENT);

  worker::v1::CompileRequest request = TestWorker::CompileRequestOf(unit_);
  for (size_t i = 0; i <= kMaxCommandWords; ++i) request.mutable_command()->add_arguments("-g");
  EXPECT_EQ(Compile(request), StatusCode::INVALID_ARGUMENT);
  request = TestWorker::CompileRequestOf(unit_);
  request.mutable_command()->add_arguments(std::string(kMaxCommandBytes, 'x'));
  EXPECT_EQ(Compile(request), StatusCode::INVALID_ARGUMENT);
  request = TestWorker::CompileRequestOf(unit_);
  request.mutable_command()->add_arguments(std::string("-DX\0Y", 5));
  EXPECT_EQ(Compile(request), StatusCode::INVALID_ARGUMENT);
  for (const char* directory : {"", "relative", "/a/../b", "/"}) {
    request = TestWorker::CompileRequestOf(unit_);
    request.mutable_command()->set_working_directory(directory);
    EXPECT_EQ(Compile(request), StatusCode::INVALID_ARGUMENT) << directory;
  }
  request = TestWorker::CompileRequestOf(unit_);
  request.set_client_job(std::string(100'000, 'x'));
  EXPECT_EQ(Compile(request), StatusCode::INVALID_ARGUMENT);
  request = TestWorker::CompileRequestOf(unit_);
  request.mutable_command()->add_environment("LD_PRELOAD=/p/evil.so");
  EXPECT_EQ(Compile(request), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kEnvironmentRefused), 1U);
  // Whatever an argument is called: the event's name is not the client's to choose.
  request = TestWorker::CompileRequestOf(unit_);
  request.mutable_command()->add_arguments("-fplugin=./variable.so");
  EXPECT_EQ(Compile(request), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kEnvironmentRefused), 1U);
}

TEST_F(HostileClientTest, AMessageBeyondTheLimitIsRefused) {
  worker::v1::CompileRequest request;
  request.set_manifest(std::string(kMaxMessageBytes + 1, 'x'));
  EXPECT_EQ(Compile(request), StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(HostileClientTest, GarbageInPlaceOfTlsIsDropped) {
  const std::string& address = worker_.server().address();
  const auto port =
      static_cast<uint16_t>(std::atoi(address.substr(address.rfind(':') + 1).c_str()));
  for (int i = 0; i < 20; ++i) {
    absl::StatusOr<Connection> socket =
        Connection::ToLoopback(port, std::chrono::milliseconds(2000));
    ASSERT_TRUE(socket.ok()) << socket.status();
    const std::string garbage(100 * (i + 1), static_cast<char>(i));
    EXPECT_TRUE(socket->Send(garbage, std::chrono::milliseconds(2000)).ok());
  }
}

}  // namespace
}  // namespace hpcc
