#include "agent/exec_plan.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.h"
#include "base/socket.h"
#include "base/status.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kPlanTime{10'000};
constexpr uint64_t kMaxPlanBytes = uint64_t{8} << 20;

void PutAll(const std::vector<std::string>& strings, ByteWriter* writer) {
  writer->Varint(strings.size());
  for (const std::string& string : strings) writer->String(string);
}

std::vector<std::string> TakeAll(ByteReader* reader) {
  std::vector<std::string> strings(reader->Count(1));
  for (std::string& string : strings) string = reader->String();
  return strings;
}

absl::Status WaitFor(const Descriptor& socket, int milliseconds) {
  pollfd waiting{socket.get(), POLLIN, 0};
  int ready;
  do {
    ready = poll(&waiting, 1, milliseconds);
  } while (ready < 0 && errno == EINTR);
  if (ready > 0) return absl::OkStatus();
  return ready == 0 ? absl::DeadlineExceededError("the plan of an exec is cut off")
                    : ErrnoStatus(errno, "wait for", "the plan of an exec");
}

// Fills `data`.
absl::Status ReadAll(const Descriptor& socket, std::string& data) {
  for (size_t have = 0; have < data.size();) {
    HPCC_RETURN_IF_ERROR(WaitFor(socket, static_cast<int>(kPlanTime.count())));
    const ssize_t got = read(socket.get(), data.data() + have, data.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", "the plan of an exec");
    if (got == 0) return absl::UnavailableError("there is no plan of an exec");
    have += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeExecPlan(const ExecPlan& plan) {
  ByteWriter writer;
  PutAll(plan.arguments, &writer);
  PutAll(plan.environment, &writer);
  writer.String(plan.working_directory);
  PutAll(plan.writable, &writer);
  writer.Fixed64(static_cast<uint64_t>(plan.bounds.wall.count()));
  writer.Fixed64(static_cast<uint64_t>(plan.bounds.cpu.count()));
  writer.Fixed64(plan.bounds.memory_bytes);
  writer.Fixed64(plan.bounds.file_bytes);
  writer.Fixed64(plan.bounds.processes);
  writer.Fixed64(plan.bounds.stage_bytes);
  writer.Fixed64(plan.stage_bytes_before);
  writer.Fixed64(static_cast<uint64_t>(plan.start.count()));
  return writer.Take();
}

absl::StatusOr<ExecPlan> DecodeExecPlan(std::string_view bytes) {
  ByteReader reader(bytes);
  ExecPlan plan;
  plan.arguments = TakeAll(&reader);
  plan.environment = TakeAll(&reader);
  plan.working_directory = reader.String();
  plan.writable = TakeAll(&reader);
  plan.bounds.wall = std::chrono::milliseconds(reader.Fixed64());
  plan.bounds.cpu = std::chrono::milliseconds(reader.Fixed64());
  plan.bounds.memory_bytes = reader.Fixed64();
  plan.bounds.file_bytes = reader.Fixed64();
  plan.bounds.processes = reader.Fixed64();
  plan.bounds.stage_bytes = reader.Fixed64();
  plan.stage_bytes_before = reader.Fixed64();
  plan.start = std::chrono::nanoseconds(reader.Fixed64());
  if (!reader.ok() || !reader.at_end()) return absl::InternalError("a broken plan of an exec");
  return plan;
}

absl::Status SendExecPlan(std::string_view encoded, const Descriptor& socket) {
  ByteWriter message;
  message.Fixed64(encoded.size());
  message.Raw(encoded);
  Connection connection(Descriptor(fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)));
  return connection.Send(message.bytes(), kPlanTime);
}

absl::StatusOr<std::string> ReceiveExecPlan(const Descriptor& socket) {
  std::string prefix(8, '\0');
  HPCC_RETURN_IF_ERROR(WaitFor(socket, -1));
  HPCC_RETURN_IF_ERROR(ReadAll(socket, prefix));
  const uint64_t size = ByteReader(prefix).Fixed64();
  if (size > kMaxPlanBytes) return absl::InternalError("the plan of an exec is too long");
  std::string encoded(size, '\0');
  HPCC_RETURN_IF_ERROR(ReadAll(socket, encoded));
  return encoded;
}

void ExecReport::NoteFailure(std::string_view at_step, int with_error) {
  outcome = Outcome::kNotStarted;
  error = with_error;
  step[std::min(at_step.size(), sizeof(step) - 1)] = '\0';
  at_step.copy(step, sizeof(step) - 1);
}

}  // namespace hpcc
