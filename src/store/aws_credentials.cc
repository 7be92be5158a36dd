#include "store/aws_credentials.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/digest.h"
#include "base/status.h"
#include "base/strings.h"
#include "store/aws_credential_sources.h"

namespace hpcc {

namespace {

// AWS's own tools ask for new credentials that long before the old ones end.
constexpr int64_t kRefreshBeforeNs = 300LL * 1'000'000'000;
// Credentials that end sooner than this may end before a request has arrived.
constexpr int64_t kUnusableBeforeNs = 10LL * 1'000'000'000;
// What a request gives its source for new ones while those at hand are still good: it needs the
// rest of its time itself. A source that takes longer is given the time once they are not.
constexpr std::chrono::milliseconds kRefreshPatience{500};
// How long the answer of a source stands, when it gave nothing or what the server refused.
constexpr int64_t kAskAgainAfterNs = 10LL * 1'000'000'000;

class AwsCredentialChain final : public AwsCredentialProvider {
 public:
  AwsCredentialChain(const AwsCredentialOptions& options, const Environment& environment,
                     FileSystem& fs, Clock& clock)
      : options_(options),
        environment_(environment),
        fs_(fs),
        clock_(clock),
        link_({}, clock),
        network_({options.ca_file, NetworkSettingsOf(environment)}, clock) {}

  absl::StatusOr<AwsCredentials> Get(std::chrono::milliseconds patience) override;
  void Refused() override;
  std::string Source() override;

 private:
  // Under mutex_, each.
  bool GoodFor(int64_t duration_ns) const;
  absl::StatusOr<AwsCredentials> Answer() const;
  void Keep(SourceAnswer answer);

  // Without mutex_: walks the chain.
  SourceAnswer Ask(std::chrono::milliseconds patience);

  const AwsCredentialOptions options_;
  const Environment environment_;
  FileSystem& fs_;
  Clock& clock_;
  HttpTransfer link_;
  HttpTransfer network_;

  std::mutex mutex_;
  std::condition_variable asked_;
  bool asking_ = false;
  bool refused_ = false;
  int64_t last_asked_ns_ = 0;  // monotonic; 0: never
  std::optional<SourcedCredentials> current_;
  absl::Status failure_;  // of the last time, when it failed
  std::string source_ = "not asked yet";
};

bool AwsCredentialChain::GoodFor(int64_t duration_ns) const {
  if (!current_) return false;
  const int64_t expires_ns = current_->credentials.expires_ns;
  return expires_ns == 0 || expires_ns - clock_.NowNanoseconds() > duration_ns;
}

absl::StatusOr<AwsCredentials> AwsCredentialChain::Answer() const {
  if (GoodFor(0)) return current_->credentials;
  if (!failure_.ok()) return failure_;
  return absl::UnauthenticatedError(
      StrCat("AWS credentials: those of ", source_, " have expired, and it gives no others"));
}

absl::StatusOr<AwsCredentials> AwsCredentialChain::Get(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  if (GoodFor(kRefreshBeforeNs) && !refused_) return current_->credentials;
  const bool usable = GoodFor(kUnusableBeforeNs);
  const bool just_asked =
      last_asked_ns_ != 0 && clock_.MonotonicNanoseconds() - last_asked_ns_ < kAskAgainAfterNs;
  if (just_asked && !asking_) return Answer();
  if (asking_) {
    if (usable) return current_->credentials;
    if (!asked_.wait_for(lock, patience, [this] { return !asking_; })) {
      return absl::DeadlineExceededError("AWS credentials: their source takes too long");
    }
    return Answer();
  }
  asking_ = true;
  const bool refused = refused_;
  lock.unlock();
  SourceAnswer answer = Ask(usable && !refused ? std::min(patience, kRefreshPatience) : patience);
  lock.lock();
  Keep(std::move(answer));
  asking_ = false;
  asked_.notify_all();
  return Answer();
}

void AwsCredentialChain::Keep(SourceAnswer answer) {
  last_asked_ns_ = clock_.MonotonicNanoseconds();
  refused_ = false;
  failure_ = answer.status();
  if (!answer.ok()) return;
  if (!answer->has_value()) {
    if (!GoodFor(0)) source_ = "none found";
    failure_ = absl::UnauthenticatedError(
        "AWS credentials: none were found in the configuration, the environment, ~/.aws, or a "
        "container's or instance's metadata");
    return;
  }
  current_ = **std::move(answer);
  source_ = current_->source;
}

SourceAnswer AwsCredentialChain::Ask(std::chrono::milliseconds patience) {
  const int64_t deadline =
      clock_.MonotonicNanoseconds() + std::chrono::nanoseconds(patience).count();
  const SourceContext context{options_, environment_, fs_, clock_, link_, network_, deadline};
  for (const auto& source :
       {CredentialsOfConfiguration, CredentialsOfEnvironment, CredentialsOfProfile,
        CredentialsOfWebIdentity, CredentialsOfContainer, CredentialsOfInstance}) {
    SourceAnswer answer = source(context);
    if (!answer.ok() || answer->has_value()) return answer;
  }
  return std::nullopt;
}

void AwsCredentialChain::Refused() {
  const std::lock_guard lock(mutex_);
  if (current_ && current_->can_change) refused_ = true;
}

std::string AwsCredentialChain::Source() {
  const std::lock_guard lock(mutex_);
  return source_;
}

}  // namespace

std::unique_ptr<AwsCredentialProvider> MakeAwsCredentialProvider(
    const AwsCredentialOptions& options, const Environment& environment, FileSystem& fs,
    Clock& clock) {
  return std::make_unique<AwsCredentialChain>(options, environment, fs, clock);
}

std::string AwsCredentialFingerprint(const AwsCredentialOptions& options,
                                     const Environment& environment) {
  Hasher hasher("hpcc.aws-credential-environment.v1");
  hasher.Field(options.access_key).Field(options.secret_key).Field(options.region);
  hasher.Field(options.ca_file).Field(options.sts_endpoint);
  hasher.Field(environment.GetOrEmpty("HOME"));
  // All of them: a variable too many costs a second provider, one too few another's credentials.
  for (const auto& [name, value] : environment.variables()) {
    if (name.starts_with("AWS_")) hasher.Field(name).Field(value);
  }
  return hasher.Finish().ToHex();
}

}  // namespace hpcc
