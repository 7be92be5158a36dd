#include "sandbox/agent_client.h"

#include <fcntl.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "compiler/manifest.h"
#include "sandbox/agent_limits.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Stream = grpc::ServerReaderWriter<agent_v1::ExecResponse, agent_v1::ExecRequest>;

// An agent that says whatever a test wants said.
class FakeAgent final : public agent_v1::Agent::Service {
 public:
  grpc::Status Health(grpc::ServerContext*, const agent_v1::HealthRequest*,
                      agent_v1::HealthResponse* response) override {
    response->set_protocol_version(version);
    response->set_cpus(3);
    return grpc::Status::OK;
  }
  grpc::Status Exec(grpc::ServerContext* context, Stream* stream) override {
    return exec(*context, *stream);
  }

  uint32_t version = kAgentProtocolVersion;
  std::function<grpc::Status(grpc::ServerContext&, Stream&)> exec;
};

class AgentClientTest : public ::testing::Test {
 protected:
  AgentClientTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    client_ = std::make_unique<AgentClient>(Descriptor(ends[0]));
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    grpc::ServerBuilder builder;
    builder.RegisterService(&agent_);
    builder.SetMaxReceiveMessageSize(kAgentMessageBytes);
    server_ = builder.BuildAndStart();
    grpc::AddInsecureChannelFromFd(server_.get(), ends[1]);

    SourceManifest manifest;
    manifest.entries.push_back({.path = "/work/a.c", .digest = Digest::Of("source")});
    request_.arguments = {"/usr/bin/gcc"};
    request_.manifest = EncodeManifest(manifest).value();
    request_.outputs = {"/work/a.o"};
    request_.limits.stdio_bytes = 1 << 20;
  }
  ~AgentClientTest() override {
    client_.reset();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  absl::StatusOr<ExecResult> Exec(const std::function<bool()>& cancelled = nullptr) {
    return client_->Exec(
        request_,
        [this](const Digest& digest) -> absl::StatusOr<std::string> {
          ++reads_;
          if (digest != Digest::Of("source")) return absl::NotFoundError("no such blob");
          return std::string("source");
        },
        cancelled);
  }
  static agent_v1::ExecResponse Missing(const std::vector<Digest>& digests) {
    agent_v1::ExecResponse response;
    response.mutable_missing();
    for (const Digest& digest : digests) {
      response.mutable_missing()->add_digests(std::string(digest.bytes()));
    }
    return response;
  }
  static agent_v1::ExecResponse Result() {
    agent_v1::ExecResponse response;
    response.mutable_result()->set_exit_status(1);
    return response;
  }

  FakeAgent agent_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<AgentClient> client_;
  ExecRequest request_;
  std::atomic<int> reads_{0};
};

TEST_F(AgentClientTest, HealthSaysWhatTheAgentIs) {
  const absl::StatusOr<AgentHealth> health = client_->Health(seconds(5));
  ASSERT_TRUE(health.ok()) << health.status();
  EXPECT_EQ(health->cpus, 3u);
  agent_.version = kAgentProtocolVersion + 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(client_->Health(seconds(5)).status()));
}

TEST_F(AgentClientTest, WhatIsMissingIsSentAndNothingElse) {
  std::string got;
  agent_.exec = [&](grpc::ServerContext&, Stream& stream) {
    agent_v1::ExecRequest request;
    EXPECT_TRUE(stream.Read(&request) && request.has_header());
    stream.Write(Missing({Digest::Of("source")}));
    while (stream.Read(&request)) got += request.input().data();
    stream.Write(Result());
    return grpc::Status::OK;
  };
  const absl::StatusOr<ExecResult> result = Exec();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 1);
  EXPECT_EQ(got, "source");
  EXPECT_EQ(reads_, 1);
}

TEST_F(AgentClientTest, AnAgentThatLacksNothingAnswersAtOnce) {
  agent_.exec = [&](grpc::ServerContext&, Stream& stream) {
    agent_v1::ExecRequest request;
    EXPECT_TRUE(stream.Read(&request) && request.has_header());
    stream.WriteLast(Result(), grpc::WriteOptions());
    return grpc::Status::OK;
  };
  const absl::StatusOr<ExecResult> result = Exec();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 1);
  EXPECT_EQ(reads_, 0);
}

