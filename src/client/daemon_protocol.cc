#include "client/daemon_protocol.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "base/digest.h"
#include "base/frame.h"
#include "base/status.h"
#include "base/strings.h"
#include "cache/unit_record.h"

namespace hpcc {

namespace {

absl::Status TooMuch(std::string_view what) {
  return absl::InvalidArgumentError(StrCat(what, ": more than the protocol allows"));
}

template <typename Strings>
absl::Status CheckStrings(const Strings& strings, std::string_view what) {
  if (strings.size() > kMaxStrings) return TooMuch(what);
  for (const std::string& string : strings) {
    if (string.size() > kMaxStringBytes) return TooMuch(what);
    // Neither an argument nor a variable can hold one, and paths are cut at it.
    if (string.find('\0') != std::string::npos) {
      return absl::InvalidArgumentError(StrCat(what, ": a NUL character"));
    }
  }
  return absl::OkStatus();
}

// Parsing makes an object of each element of a list, however short it is on the wire: what holds
// too many is not parsed. Fields that aren't known stay bytes.
class FieldCount {
 public:
  // False: too many, or no message at all.
  bool TakeRequest(std::string_view bytes) { return Take(bytes, /*is_request=*/true); }

 private:
  using Wire = google::protobuf::internal::WireFormatLite;

  bool Take(std::string_view bytes, bool is_request) {
    google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                              static_cast<int>(bytes.size()));
    while (const uint32_t tag = in.ReadTag()) {
      if (++fields_ > kMaxFields) return false;
      if (is_request && HasLists(tag)) {
        uint32_t size = 0;
        if (!in.ReadVarint32(&size)) return false;
        const auto at = static_cast<size_t>(in.CurrentPosition());
        if (size > bytes.size() - at || !Take(bytes.substr(at, size), /*is_request=*/false) ||
            !in.Skip(static_cast<int>(size))) {
          return false;
        }
      } else if (!Wire::SkipField(&in, tag)) {
        return false;
      }
    }
    return in.ConsumedEntireMessage();
  }

  static bool HasLists(uint32_t tag) {
    const int field = Wire::GetTagFieldNumber(tag);
    return Wire::GetTagWireType(tag) == Wire::WIRETYPE_LENGTH_DELIMITED &&
           (field == daemon_v1::Request::kLookUpFieldNumber ||
            field == daemon_v1::Request::kLearnFieldNumber);
  }

  int fields_ = 0;
};

absl::Status CheckPath(const std::string& path, std::string_view what) {
  if (path.size() > kMaxStringBytes) return TooMuch(what);
  if (path.empty() || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(StrCat(what, ": empty, or with a NUL character"));
  }
  return absl::OkStatus();
}

absl::Status CheckLookUp(const daemon_v1::LookUp& look_up) {
  HPCC_RETURN_IF_ERROR(CheckPath(look_up.compiler_path(), "compiler_path"));
  HPCC_RETURN_IF_ERROR(CheckPath(look_up.called_as(), "called_as"));
  HPCC_RETURN_IF_ERROR(CheckPath(look_up.compiler_name(), "compiler_name"));
  HPCC_RETURN_IF_ERROR(CheckPath(look_up.working_directory(), "working_directory"));
  if (look_up.working_directory().front() != '/') {
    return absl::InvalidArgumentError("working_directory: is not absolute");
  }
  HPCC_RETURN_IF_ERROR(CheckStrings(look_up.arguments(), "arguments"));
  return CheckStrings(look_up.environment(), "environment");
}

absl::Status CheckLearn(const daemon_v1::Learn& learn) {
  if (learn.outputs_size() > kMaxFrameOutputs) return TooMuch("outputs");
  // Both are one byte in records (cache/unit_record.h).
  if (learn.place() > static_cast<uint32_t>(CompilePlace::Kind::kWorkersCache)) {
    return absl::InvalidArgumentError("place: there is no such");
  }
  if (learn.fallback_cause() > UINT8_MAX) return TooMuch("fallback_cause");
  if (learn.fallback_detail().size() > kMaxDetailBytes) return TooMuch("fallback_detail");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<daemon_v1::Request> ParseRequest(std::string_view bytes) {
  daemon_v1::Request request;
  if (bytes.size() > kMaxFrameBytes || !FieldCount().TakeRequest(bytes) ||
      !request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("no request");
  }
  if (request.token().size() > kMaxTokenBytes) return TooMuch("token");
  if (request.has_look_up()) HPCC_RETURN_IF_ERROR(CheckLookUp(request.look_up()));
  HPCC_RETURN_IF_ERROR(CheckLearn(request.learn()));
  return request;
}

absl::StatusOr<daemon_v1::Response> ParseResponse(std::string_view bytes) {
  daemon_v1::Response response;
  if (bytes.size() > kMaxFrameBytes ||
      !response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("no response");
  }
  const daemon_v1::Hit& hit = response.hit();
  if (hit.outputs_size() > kMaxFrameOutputs) return TooMuch("outputs");
  if (!hit.stored_result().empty() && !Digest::FromBytes(hit.stored_result())) {
    return absl::InvalidArgumentError("stored_result: is no digest");
  }
  uint64_t size = 0;
  for (const daemon_v1::Hit::Output& output : hit.outputs()) {
    if (output.size() > kMaxHitBytes) return TooMuch("size");
    size += output.size();
  }
  if (size > kMaxHitBytes) return TooMuch("total_size");
  if (size != hit.total_size()) {
    return absl::InvalidArgumentError("total_size: is not the sum of the outputs");
  }
  return response;
}

absl::Status SendFrame(Connection& connection, const google::protobuf::MessageLite& message,
                       std::chrono::milliseconds timeout, std::span<const int> descriptors) {
  const size_t size = message.ByteSizeLong();
  if (size > kMaxFrameBytes) return absl::ResourceExhaustedError("too large for a frame");
  std::string bytes = FrameHead(static_cast<uint32_t>(size));
  bytes.reserve(bytes.size() + size);
  if (!message.AppendToString(&bytes)) return absl::InternalError("the message is incomplete");
  return connection.Send(bytes, timeout, descriptors);
}

absl::StatusOr<std::string> ReceiveFrame(Connection& connection,
                                         std::chrono::milliseconds timeout) {
  return ReceiveFrame(connection, kMaxFrameBytes, timeout);
}

}  // namespace hpcc
