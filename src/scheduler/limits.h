#ifndef HPCC_SCHEDULER_LIMITS_H_
#define HPCC_SCHEDULER_LIMITS_H_

// How much of anything the scheduler takes from others.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hpcc {

inline constexpr int kMaxSchedulerMessage = 1 << 20;  // bytes, of a request
inline constexpr size_t kMaxTenantName = 64;
inline constexpr size_t kMaxWorkerName = 128;
inline constexpr size_t kMaxUserName = 256;
inline constexpr size_t kMaxImageName = 512;
inline constexpr size_t kMaxAddress = 300;
inline constexpr int kMaxImagesOfWorker = 256;
inline constexpr size_t kMaxCertificatePem = 64 << 10;
inline constexpr int kMaxAvoidedWorkers = 16;  // beside the one that failed
inline constexpr uint32_t kMaxSlots = 4096;
inline constexpr size_t kMaxWorkers = 100'000;
inline constexpr size_t kMaxTenants = 100'000;
// What is remembered to route well, and may be forgotten.
inline constexpr size_t kMaxRememberedRoutes = 256'000;
inline constexpr size_t kMaxRememberedSessions = 64'000;

inline constexpr uint64_t kMaxConfigBytes = 16 << 20;
inline constexpr size_t kMinWorkerSecret = 16;
inline constexpr size_t kMaxWorkerSecret = 4096;
inline constexpr uint64_t kMaxSecretFile = 64 << 10;

// Of the server as a whole.
inline constexpr int kMaxSchedulerThreads = 256;
// Of those threads: that wait for the keys of tenants whose identity providers are at the same
// address, and for anybody's.
inline constexpr int kMaxWaitingForProvider = 32;
inline constexpr int kMaxWaitingForProviders = 128;
inline constexpr size_t kMaxSchedulerBuffers = size_t{256} << 20;  // gRPC's own, in bytes

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_LIMITS_H_
