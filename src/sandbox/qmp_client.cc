#include "sandbox/qmp_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <span>
#include <thread>
#include <utility>

#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kReadBytes = 4096;
constexpr size_t kMaxQuotedBytes = 300;
constexpr milliseconds kBetweenQuestions{5};
// QEMU's own answers are a few levels deep. What prints JSON calls itself for each.
constexpr int kMaxDepth = 32;

milliseconds Left(steady_clock::time_point end) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - steady_clock::now()));
}

absl::StatusOr<json> ParseObject(const std::string& line) {
  bool too_deep = false;
  const auto look = [&too_deep](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  json parsed = json::parse(line, look, /*allow_exceptions=*/false);
  if (too_deep) return absl::InternalError("qemu: JSON deeper than any of its answers");
  if (!parsed.is_object()) return absl::InternalError("qemu: what it said is no JSON object");
  return parsed;
}

std::string TextAt(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return "";
  return found->get<std::string>().substr(0, kMaxQuotedBytes);
}

}  // namespace

absl::StatusOr<std::string> QmpClient::ReadLine(steady_clock::time_point end) {
  for (;;) {
    if (const size_t newline = received_.find('\n'); newline != std::string::npos) {
      std::string line = received_.substr(0, newline);
      received_.erase(0, newline + 1);
      return line;
    }
    if (received_.size() > kMaxQmpLineBytes) return absl::InternalError("qemu: an endless line");
    pollfd waiting{socket_.get(), POLLIN, 0};
    const milliseconds left = Left(end);
    if (left.count() == 0) return absl::DeadlineExceededError("qemu: it doesn't answer");
    if (poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
    char buffer[kReadBytes];
    const ssize_t got = recv(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return absl::UnavailableError("qemu: it is gone");
    received_.append(buffer, static_cast<size_t>(got));
  }
}

absl::Status QmpClient::Begin(milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  HPCC_ASSIGN_OR_RETURN(const std::string line, ReadLine(end));
  HPCC_ASSIGN_OR_RETURN(const json greeting, ParseObject(line));
  if (!greeting.contains("QMP")) return absl::InternalError("qemu: it doesn't greet");
  return Execute("qmp_capabilities", "", Left(end)).status();
}

absl::StatusOr<std::string> QmpClient::Execute(std::string_view command, std::string_view arguments,
                                               milliseconds bound, int descriptor) {
  const auto end = steady_clock::now() + bound;
  std::string message = StrCat("{\"execute\":\"", command, "\"");
  if (!arguments.empty()) StrAppend(&message, ",\"arguments\":", arguments);
  StrAppend(&message, ",\"id\":", ++last_id_, "}\n");
  Connection sending{Descriptor(dup(socket_.get()))};
  HPCC_RETURN_IF_ERROR(sending.Send(
      message, bound, std::span<const int>(&descriptor, descriptor < 0 ? size_t{0} : size_t{1})));
  for (;;) {
    HPCC_ASSIGN_OR_RETURN(const std::string line, ReadLine(end));
    HPCC_ASSIGN_OR_RETURN(const json answer, ParseObject(line));
    // An error of QEMU's parser has no number, and there is nothing else it could be about.
    if (const auto id = answer.find("id"); id != answer.end() && *id != last_id_) continue;
    if (const auto value = answer.find("return"); value != answer.end()) return value->dump();
    if (const auto error = answer.find("error"); error != answer.end()) {
      const std::string said = error->is_object() ? TextAt(*error, "desc") : "";
      return absl::InvalidArgumentError(StrCat("qemu: ", command, ": ", said));
    }
  }
}

absl::Status QmpClient::AwaitStatus(std::string_view query, std::string_view status,
                                    milliseconds bound) {
  const auto end = steady_clock::now() + bound;
  for (;;) {
    HPCC_ASSIGN_OR_RETURN(const std::string text, Execute(query, "", Left(end)));
    HPCC_ASSIGN_OR_RETURN(const json answer, ParseObject(text));
    const std::string now = TextAt(answer, "status");
    if (now == status) return absl::OkStatus();
    if (now == "failed" || now == "cancelled") {
      return absl::FailedPreconditionError(
          StrCat("qemu: ", query, ": ", now, " ", TextAt(answer, "error-desc")));
    }
    if (steady_clock::now() >= end) {
      return absl::DeadlineExceededError(StrCat("qemu: ", query, ": still ", now));
    }
    std::this_thread::sleep_for(kBetweenQuestions);
  }
}

}  // namespace hpcc
