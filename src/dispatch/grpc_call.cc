#include "dispatch/grpc_call.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/cord.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kStep{250};
constexpr char kRetryAfterMetadata[] = "hpcc-retry-after-ms";
constexpr int64_t kLongestRetryMs = 3'600'000;
constexpr size_t kMaxMessageBytes = 500;

std::string Printable(const std::string& message) {
  std::string text = message.substr(0, kMaxMessageBytes);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

}  // namespace

std::unique_ptr<grpc::ClientContext> MakeCallContext(std::chrono::milliseconds bound,
                                                     const std::string& bearer) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + bound);
  if (!bearer.empty()) context->AddMetadata("authorization", StrCat("Bearer ", bearer));
  return context;
}

CallEvents::~CallEvents() {
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool CallEvents::Await() {
  while (true) {
    void* tag = nullptr;
    bool ok = false;
    const auto until = std::chrono::system_clock::now() + kStep;
    switch (queue_.AsyncNext(&tag, &ok, until)) {
      case grpc::CompletionQueue::GOT_EVENT:
        return ok;
      case grpc::CompletionQueue::SHUTDOWN:
        return false;
      case grpc::CompletionQueue::TIMEOUT:
        break;
    }
    if (given_up_ || go_on_()) continue;
    given_up_ = true;
    context_.TryCancel();
  }
}

absl::Status StatusOfCall(const grpc::Status& status, const grpc::ClientContext& context) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      Printable(status.error_message()));
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find(kRetryAfterMetadata);
  if (found != metadata.end()) {
    result.SetPayload(kRetryAfterMetadata,
                      absl::Cord(std::string(found->second.data(), found->second.size())));
  }
  return result;
}

std::optional<std::chrono::milliseconds> RetryAfter(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryAfterMetadata);
  if (!payload) return std::nullopt;
  const std::string text(*payload);
  int64_t count = 0;
  const std::from_chars_result parsed =
      std::from_chars(text.data(), text.data() + text.size(), count);
  if (parsed.ec != std::errc() || count < 0) return std::nullopt;
  return std::chrono::milliseconds(std::min(count, kLongestRetryMs));
}

}  // namespace hpcc
