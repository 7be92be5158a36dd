#include "worker/scheduler_link.h"

#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "auth/certificate.h"
#include "base/clock.h"
#include "base/strings.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
namespace v1 = scheduler::v1;

// A scheduler that answers as scheduler/scheduler_core.cc does, and says what it was asked.
class FakeScheduler final : public v1::Scheduler::Service {
 public:
  grpc::Status RegisterWorker(grpc::ServerContext*, const v1::RegisterWorkerRequest*,
                              v1::RegisterWorkerResponse* response) override {
    const std::lock_guard lock(mutex);
    ++registrations;
    known = true;
    response->set_heartbeat_seconds(1);
    response->set_jwks(jwks);
    response->add_tenants()->set_tenant("acme");
    response->set_configuration(configuration);
    return grpc::Status::OK;
  }
  grpc::Status Heartbeat(grpc::ServerContext*, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override {
    const std::lock_guard lock(mutex);
    asked_with.push_back(request->configuration());
    response->set_known(known);
    response->set_configuration(configuration);
    if (request->configuration() == configuration) return grpc::Status::OK;
    response->set_jwks(jwks);
    response->add_tenants()->set_tenant("acme");
    return grpc::Status::OK;
  }

  grpc::Status ReportSandboxLost(grpc::ServerContext*, const v1::ReportSandboxLostRequest*,
                                 v1::ReportSandboxLostResponse*) override {
    return grpc::Status::OK;
  }

  std::mutex mutex;
  bool known = false;
  int registrations = 0;
  std::string jwks = "keys 1";
  std::string configuration = "configuration 1";
  std::vector<std::string> asked_with;
};

class SchedulerLinkTest : public ::testing::Test {
 protected:
  SchedulerLinkTest() {
    const CertificateAndKey certificate =
        MakeSelfSignedCertificate({"localhost"}, Clock::Real().NowNanoseconds() / 1'000'000'000, 1)
            .value();
    grpc::SslServerCredentialsOptions ssl(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    ssl.pem_key_cert_pairs.push_back({certificate.key_pem, certificate.certificate_pem});
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(ssl), &port);
    builder.RegisterService(&scheduler_);
    server_ = builder.BuildAndStart();
    SchedulerLinkOptions options;
    options.address = StrCat("127.0.0.1:", port);
    options.ca_pem = certificate.certificate_pem;
    options.server_name = "localhost";
    options.secret = "secret";
    options.registration.set_worker("worker-1");
    options.retry_first = milliseconds(10);
    link_ = std::make_unique<SchedulerLink>(
        options, SchedulerLink::Listeners{
                     .on_news =
                         [this](const SchedulerNews& news) {
                           const std::lock_guard lock(scheduler_.mutex);
                           news_.push_back(StrCat(news.jwks, ", tenants ", news.tenants.size()));
                           return refuses_ ? absl::InvalidArgumentError("no keys")
                                           : absl::OkStatus();
                         },
                     .load = [] { return WorkerLoad(); },
                     .on_change = nullptr});
  }
  ~SchedulerLinkTest() override {
    link_->Stop();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  // Until so many heartbeats have come; those that came in all.
  std::vector<std::string> Heartbeats(size_t count) {
    for (int i = 0; i < 2000; ++i) {
      {
        const std::lock_guard lock(scheduler_.mutex);
        if (scheduler_.asked_with.size() >= count) return scheduler_.asked_with;
      }
      link_->ReportLost({});  // hurries the next
      std::this_thread::sleep_for(milliseconds(10));
    }
    ADD_FAILURE() << "no heartbeat";
    return {};
  }
  std::vector<std::string> News() {
    const std::lock_guard lock(scheduler_.mutex);
    return news_;
  }

  FakeScheduler scheduler_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> news_;
  bool refuses_ = false;
  std::unique_ptr<SchedulerLink> link_;
};

TEST_F(SchedulerLinkTest, AShortAnswerTakesNoKeysAway) {
  ASSERT_TRUE(link_->WaitUntilRegistered(seconds(20)));
  EXPECT_THAT(Heartbeats(5), ::testing::Each("configuration 1"));
  EXPECT_THAT(News(), ::testing::ElementsAre("keys 1, tenants 1"));
}

TEST_F(SchedulerLinkTest, AnotherConfigurationComesWithTheNextHeartbeat) {
  ASSERT_TRUE(link_->WaitUntilRegistered(seconds(20)));
  Heartbeats(1);
  size_t before = 0;
  {
    const std::lock_guard lock(scheduler_.mutex);
    before = scheduler_.asked_with.size();
    scheduler_.jwks = "keys 2";
    scheduler_.configuration = "configuration 2";
  }
  EXPECT_EQ(Heartbeats(before + 2).back(), "configuration 2");
  EXPECT_THAT(News(), ::testing::ElementsAre("keys 1, tenants 1", "keys 2, tenants 1"));
}

TEST_F(SchedulerLinkTest, AForgetfulSchedulerIsRegisteredWithAgain) {
  ASSERT_TRUE(link_->WaitUntilRegistered(seconds(20)));
  Heartbeats(1);
  size_t before = 0;
  {
    const std::lock_guard lock(scheduler_.mutex);
    before = scheduler_.asked_with.size();
    scheduler_.known = false;
  }
  Heartbeats(before + 2);
  const std::lock_guard lock(scheduler_.mutex);
  EXPECT_EQ(scheduler_.registrations, 2);
  EXPECT_THAT(news_, ::testing::ElementsAre("keys 1, tenants 1", "keys 1, tenants 1"));
}

TEST_F(SchedulerLinkTest, WhatCouldNotBeTakenIsAskedForAgain) {
  ASSERT_TRUE(link_->WaitUntilRegistered(seconds(20)));
  Heartbeats(1);
  size_t before = 0;
  {
    const std::lock_guard lock(scheduler_.mutex);
    before = scheduler_.asked_with.size();
    refuses_ = true;
    scheduler_.configuration = "configuration 2";
  }
  EXPECT_EQ(Heartbeats(before + 2).back(), "") << "it says that it has none";
  {
    const std::lock_guard lock(scheduler_.mutex);
    refuses_ = false;
    before = scheduler_.asked_with.size();
  }
  EXPECT_EQ(Heartbeats(before + 2).back(), "configuration 2");
}

}  // namespace
}  // namespace hpcc
