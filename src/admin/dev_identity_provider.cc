#include "admin/dev_identity_provider.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"
#include "store/percent_encoding.h"

namespace hpcc {

namespace {

constexpr unsigned kMaxConnections = 64;
constexpr unsigned kIdleSeconds = 10;
constexpr size_t kPostBufferBytes = 4096;
constexpr size_t kMaxFields = 32;

// One request while its body comes in.
class FormReader {
 public:
  explicit FormReader(MHD_Connection* connection)
      : processor_(
            MHD_create_post_processor(connection, kPostBufferBytes, &FormReader::OnPiece, this)) {}
  ~FormReader() {
    if (processor_ != nullptr) MHD_destroy_post_processor(processor_);
  }

  void Take(const char* data, size_t size) {
    bytes_ += size;
    good_ = good_ && bytes_ <= kMaxTokenFormBytes && processor_ != nullptr &&
            MHD_post_process(processor_, data, size) == MHD_YES;
  }
  // Nothing when the body was no form, too long, or had a name twice.
  std::optional<TokenForm> Finish() {
    if (processor_ == nullptr || !good_) return std::nullopt;
    const bool ended = MHD_destroy_post_processor(processor_) == MHD_YES;
    processor_ = nullptr;
    if (!ended || !good_) return std::nullopt;
    return form_;
  }

 private:
  static MHD_Result OnPiece(void* self, MHD_ValueKind, const char* name, const char*, const char*,
                            const char*, const char* data, uint64_t offset, size_t size) {
    auto* reader = static_cast<FormReader*>(self);
    const auto found = reader->form_.find(std::string_view(name));
    const bool again = found != reader->form_.end() && offset == 0;
    if (again || reader->form_.size() >= kMaxFields) {
      reader->good_ = false;
      return MHD_NO;
    }
    reader->form_[name].append(data == nullptr ? "" : data, data == nullptr ? 0 : size);
    return MHD_YES;
  }

