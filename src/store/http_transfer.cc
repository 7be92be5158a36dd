#include "store/http_transfer.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <random>

#include "base/strings.h"
#include "store/http_url.h"

namespace hpcc {

namespace {

constexpr uint64_t kMaxErrorBody = 64 << 10;
constexpr size_t kMaxHeaderBytes = 64 << 10;
// More of the body than this is not believed to come before it has.
constexpr uint64_t kMostReserved = 16 << 20;
constexpr size_t kMaxIdleHandles = 32;
constexpr long kStallBytesPerSecond = 1 << 10;
constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{1000};

struct HandleDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct Handle {
  std::unique_ptr<CURL, HandleDeleter> curl;
  // Of its newest connection, which is the one it will use; perhaps closed since.
  curl_socket_t socket = CURL_SOCKET_BAD;
};

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// What libcurl's callbacks fill.
struct Receiver {
  explicit Receiver(const HttpRequest& request)
      : max_body(request.max_body), take_body(request.take_body) {}

  HttpResponse response;
  const uint64_t max_body;
  const std::function<bool(const HttpResponse&, std::string_view)>& take_body;  // may be empty
  uint64_t taken = 0;    // bytes that take_body got
  bool refused = false;  // by take_body
  size_t header_bytes = 0;
  bool too_large = false;
  curl_socket_t socket = CURL_SOCKET_BAD;  // of the handle's newest connection
};

bool IsSuccess(int status) {
  return status >= 200 && status < 300;
}

// Servers that write headers and body apart, with Nagle's algorithm on, hold the body back until
// the headers are acknowledged, which takes the kernel 40 ms to decide: it is told to do so now.
void Acknowledge(curl_socket_t socket) {
  const int on = 1;
  if (socket != CURL_SOCKET_BAD) setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

int TakeSocket(void* user, curl_socket_t socket, curlsocktype) {
  static_cast<Receiver*>(user)->socket = socket;
  return CURL_SOCKOPT_OK;
}

size_t TakeHeader(char* data, size_t, size_t size, void* user) {
  Receiver& receiver = *static_cast<Receiver*>(user);
  const std::string_view line = StripBlanks({data, size});
  receiver.header_bytes += size;
  if (receiver.header_bytes > kMaxHeaderBytes) return 0;
  if (line.empty()) Acknowledge(receiver.socket);
  if (line.starts_with("HTTP/")) {
    // A new answer, after a 100 or a proxy's. libcurl has checked the form.
    const size_t space = line.find(' ');
    receiver.response = {};
    receiver.response.status =
        space == std::string_view::npos ? 0 : std::atoi(std::string(line.substr(space)).c_str());
    return size;
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    receiver.response.headers.emplace_back(AsciiLower(line.substr(0, colon)),
                                           StripBlanks(line.substr(colon + 1)));
  }
  return size;
}

size_t TakeBody(char* data, size_t, size_t size, void* user) {
  Receiver& receiver = *static_cast<Receiver*>(user);
  std::string& body = receiver.response.body;
  if (!IsSuccess(receiver.response.status)) {
    body.append(data, std::min<size_t>(size, kMaxErrorBody - body.size()));
    return size;
  }
  if (size > receiver.max_body - receiver.taken - body.size()) {
    receiver.too_large = true;
    return 0;
  }
  if (receiver.take_body) {
    receiver.taken += size;
    receiver.refused = !receiver.take_body(receiver.response, {data, size});
    return receiver.refused ? 0 : size;
  }
  if (body.empty()) {
    const std::string length(receiver.response.Header("content-length"));
    const uint64_t announced = std::strtoull(length.c_str(), nullptr, 10);
    receiver.too_large = announced > receiver.max_body;
    if (receiver.too_large) return 0;
    body.reserve(std::min({announced, receiver.max_body, kMostReserved}));
  }
  body.append(data, size);
  return size;
}

absl::Status TransferError(CURLcode code, const HttpRequest& request, const Receiver& receiver,
                           const std::string& ca_file) {
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl(request.url);
  const std::string host = url.ok() ? url->Origin() : "the address";
  if (receiver.too_large) {
    return absl::ResourceExhaustedError(
        StrCat(host, ": the answer is larger than ", receiver.max_body, " bytes"));
  }
  if (receiver.refused) return absl::CancelledError(StrCat(host, ": the transfer was ended"));
  // Only libcurl's fixed wording: its detailed messages may quote what the server sent.
  const std::string_view reason = curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(StrCat(host, ": no answer within the time allowed"));
    case CURLE_PARTIAL_FILE:
      return absl::DataLossError(StrCat(host, ": the answer was cut short"));
    case CURLE_PEER_FAILED_VERIFICATION:
      return absl::UnauthenticatedError(StrCat(
          host, ": its TLS certificate is not trusted; for a private authority, set ca_file"));
    case CURLE_SSL_CACERT_BADFILE:
      return absl::FailedPreconditionError(
          StrCat("ca_file: ", ca_file.empty() ? "the system's" : ca_file,
                 " can't be read or holds no certificate in PEM"));
    case CURLE_URL_MALFORMAT:
      return absl::InvalidArgumentError(StrCat(host, ": not an address"));
    case CURLE_COULDNT_RESOLVE_HOST:
      return absl::UnavailableError(StrCat(host, ": the name can't be resolved"));
    case CURLE_COULDNT_CONNECT:
      return absl::UnavailableError(StrCat(host, ": nobody accepts connections there"));
    case CURLE_WRITE_ERROR:
      return absl::DataLossError(StrCat(host, ": its answer has too many headers"));
    default:
      return absl::UnavailableError(StrCat(host, ": ", reason));
  }
}

bool ConnectionBroke(CURLcode code) {
  return code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING;
}

bool ServerSaysLater(int status) {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

// Full jitter: anything between nothing and the pause, so that clients that failed together don't
// come back together.
std::chrono::milliseconds Jittered(std::chrono::milliseconds pause) {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::chrono::milliseconds(
      std::uniform_int_distribution<int64_t>(pause.count() / 4, pause.count())(generator));
}

}  // namespace

struct HttpTransfer::State {
  HttpTransferOptions options;
  Clock& clock;
  std::mutex mutex;
  std::vector<Handle> idle;  // the last to be put back is the first to be taken: it is warm
  // Names and TLS sessions are known to all handles; connections stay with the one that made them.
  CURLSH* share = nullptr;
  std::array<std::mutex, CURL_LOCK_DATA_LAST> share_mutexes;

