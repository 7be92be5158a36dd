#include "daemon/shared_compile.h"

#include "base/logging.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/dependency_output.h"

namespace hpcc {

namespace {

absl::Status WrapperMust(std::string_view why) {
  return absl::FailedPreconditionError(std::string(why));
}

absl::Status AsStatus(const std::optional<NotCacheable>& refusal) {
  if (!refusal) return absl::OkStatus();
  return WrapperMust(NotCacheableReasonName(refusal->reason));
}

size_t OutputBytes(const ResultBundle& bundle) {
  size_t bytes = 0;
  for (const BundlePart& part : bundle.parts) bytes += part.data.size();
  return bytes;
}

// Whether a path in some word, perhaps behind a flag, means another file to each process.
bool NamesOwnFiles(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    for (size_t at = word.find('/'); at != std::string::npos; at = word.find('/', at + 1)) {
      if (path::IsPerProcess(std::string_view(word).substr(at))) return true;
    }
  }
  return false;
}

}  // namespace

SharedCompile::SharedCompile(DaemonState& state, CompileRequest command)
    : state_(state), command_(std::move(command)), subject_(state.fs, command_) {}

absl::Status SharedCompile::Prepare() {
  if (NamesOwnFiles(command_.compiler.arguments))
    return WrapperMust("a file of each process's own");
  absl::StatusOr<std::shared_ptr<CacheContext>> caches = state_.contexts.For(command_.environment);
  if (!caches.ok()) return caches.status();
  caches_ = *std::move(caches);
  HPCC_RETURN_IF_ERROR(AsStatus(subject_.Understand()));
  if (invocation().grammar != Grammar::kGnu || invocation().records_command_line) {
    return WrapperMust("not for the daemon");
  }
  if (const std::optional<NotCacheable> refusal = subject_.Identify(caches_->toolchains())) {
    return refusal->reason == NotCacheableReason::kCompilerUnknown
               ? absl::UnavailableError("the compiler is not known yet")
               : AsStatus(refusal);
  }
  if (subject_.toolchain().opaque) return WrapperMust("a compiler that must be asked every time");
  HPCC_RETURN_IF_ERROR(AsStatus(subject_.Prepare()));
  lease_key_ = Hasher("hpcc.lease-key.v1")
                   .Field(caches_->location())
                   .Field(subject_.unit().direct_key)
                   .Finish();
  return absl::OkStatus();
}

std::shared_ptr<HotUnit> SharedCompile::FindHot() {
  return state_.hot_units.Find(lease_key_);
}

bool SharedCompile::StillHits(HotUnit& hot) {
  if (!hot.StillHits(caches_->results(), unit())) {
    state_.hot_units.Forget(lease_key_);
    return false;
  }
  CountHit(hot);
  return true;
}

SharedCompile::Found SharedCompile::LookUp() {
  Found found;
  found.hit = FindHot();
  if (found.hit != nullptr && StillHits(*found.hit)) return found;
  found.hit = nullptr;
  found.lookup = caches_->results().LookUpDirect(unit());
  if (found.lookup.corrupt_entry) caches_->Count(Counter::kCorruptEntry);
  if (!found.lookup.hit) return found;
  const HotUnit::Holds holds = state_.hot_units.HasRoomFor(OutputBytes(*found.lookup.hit))
                                   ? HotUnit::Holds::kAll
                                   : HotUnit::Holds::kAllButOutputs;
  absl::StatusOr<std::shared_ptr<HotUnit>> made = HotUnit::Make(std::move(found.lookup), holds);
  found.lookup = Lookup();
  if (!made.ok()) {
    Log(LogLevel::kWarning, std::string(made.status().message()));
    return found;
  }
  found.hit = *std::move(made);
  state_.hot_units.Keep(lease_key_, found.hit);
  CountHit(*found.hit);
  return found;
}

void SharedCompile::CountHit(const HotUnit& hit) {
  caches_->Count(Counter::kDirectHit);
  caches_->Count(Counter::kBytesRead, hit.stored_bytes());
  caches_->Count(Counter::kTimeSavedNanoseconds, static_cast<uint64_t>(hit.compile_ns()));
}

absl::StatusOr<SharedCompile::Outcome> SharedCompile::Learn(
    const daemon_v1::Learn& learn, const std::vector<Descriptor>& outputs) {
  const Unit& unit = subject_.unit();
  Outcome outcome;
  CompileOutcome& compile = outcome.compile;
  compile.started_ns = learn.started_ns();
  compile.compile_ns = learn.compile_ns();
  outcome.place = {static_cast<CompilePlace::Kind>(learn.place()),
                   static_cast<uint8_t>(learn.fallback_cause()), learn.fallback_detail()};
  if (outputs.size() != invocation().outputs.size() ||
      learn.outputs_size() != static_cast<int>(outputs.size())) {
    return WrapperMust("other outputs than the command has");
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto role = static_cast<uint32_t>(invocation().outputs[i].role);
    if (learn.outputs(static_cast<int>(i)) != role) return WrapperMust("outputs in another order");
    HPCC_ASSIGN_OR_RETURN(std::string data, ReadDescriptor(outputs[i], kMaxOutputBytes));
    compile.parts.push_back({static_cast<uint8_t>(role), std::move(data)});
  }
  HPCC_ASSIGN_OR_RETURN(const ReadDependencies read,
                        ReadDependencyOutput(unit, learn.dependency_output()));
  compile.dependency_style = read.style;
  ListedFileSystem listed(state_.fs, state_.clock, state_.directories);
  outcome.closure =
      RecordClosure(listed, state_.clock, unit, read.files, learn.started_ns(), &state_.memo);
  const ClosureResult& closure = outcome.closure;
  if (closure.refusal || closure.needs_preprocessor || closure.names_date_or_time) {
    return WrapperMust("the compiler must be asked more");
  }
  compile.dependencies = DescribeDependencies(unit, read.files, closure);
  if (invocation().dependencies.kind != DependencyRequest::Kind::kNone) {
    outcome.dependency_file = MakeDependencyFile(invocation(), compile.dependency_style,
                                                 compile.dependencies, ProjectRoot());
    if (!outcome.dependency_file)
      return WrapperMust("a dependency file only the compiler can make");
  }
  if (!learn.standard_output().empty()) {
    compile.parts.push_back({kStdoutPart, learn.standard_output()});
  }
  if (!learn.standard_error().empty()) {
    compile.parts.push_back({kStderrPart, learn.standard_error()});
  }
  return outcome;
}

void SharedCompile::Keep(const Lookup& lookup, Outcome outcome) {
  caches_->Count(Counter::kMiss);
  const absl::StatusOr<ResultCache::Kept> kept = caches_->results().Commit(
      subject_.unit(), lookup, std::move(outcome.closure), outcome.compile);
  if (kept.ok()) {
    caches_->Count(Counter::kBytesWritten, kept->bytes);
  } else {
    caches_->Count(Counter::kStoreError);
    Log(LogLevel::kWarning, StrCat("not stored: ", std::string(kept.status().message())));
  }
  UnitRecord record = DescribeUnit(subject_.unit(), state_.clock.NowNanoseconds());
  record.reason = lookup.reason;
  record.result_key = kept.ok() ? kept->key : Digest();
  record.place = std::move(outcome.place);
  caches_->results().RememberUnit(record).IgnoreError();
}

}  // namespace hpcc
