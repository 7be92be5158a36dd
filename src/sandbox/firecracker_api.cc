#include "sandbox/firecracker_api.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using Json = nlohmann::json;

constexpr size_t kFaultBytes = 512;

struct HandleDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Answer {
  std::string body;
  size_t header_bytes = 0;
  bool too_long = false;
};

size_t TakeBody(char* data, size_t, size_t size, void* user) {
  Answer& answer = *static_cast<Answer*>(user);
  answer.too_long = size > kFirecrackerAnswerBytes - answer.body.size();
  if (answer.too_long) return 0;
  answer.body.append(data, size);
  return size;
}

size_t CountHeader(char*, size_t, size_t size, void* user) {
  Answer& answer = *static_cast<Answer*>(user);
  answer.header_bytes += size;
  answer.too_long = answer.header_bytes > kFirecrackerAnswerBytes;
  return answer.too_long ? 0 : size;
}

// The text member `name` of a JSON object; "" when there is none.
std::string TextMember(const std::string& body, const char* name) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return "";
  const auto member = json.find(name);
  return member != json.end() && member->is_string() ? member->get<std::string>() : "";
}

std::string OneLine(std::string text) {
  if (text.size() > kFaultBytes) text.resize(kFaultBytes);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return text;
}

absl::Status TransferError(CURLcode code, const std::string& what, bool too_long) {
  if (too_long) {
    return absl::ResourceExhaustedError(
        StrCat(what, ": the answer is longer than ", kFirecrackerAnswerBytes, " bytes"));
  }
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(StrCat(what, ": no answer within the time allowed"));
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:  // what libcurl says of a path that is too long
      return absl::UnavailableError(StrCat(what, ": nobody listens on the API socket"));
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return absl::UnavailableError(StrCat(what, ": the VMM hung up"));
    default:
      return absl::InternalError(StrCat(what, ": ", curl_easy_strerror(code)));
  }
}

absl::Status Refusal(long status, const std::string& body, const std::string& what) {
  std::string fault = OneLine(TextMember(body, "fault_message"));
  if (fault.empty()) fault = StrCat("HTTP status ", status, " without a reason");
  const std::string message = StrCat(what, ": ", fault);
  const bool refused = status >= 400 && status < 500;
  return refused ? absl::FailedPreconditionError(message) : absl::InternalError(message);
}

}  // namespace

absl::StatusOr<std::string> FirecrackerApi::Perform(const FirecrackerRequest& request,
                                                    std::chrono::milliseconds bound) const {
  static std::once_flag initialized;
  std::call_once(initialized, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::string what = StrCat("firecracker: ", request.method, " ", request.path);
  if (bound.count() <= 0) return TransferError(CURLE_OPERATION_TIMEDOUT, what, false);

  const std::unique_ptr<CURL, HandleDeleter> handle(curl_easy_init());
  if (handle == nullptr) return absl::ResourceExhaustedError("firecracker: no memory for libcurl");
  CURL* curl = handle.get();
  Answer answer;
  curl_slist* list = curl_slist_append(nullptr, "Accept: application/json");
  list = curl_slist_append(list, "Content-Type: application/json");
  list = curl_slist_append(list, "Expect:");
  const std::unique_ptr<curl_slist, ListDeleter> headers(list);

  curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, StrCat("http://localhost", request.path).c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // whatever the environment says
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (request.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(bound.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, CountHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);

  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return TransferError(code, what, answer.too_long);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status >= 300) return Refusal(status, answer.body, what);
  return std::move(answer.body);
}

absl::StatusOr<std::string> FirecrackerApi::Version(std::chrono::milliseconds bound) const {
  HPCC_ASSIGN_OR_RETURN(const std::string body, Perform(AskFirecrackerVersion(), bound));
  std::string version = OneLine(TextMember(body, "firecracker_version"));
  if (version.empty()) {
    return absl::InternalError("firecracker: GET /version: the answer names no version");
  }
  return version;
}

}  // namespace hpcc