  static void Lock(CURL*, curl_lock_data data, curl_lock_access, void* user) {
    static_cast<State*>(user)->share_mutexes[data].lock();
  }
  static void Unlock(CURL*, curl_lock_data data, void* user) {
    static_cast<State*>(user)->share_mutexes[data].unlock();
  }

  Handle Take() {
    {
      const std::lock_guard lock(mutex);
      if (!idle.empty()) {
        Handle handle = std::move(idle.back());
        idle.pop_back();
        return handle;
      }
    }
    return Handle{std::unique_ptr<CURL, HandleDeleter>(curl_easy_init())};
  }

  void GiveBack(Handle handle) {
    const std::lock_guard lock(mutex);
    if (idle.size() < kMaxIdleHandles) idle.push_back(std::move(handle));
  }

  void SetUp(CURL* handle) const;
  void SetAuthorities(CURL* handle) const;
  void SetProxy(CURL* handle, std::string_view url) const;
  CURLcode PerformOnce(const HttpRequest& request, std::chrono::milliseconds bound,
                       Receiver* receiver);
};

void HttpTransfer::State::SetUp(CURL* handle) const {
  curl_easy_reset(handle);  // keeps its connections
  curl_easy_setopt(handle, CURLOPT_SHARE, share);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  // Else a name server that doesn't answer is waited for after the bound.
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(handle, CURLOPT_MAXCONNECTS, 1L);
  curl_easy_setopt(handle, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 128L << 10);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "hpcc/" HPCC_VERSION);
  SetAuthorities(handle);
}

void HttpTransfer::State::SetAuthorities(CURL* handle) const {
  if (!options.ca_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, options.ca_file.c_str());
    curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
    return;
  }
  const NetworkSettings& network = options.network;
  if (!network.certificate_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, network.certificate_file.c_str());
  }
  if (!network.certificate_directory.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAPATH, network.certificate_directory.c_str());
  }
}

// Empty ones too: else libcurl looks into the environment of this process.
void HttpTransfer::State::SetProxy(CURL* handle, std::string_view url) const {
  const NetworkSettings& network = options.network;
  const bool encrypted = url.starts_with("https:");
  const std::string& proxy = encrypted ? network.https_proxy : network.http_proxy;
  curl_easy_setopt(handle, CURLOPT_PROXY, proxy.c_str());
  curl_easy_setopt(handle, CURLOPT_NOPROXY, network.no_proxy.c_str());
}

namespace {

void SetMethod(CURL* handle, const HttpRequest& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request.method == "PUT" || request.method == "POST") {
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
  }
  curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

std::unique_ptr<curl_slist, ListDeleter> HeaderList(const HttpRequest& request) {
  curl_slist* list = nullptr;
  // No asking whether a body may come. Signed, this would be a header that the server never sees.
  if (!request.signing) list = curl_slist_append(list, "Expect:");
  for (const std::string& header : request.headers) {
    list = curl_slist_append(list, header.c_str());
  }
  if (request.signing && !request.signing->session_token.empty()) {
    list = curl_slist_append(
        list, StrCat("x-amz-security-token: ", request.signing->session_token).c_str());
  }
  return std::unique_ptr<curl_slist, ListDeleter>(list);
}

void SetAuthentication(CURL* handle, const HttpRequest& request) {
  if (request.signing) {
    const RequestSigning& signing = *request.signing;
    curl_easy_setopt(handle, CURLOPT_AWS_SIGV4,
                     StrCat("aws:amz:", signing.region, ":", signing.service).c_str());
    curl_easy_setopt(handle, CURLOPT_USERNAME, signing.access_key.c_str());
    curl_easy_setopt(handle, CURLOPT_PASSWORD, signing.secret_key.c_str());
  } else if (!request.user.empty()) {
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    curl_easy_setopt(handle, CURLOPT_USERNAME, request.user.c_str());
    curl_easy_setopt(handle, CURLOPT_PASSWORD, request.password.c_str());
  }
}

}  // namespace

