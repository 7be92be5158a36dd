#include "sandbox/vsock_handshake.h"

#include <algorithm>
#include <charconv>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kOk = "OK ";

absl::StatusOr<std::string> ReadLine(Connection& connection, std::chrono::milliseconds bound) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  std::string line;
  while (line.size() < kVsockAnswerBytes) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    char byte;
    const absl::Status status =
        connection.Receive({&byte, 1}, std::max(left, std::chrono::milliseconds(0)));
    if (absl::IsDeadlineExceeded(status)) {
      return absl::DeadlineExceededError(
          StrCat("vsock: ", line.empty() ? "no answer" : "half an answer", " to CONNECT in time"));
    }
    if (!status.ok()) {
      if (line.empty()) return absl::UnavailableError("vsock: CONNECT was refused");
      return absl::DataLossError("vsock: hung up in the middle of the answer to CONNECT");
    }
    if (byte == '\n') return line;
    line.push_back(byte);
  }
  return absl::InternalError("vsock: the answer to CONNECT is too long");
}

}  // namespace

absl::StatusOr<uint32_t> ParseVsockAnswer(std::string_view line) {
  uint32_t number = 0;
  if (line.starts_with(kOk)) {
    const char* const begin = line.data() + kOk.size();
    const char* const end = line.data() + line.size();
    const auto [stopped, error] = std::from_chars(begin, end, number);
    if (error == std::errc() && stopped == end) return number;
  }
  return absl::InternalError("vsock: the answer to CONNECT is not \"OK <number>\"");
}

absl::Status ShakeVsockHands(Connection& connection, uint32_t port,
                             std::chrono::milliseconds bound) {
  const auto start = std::chrono::steady_clock::now();
  const absl::Status sent = connection.Send(StrCat("CONNECT ", port, "\n"), bound);
  if (absl::IsUnavailable(sent)) return absl::UnavailableError("vsock: CONNECT was refused");
  HPCC_RETURN_IF_ERROR(sent);
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  HPCC_ASSIGN_OR_RETURN(const std::string line, ReadLine(connection, bound - spent));
  return ParseVsockAnswer(line).status();
}

}  // namespace hpcc
