#ifndef HPCC_WORKER_LIMITS_H_
#define HPCC_WORKER_LIMITS_H_

// Bounds on everything a client can make a worker read, keep or wait for. What can differ between
// installations stands in worker_config.h instead.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hpcc {

// Of one message, as gRPC takes it from the wire. The largest honest one is a manifest.
inline constexpr int kMaxMessageBytes = 16 << 20;
inline constexpr int kMaxMetadataBytes = 16 << 10;
inline constexpr int kMaxStreamsPerConnection = 256;

// A command: words and variables together, and how many there may be of each.
inline constexpr size_t kMaxCommandBytes = size_t{1} << 20;
inline constexpr size_t kMaxCommandWords = 16'384;
inline constexpr size_t kMaxCommandVariables = 64;
inline constexpr size_t kMaxPathBytes = 4'000;
inline constexpr size_t kMaxClientJobBytes = 128;
inline constexpr size_t kMaxTraceparentBytes = 64;

// Blobs. The limit on the expanded size holds whatever a header says.
inline constexpr uint64_t kMaxBlobBytes = uint64_t{256} << 20;
inline constexpr size_t kMaxDigestsPerQuestion = 65'536;
// A zstd frame can be made of empty blocks without end: compressed bytes are bounded too, by the
// declared size, a part of it, and this.
inline constexpr uint64_t kZstdSlackBytes = uint64_t{64} << 10;
// 2^23: what zstd's level 19 uses. A larger window would be memory of the client's choosing.
inline constexpr int kZstdWindowLog = 23;
// What a blob takes from a tenant's share at least: a block on disk and a place in the index.
inline constexpr uint64_t kBlobGrainBytes = 4096;

// One upload stream.
inline constexpr uint64_t kMaxUploadBytesPerStream = uint64_t{4} << 30;
inline constexpr std::chrono::seconds kUploadSilence{30};
inline constexpr std::chrono::seconds kUploadTime{600};
inline constexpr int kUploadsPerTenant = 8;

// Probes under way, those included whose client doesn't read the answer.
inline constexpr uint32_t kMaxProbes = 1024;
inline constexpr uint32_t kMaxProbesPerTenant = 512;

// Of one message of a reply. Small enough that a slow line takes one within kReplySilence, also
// where several replies share it.
inline constexpr size_t kReplyChunkBytes = size_t{256} << 10;
// Of a reply, and of a time in which its client takes nothing of it.
inline constexpr std::chrono::seconds kReplyTime{120};
inline constexpr std::chrono::seconds kReplySilence{10};

// Of answers that wait for their audit rows or their readers (worker/answer_budget.h). One answer
// always fits, whatever its size.
inline constexpr uint64_t kMaxAnswerBytes = uint64_t{1} << 30;
inline constexpr uint64_t kMaxAnswerBytesPerTenant = uint64_t{256} << 20;
// Results that are read from the disk at once: of each there are two copies for a moment.
inline constexpr uint32_t kMaxResultReads = 4;
inline constexpr std::chrono::seconds kResultReadPatience{10};

// Of results in memory (worker/result_memo.h), for all tenants together.
inline constexpr size_t kMaxRecentResultBytes = size_t{128} << 20;

inline constexpr size_t kMaxTenants = 10'000;
inline constexpr size_t kMaxSources = 65'536;  // in the memo of a tenant's texts

}  // namespace hpcc

#endif  // HPCC_WORKER_LIMITS_H_