CURLcode HttpTransfer::State::PerformOnce(const HttpRequest& request,
                                          std::chrono::milliseconds bound, Receiver* receiver) {
  Handle handle = Take();
  CURL* curl = handle.curl.get();
  if (curl == nullptr) return CURLE_OUT_OF_MEMORY;
  receiver->socket = handle.socket;
  SetUp(curl);
  SetMethod(curl, request);
  SetAuthentication(curl, request);
  const auto headers = HeaderList(request);
  SetProxy(curl, request.url);
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(bound.count()));
  if (request.stall.count() > 0) {
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall.count()));
  }
  curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, TakeSocket);
  curl_easy_setopt(curl, CURLOPT_SOCKOPTDATA, receiver);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, receiver);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiver);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_reset(curl);  // secrets don't stay in an idle handle
  handle.socket = receiver->socket;
  GiveBack(std::move(handle));
  return code;
}

HttpTransfer::HttpTransfer(const HttpTransferOptions& options, Clock& clock)
    : state_(new State{options, clock}) {
  static std::once_flag initialized;
  std::call_once(initialized, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  state_->share = curl_share_init();
  curl_share_setopt(state_->share, CURLSHOPT_LOCKFUNC, State::Lock);
  curl_share_setopt(state_->share, CURLSHOPT_UNLOCKFUNC, State::Unlock);
  curl_share_setopt(state_->share, CURLSHOPT_USERDATA, state_.get());
  curl_share_setopt(state_->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  curl_share_setopt(state_->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

HttpTransfer::~HttpTransfer() {
  state_->idle.clear();
  curl_share_cleanup(state_->share);
}

absl::StatusOr<HttpResponse> HttpTransfer::Perform(const HttpRequest& request) {
  const int64_t deadline =
      state_->clock.MonotonicNanoseconds() + std::chrono::nanoseconds(request.bound).count();
  std::chrono::milliseconds pause = kFirstPause;
  const int attempts = request.take_body ? 1 : request.attempts;
  for (int attempt = 1;; ++attempt) {
    const std::chrono::milliseconds left((deadline - state_->clock.MonotonicNanoseconds()) /
                                         1'000'000);
    Receiver receiver(request);
    const CURLcode code =
        state_->PerformOnce(request, std::max(left, std::chrono::milliseconds(1)), &receiver);
    const bool worth_another =
        code == CURLE_OK ? ServerSaysLater(receiver.response.status) : ConnectionBroke(code);
    const std::chrono::milliseconds rest = Jittered(pause);
    const int64_t after_rest =
        state_->clock.MonotonicNanoseconds() + std::chrono::nanoseconds(rest).count();
    if (!worth_another || attempt >= attempts || after_rest >= deadline) {
      if (code == CURLE_OK) return std::move(receiver.response);
      return TransferError(code, request, receiver, state_->options.ca_file);
    }
    state_->clock.Sleep(rest);
    pause = std::min(pause * 2, kLongestPause);
  }
}

std::string_view HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

absl::Status HttpError(const HttpResponse& response, std::string_view what) {
  const int status = response.status;
  if (status >= 300 && status < 400) {
    return absl::FailedPreconditionError(
        StrCat(what, ": redirected to ", PrintableUrl(response.Header("location")),
               ", which is not followed; configure that address if it is right"));
  }
  const std::string message = StrCat(what, ": the server answered ", status);
  switch (status) {
    case 401:
      return absl::UnauthenticatedError(StrCat(message, ": user, password or token are wrong"));
    case 407:
      return absl::UnauthenticatedError(StrCat(message, ": the proxy wants a user and password"));
    case 403:
      return absl::PermissionDeniedError(StrCat(message, ": this user may not do that"));
    case 404:
    case 410:
      return absl::NotFoundError(message);
    case 413:
      return absl::ResourceExhaustedError(StrCat(message, ": larger than it accepts"));
    case 405:
    case 501:
      return absl::UnimplementedError(message);
    default:
      break;
  }
  if (status == 429 || status >= 500) return absl::UnavailableError(message);
  return absl::FailedPreconditionError(message);
}

std::optional<int64_t> ParseHttpDate(std::string_view text) {
  const time_t seconds = curl_getdate(std::string(text).c_str(), nullptr);
  if (text.empty() || seconds < 0) return std::nullopt;
  return seconds;
}

}  // namespace hpcc