  MHD_PostProcessor* processor_;
  TokenForm form_;
  size_t bytes_ = 0;
  bool good_ = true;
};

MHD_Result Send(MHD_Connection* connection, const TokenAnswer& answer) {
  // The library takes a pointer it could write to, and with this mode doesn't.
  MHD_Response* response = MHD_create_response_from_buffer(
      answer.json.size(), const_cast<char*>(answer.json.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
  MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  const MHD_Result queued =
      MHD_queue_response(connection, static_cast<unsigned>(answer.http_status), response);
  MHD_destroy_response(response);
  return queued;
}

struct MhdFree {
  void operator()(char* text) const { MHD_free(text); }
};
using MhdText = std::unique_ptr<char, MhdFree>;

// A client may say who it is in the header instead of the form (RFC 6749, section 2.3.1), each half
// encoded as in a form. False: what it says there is malformed, or it says it in both places.
bool AddClientOfHeader(MHD_Connection* connection, TokenForm* form) {
  char* secret_text = nullptr;
  const MhdText client(MHD_basic_auth_get_username_password(connection, &secret_text));
  const MhdText secret(secret_text);
  if (client == nullptr) return true;
  const auto decoded = [](const char* text) {
    std::string encoded = text == nullptr ? "" : text;
    std::replace(encoded.begin(), encoded.end(), '+', ' ');
    return PercentDecode(encoded);
  };
  const std::optional<std::string> client_id = decoded(client.get());
  const std::optional<std::string> client_secret = decoded(secret.get());
  if (!client_id || !client_secret || form->contains("client_secret")) return false;
  const auto [said, is_new] = form->try_emplace("client_id", *client_id);
  if (!is_new && said->second != *client_id) return false;
  (*form)["client_secret"] = *client_secret;
  return true;
}

TokenAnswer Get(const DevTokenDesk& desk, std::string_view path) {
  if (path == "/.well-known/openid-configuration") return {200, desk.Discovery()};
  if (path == "/jwks") return {200, desk.Jwks()};
  return {404, R"({"error":"not_found"})"};
}

MHD_Result OnRequest(void* desk_pointer, MHD_Connection* connection, const char* path,
                     const char* method, const char*, const char* data, size_t* size,
                     void** per_request) {
  auto* desk = static_cast<DevTokenDesk*>(desk_pointer);
  const std::string_view verb = method;
  if (verb == "GET") return Send(connection, Get(*desk, path));
  if (verb != "POST" || std::string_view(path) != "/token") {
    return Send(connection, {405, R"({"error":"invalid_request"})"});
  }
  auto* reader = static_cast<FormReader*>(*per_request);
  if (reader == nullptr) {
    *per_request = new FormReader(connection);
    return MHD_YES;
  }
  if (*size != 0) {
    reader->Take(data, *size);
    *size = 0;
    return MHD_YES;
  }
  std::optional<TokenForm> form = reader->Finish();
  if (!form || !AddClientOfHeader(connection, &*form)) {
    return Send(connection, {400, R"({"error":"invalid_request"})"});
  }
  return Send(connection, desk->Answer(*form));
}

void OnCompleted(void*, MHD_Connection*, void** per_request, MHD_RequestTerminationCode) {
  delete static_cast<FormReader*>(*per_request);
  *per_request = nullptr;
}

}  // namespace

struct DevIdentityProvider::State {
  ~State() {
    if (daemon != nullptr) MHD_stop_daemon(daemon);
  }

  std::string issuer;
  std::unique_ptr<DevTokenDesk> desk;
  MHD_Daemon* daemon = nullptr;  // uses `desk`
};

namespace {

// A listening socket on loopback comes first: the issuer's address has the port in it.
absl::StatusOr<Descriptor> BindLoopback(uint16_t port, uint16_t* bound) {
  Descriptor socket_descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_descriptor.valid()) return ErrnoStatus(errno, "make", "a socket");
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(socket_descriptor.get(), generic, length) != 0 ||
      listen(socket_descriptor.get(), SOMAXCONN) != 0 ||
      getsockname(socket_descriptor.get(), generic, &length) != 0) {
    return absl::UnavailableError(StrCat("can't listen on port ", port, " of 127.0.0.1"));
  }
  *bound = ntohs(address.sin_port);
  return socket_descriptor;
}

}  // namespace

DevIdentityProvider::DevIdentityProvider(std::unique_ptr<State> state) : state_(std::move(state)) {}
DevIdentityProvider::~DevIdentityProvider() = default;

const std::string& DevIdentityProvider::issuer() const {
  return state_->issuer;
}

absl::StatusOr<std::unique_ptr<DevIdentityProvider>> DevIdentityProvider::Start(
    const DevAccounts& accounts, uint16_t port, Clock& clock) {
  uint16_t bound = 0;
  HPCC_ASSIGN_OR_RETURN(Descriptor socket_descriptor, BindLoopback(port, &bound));
  HPCC_ASSIGN_OR_RETURN(SigningKey key, SigningKey::Generate());
  auto state = std::make_unique<State>();
  state->issuer = StrCat("http://127.0.0.1:", bound);
  state->desk = std::make_unique<DevTokenDesk>(accounts, state->issuer, std::move(key), clock);
  state->daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, nullptr, nullptr, &OnRequest,
      state->desk.get(), MHD_OPTION_LISTEN_SOCKET, socket_descriptor.get(),
      MHD_OPTION_CONNECTION_LIMIT, kMaxConnections, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,
      MHD_OPTION_NOTIFY_COMPLETED, &OnCompleted, nullptr, MHD_OPTION_END);
  if (state->daemon == nullptr) {
    return absl::UnavailableError("the identity provider's HTTP server could not start");
  }
  socket_descriptor.Release();  // the server closes it
  return std::unique_ptr<DevIdentityProvider>(new DevIdentityProvider(std::move(state)));
}

}  // namespace hpcc
