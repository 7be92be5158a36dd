#ifndef HPCC_SANDBOX_AGENT_LIMITS_H_
#define HPCC_SANDBOX_AGENT_LIMITS_H_

// Bounds on everything a worker and an agent read from each other, and what an exec gets when its
// header doesn't say.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hpcc {

// Grows when either end must know what the other can do.
inline constexpr uint32_t kAgentProtocolVersion = 2;

// Of one message. The largest is a header with a manifest of kMaxManifestBytes.
inline constexpr int kAgentMessageBytes = 36 << 20;
// How much either end sends of a stream before the other has taken it. Said ahead: to measure what
// fits a way that is no network costs an exec messages of its own.
inline constexpr int kAgentWindowBytes = 1 << 20;
// Of the data in one message: blobs, standard streams and outputs go in pieces.
inline constexpr size_t kAgentChunkBytes = size_t{256} << 10;

inline constexpr uint64_t kAgentBlobBytes = uint64_t{256} << 20;    // of one blob
inline constexpr uint64_t kAgentOutputBytes = uint64_t{512} << 20;  // of one exec's outputs

// A header.
inline constexpr size_t kAgentCommandBytes = size_t{1} << 20;  // arguments and environment together
inline constexpr size_t kAgentArguments = 16'384;
inline constexpr size_t kAgentVariables = 1'024;
inline constexpr size_t kAgentOutputs = 64;
inline constexpr size_t kAgentJobBytes = 256;
inline constexpr size_t kAgentTraceparentBytes = 128;

// What an exec gets without a word about it, and the most it can ask for. Memory and processes have
// no default here: a sandbox's memory is divided among its execs.
inline constexpr std::chrono::milliseconds kExecWall{10 * 60 * 1000};
inline constexpr std::chrono::milliseconds kExecWallMost{60 * 60 * 1000};
inline constexpr uint64_t kExecProcesses = 256;
inline constexpr uint64_t kExecProcessesMost = 4'096;
inline constexpr uint64_t kExecStageBytes = uint64_t{1} << 30;
inline constexpr uint64_t kExecStageBytesMost = uint64_t{16} << 30;
inline constexpr uint64_t kExecStdioBytes = uint64_t{16} << 20;
inline constexpr uint64_t kExecStdioBytesMost = uint64_t{256} << 20;
inline constexpr uint64_t kExecMemoryLeast = uint64_t{16} << 20;

}  // namespace hpcc

#endif  // HPCC_SANDBOX_AGENT_LIMITS_H_