TEST_F(AgentClientTest, ABlobThatTheManifestHasNotIsNeverRead) {
  for (const std::vector<Digest>& digests : {std::vector<Digest>{Digest::Of("another tenant's")},
                                             {Digest()},
                                             {Digest::Of("source"), Digest::Of("source")}}) {
    agent_.exec = [&](grpc::ServerContext&, Stream& stream) {
      agent_v1::ExecRequest request;
      stream.Read(&request);
      stream.Write(Missing(digests));
      while (stream.Read(&request)) {
      }
      return grpc::Status::OK;
    };
    reads_ = 0;
    EXPECT_TRUE(absl::IsInternal(Exec().status()));
    EXPECT_LE(reads_, 1);
  }
}

TEST_F(AgentClientTest, ABlobThatCannotBeReadEndsTheCallWithItsOwnError) {
  SourceManifest manifest;
  manifest.entries.push_back({.path = "/work/a.c", .digest = Digest::Of("gone")});
  request_.manifest = EncodeManifest(manifest).value();
  agent_.exec = [&](grpc::ServerContext&, Stream& stream) {
    agent_v1::ExecRequest request;
    stream.Read(&request);
    stream.Write(Missing({Digest::Of("gone")}));
    while (stream.Read(&request)) {
    }
    return grpc::Status::OK;
  };
  EXPECT_TRUE(absl::IsNotFound(Exec().status()));
}

TEST_F(AgentClientTest, AnAgentThatTalksWithoutEndIsCutOff) {
  std::atomic<bool> ended{false};
  agent_.exec = [&](grpc::ServerContext&, Stream& stream) {
    agent_v1::ExecRequest request;
    stream.Read(&request);
    stream.Write(Missing({}));
    agent_v1::ExecResponse shout;
    shout.mutable_stdio()->set_data(std::string(64 << 10, 'x'));
    while (stream.Write(shout)) {
    }
    ended = true;
    return grpc::Status::OK;
  };
  EXPECT_TRUE(absl::IsInternal(Exec().status()));
  for (int i = 0; i < 500 && !ended; ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(ended);
}

TEST_F(AgentClientTest, TheAgentsErrorIsTheCallers) {
  agent_.exec = [](grpc::ServerContext&, Stream&) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "the image differs");
  };
  const absl::Status status = Exec().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(), "the image differs");
}

TEST_F(AgentClientTest, CancellingEndsACallThatHangs) {
  std::atomic<bool> cancelled{false};
  agent_.exec = [&](grpc::ServerContext& context, Stream& stream) {
    agent_v1::ExecRequest request;
    stream.Read(&request);
    stream.Write(Missing({}));
    cancelled = true;
    while (!context.IsCancelled()) std::this_thread::sleep_for(milliseconds(5));
    return grpc::Status::OK;
  };
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(absl::IsCancelled(Exec([&cancelled] { return cancelled.load(); }).status()));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
}

TEST_F(AgentClientTest, CancellingEndsACallThatComesAfterALongPause) {
  agent_.exec = [&](grpc::ServerContext& context, Stream&) {
    while (!context.IsCancelled()) std::this_thread::sleep_for(milliseconds(5));
    return grpc::Status::OK;
  };
  std::this_thread::sleep_for(milliseconds(1500));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(absl::IsCancelled(Exec([] { return true; }).status()));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
}

TEST_F(AgentClientTest, AnAgentThatSaysNothingIsGivenUpAfterTheExecsTime) {
  std::atomic<bool> ended{false};
  agent_.exec = [&](grpc::ServerContext& context, Stream& stream) {
    agent_v1::ExecRequest request;
    stream.Read(&request);
    stream.Write(Missing({}));
    while (!context.IsCancelled()) std::this_thread::sleep_for(milliseconds(5));
    ended = true;
    return grpc::Status::OK;
  };
  request_.limits.wall = milliseconds(200);
  request_.limits.margin = milliseconds(300);
  const auto start = std::chrono::steady_clock::now();
  const absl::Status status = Exec().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(450));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
  for (int i = 0; i < 500 && !ended; ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(ended);
}

TEST_F(AgentClientTest, AStreamThatIsOverIsUnavailable) {
  server_->Shutdown(std::chrono::system_clock::now());
  absl::Status status = client_->Health(seconds(5)).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(absl::IsUnavailable(Exec().status()));
}

}  // namespace
}  // namespace hpcc
