// Routes per second of the scheduler's core on one thread: what a Route call does short of the
// network, from the session's check to the signed routing token. bench/scheduler.py runs it.
//
//   hpcc_bench_scheduler WORKERS TENANTS ROUTES      prints one line of JSON

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "auth/certificate.h"
#include "auth/key_ring.h"
#include "auth/routing_token.h"
#include "base/clock.h"
#include "base/strings.h"
#include "scheduler/scheduler_core.h"

namespace {

using namespace hpcc;
namespace v1 = scheduler::v1;

constexpr std::string_view kSecret = "secret of the bench's workers";
constexpr size_t kUsersPerTenant = 4;
constexpr int kImagesPerWorker = 4;

class NoEvents final : public EventSink {
 public:
  void Report(const SchedulerEvent& event) override {
    fprintf(stderr, "unexpected event %s\n", std::string(event.name).c_str());
    std::exit(1);
  }
};

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t all = 0;
  uint64_t resident = 0;
  statm >> all >> resident;
  return resident * 4096;
}

std::string ImageOf(uint64_t number) {
  return StrCat("registry.example/team/toolchain-", number, "@sha256:", std::string(64, 'a'));
}

SchedulerConfig Config(size_t tenants) {
  SchedulerConfig config{.name = "bench",
                         .session_lifetime = std::chrono::hours(8),
                         .decoy_zone = "invalid",
                         .worker_secrets = {std::string(kSecret)},
                         .heartbeat = std::chrono::seconds(60)};
  for (size_t i = 0; i < tenants; ++i) {
    config.tenants.push_back({.id = StrCat("tenant-", i),
                              .issuer = StrCat("https://idp.example/", i),
                              .audience = "hpcc",
                              .client_id = "hpcc",
                              .scope = "openid",
                              .user_claim = "sub",
                              .images = {"registry.example/team/*"},
                              .minimum_isolation = "process",
                              .compiles_in_flight = 64});
  }
  return config;
}

void Require(bool condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "%s\n", what);
  std::exit(1);
}

class Bench {
 public:
  Bench(size_t workers, size_t tenants)
      : now_s_(Clock::Real().NowNanoseconds() / 1'000'000'000),
        ring_(*KeyRing::Generate(now_s_)),
        certificate_(*MakeSelfSignedCertificate({"worker.example"}, now_s_, 10)),
        workers_(workers),
        tenants_(tenants),
        core_(Config(tenants), ring_, "decoy", Clock::Real(), events_) {}

  // Seconds each took.
  double RegisterAll() {
    const double began = CpuSeconds();
    for (size_t i = 0; i < workers_; ++i) {
      v1::RegisterWorkerRequest request;
      request.set_worker(StrCat("worker-", i));
      request.set_address(StrCat("10.", i >> 16, ".", i >> 8 & 255, ".", i & 255, ":7000"));
      request.set_certificate_sha256(certificate_.fingerprint);
      request.set_certificate_pem(certificate_.certificate_pem);
      for (int j = 0; j < kImagesPerWorker; ++j) request.add_images(ImageOf((i + j) % 16));
      request.set_isolation(i % 2 == 0 ? "process" : "qemu-kvm");
      request.set_slots(16);
      const auto registered = core_.RegisterWorker(request, {.bearer = kSecret});
      Require(registered.ok(), "a worker was refused");
      configuration_ = registered->configuration();
    }
    return CpuSeconds() - began;
  }

  double HeartbeatAll() {
    const double began = CpuSeconds();
    for (size_t i = 0; i < workers_; ++i) {
      v1::HeartbeatRequest request;
      request.set_worker(StrCat("worker-", i));
      request.set_in_flight(static_cast<uint32_t>(i * 7 % 15));
      for (int j = 0; j < kImagesPerWorker; ++j) request.add_images(ImageOf((i + j) % 16));
      request.set_configuration(configuration_);
      const auto answer = core_.Heartbeat(request, {.bearer = kSecret});
      Require(answer.ok() && answer->known(), "a heartbeat was refused");
    }
    return CpuSeconds() - began;
  }

  // The first route of each session verifies its signature.
  double FirstRoutes() {
    for (size_t i = 0; i < tenants_ * kUsersPerTenant; ++i) {
      sessions_.push_back(MakeSessionToken(ring_.current(),
                                           {.tenant = StrCat("tenant-", i % tenants_),
                                            .user = StrCat("user-", i),
                                            .expires_s = now_s_ + 3600},
                                           now_s_));
    }
    const double began = CpuSeconds();
    for (size_t i = 0; i < sessions_.size(); ++i) Route(i);
    return CpuSeconds() - began;
  }

  double Routes(size_t count) {
    const double began = CpuSeconds();
    uint64_t state = 1;
    for (size_t i = 0; i < count; ++i) {
      state = state * 6364136223846793005 + 1442695040888963407;
      Route(state >> 33);
    }
    return CpuSeconds() - began;
  }

  size_t sessions() const { return sessions_.size(); }

 private:
  void Route(uint64_t number) {
    v1::RouteRequest request;
    const uint64_t session = number % sessions_.size();
    request.set_image(ImageOf(session % 16));
    const auto route = core_.Route(request, {.bearer = sessions_[session]});
    Require(route.ok() && !route->token().empty(), "a route was refused");
  }

  NoEvents events_;
  const int64_t now_s_;
  const KeyRing ring_;
  const CertificateAndKey certificate_;
  const size_t workers_;
  const size_t tenants_;
  SchedulerCore core_;
  std::string configuration_;
  std::vector<std::string> sessions_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: hpcc_bench_scheduler WORKERS TENANTS ROUTES\n");
    return 2;
  }
  const size_t workers = std::strtoull(argv[1], nullptr, 10);
  const size_t tenants = std::strtoull(argv[2], nullptr, 10);
  const size_t routes = std::strtoull(argv[3], nullptr, 10);
  Require(workers > 0 && tenants > 0 && routes > 0, "each is at least 1");
  const uint64_t empty = ResidentBytes();
  Bench bench(workers, tenants);
  const double registered = bench.RegisterAll();
  const double heartbeats = bench.HeartbeatAll();
  const double first = bench.FirstRoutes();
  const double later = bench.Routes(routes);
  printf(
      "{\"workers\": %zu, \"tenants\": %zu, \"registrations_per_second\": %.0f, "
      "\"heartbeats_per_second\": %.0f, \"first_routes_per_second\": %.0f, "
      "\"routes_per_second\": %.0f, \"resident_bytes\": %llu, \"resident_bytes_before\": %llu}\n",
      workers, tenants, static_cast<double>(workers) / registered,
      static_cast<double>(workers) / heartbeats, static_cast<double>(bench.sessions()) / first,
      static_cast<double>(routes) / later, static_cast<unsigned long long>(ResidentBytes()),
      static_cast<unsigned long long>(empty));
  return 0;
}
