#include "daemon/hot_units.h"

#include <utility>

#include "base/shared_bytes.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/dependency_output.h"

namespace hpcc {

namespace {

// What was used within this time may be part of a build that goes on.
constexpr int64_t kInUseNanoseconds = 60'000'000'000;
constexpr size_t kUnitOverhead = 4096;
constexpr size_t kMaxRequests = 20'000;  // of which a guess is remembered
constexpr size_t kFileOverhead = 300;    // of a recorded file or a dependency, with its path
constexpr size_t kPlansOverhead = 300;   // of a recorded file in the plans of where it is

size_t MemoryOf(const DirectRecord& record, const ResultBundle& bundle, size_t outputs) {
  size_t names = 0;
  for (const RecordedDirectory& directory : record.directories) names += directory.packed.size();
  return kUnitOverhead + outputs + names +
         kFileOverhead * (record.files.size() + bundle.dependencies.size()) +
         kPlansOverhead * record.files.size();
}

// Everything the text of a dependency file follows from besides the result.
std::string DependencyKey(const Unit& unit) {
  const DependencyRequest& request = unit.request.invocation->dependencies;
  std::string key = StrCat(static_cast<int>(request.kind), request.phony_targets ? "p" : "-",
                           unit.root.directory(), "\n", request.default_target, "\n");
  for (const DependencyRequest::Target& target : request.targets) {
    StrAppend(&key, target.quote ? "q" : "-", target.text, "\n");
  }
  return key;
}

}  // namespace

absl::StatusOr<std::shared_ptr<HotUnit>> HotUnit::Make(Lookup lookup, Holds holds) {
  auto unit = std::make_shared<HotUnit>();
  unit->bundle_ = *std::move(lookup.hit);
  unit->record_ = std::move(lookup.entry.records[lookup.hit_record]);
  unit->stored_bytes_ = lookup.bytes;
  std::string outputs;
  for (BundlePart& part : unit->bundle_.parts) {
    if (part.kind == kStdoutPart) unit->answer_.set_standard_output(part.data);
    if (part.kind == kStderrPart) unit->answer_.set_standard_error(part.data);
    if (part.kind == kStdoutPart || part.kind == kStderrPart) continue;
    const std::string data = std::exchange(part.data, {});
    if (holds == Holds::kAllButOutputs) continue;
    daemon_v1::Hit::Output& output = *unit->answer_.add_outputs();
    output.set_role(part.kind);
    output.set_size(data.size());
    outputs += data;
  }
  if (holds == Holds::kAllButOutputs) {
    unit->answer_.set_stored_result(std::string(unit->record_.result_key.bytes()));
  }
  unit->answer_.set_total_size(outputs.size());
  unit->memory_ = MemoryOf(unit->record_, unit->bundle_, outputs.size());
  if (outputs.size() <= kMaxSmallOutputs) {
    unit->answer_.set_small_outputs(std::move(outputs));
  } else {
    HPCC_ASSIGN_OR_RETURN(unit->outputs_, ShareBytes(outputs));
  }
  return unit;
}

std::optional<daemon_v1::Hit> HotUnit::AnswerFor(const Unit& unit) {
  daemon_v1::Hit answer = answer_;
  if (unit.request.invocation->dependencies.kind == DependencyRequest::Kind::kNone) return answer;
  std::optional<std::string> text = DependencyFile(unit);
  if (!text) return std::nullopt;
  answer.set_has_dependency_file(true);
  answer.set_dependency_file(*std::move(text));
  return answer;
}

bool HotUnit::StillHits(ResultCache& cache, const Unit& unit) {
  if (!MissingPart(*unit.request.invocation, bundle_).empty()) return false;
  const std::lock_guard lock(mutex_);
  const bool hits = cache.StillHits(unit, &record_, &plan_);
  if (plan_ && (files_ == nullptr || files_cwd_ != plan_->cwd || files_root_ != plan_->root)) {
    files_ = std::make_shared<const StatPlan>(plan_->places);
    files_cwd_ = plan_->cwd;
    files_root_ = plan_->root;
  }
  return hits;
}

std::shared_ptr<const StatPlan> HotUnit::Files() const {
  const std::lock_guard lock(mutex_);
  return files_;
}

std::optional<std::string> HotUnit::DependencyFile(const Unit& unit) {
  std::string key = DependencyKey(unit);
  const std::lock_guard lock(mutex_);
  if (key != dependency_key_) {
    std::optional<std::string> text = MakeDependencyFile(
        *unit.request.invocation, bundle_.dependency_style, bundle_.dependencies, unit.root);
    if (!text) return std::nullopt;
    dependency_key_ = std::move(key);
    dependency_text_ = *std::move(text);
  }
  return dependency_text_;
}

std::shared_ptr<HotUnit> HotUnits::Find(const Digest& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  found->second->used_ns = clock_.MonotonicNanoseconds();
  units_.splice(units_.begin(), units_, found->second);
  return found->second->unit;
}

std::shared_ptr<HotUnit> HotUnits::Guess(const Digest& request) {
  const std::lock_guard lock(mutex_);
  const auto key = key_of_request_.find(request);
  if (key == key_of_request_.end()) return nullptr;
  const auto found = by_key_.find(key->second);
  return found == by_key_.end() ? nullptr : found->second->unit;
}

void HotUnits::NoteRequest(const Digest& request, const Digest& key) {
  const std::lock_guard lock(mutex_);
  if (key_of_request_.size() >= kMaxRequests) key_of_request_.clear();
  key_of_request_[request] = key;
}

bool HotUnits::HasRoomFor(size_t bytes) {
  const std::lock_guard lock(mutex_);
  const int64_t now = clock_.MonotonicNanoseconds();
  while (!units_.empty() && (bytes_ + bytes > max_bytes_ || units_.size() >= max_units_)) {
    if (now - units_.back().used_ns < kInUseNanoseconds) return false;
    Drop(std::prev(units_.end()));
  }
  return bytes <= max_bytes_;
}

void HotUnits::Keep(const Digest& key, std::shared_ptr<HotUnit> unit) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) Drop(found->second);
  bytes_ += unit->memory();
  units_.push_front({key, std::move(unit), clock_.MonotonicNanoseconds()});
  by_key_[key] = units_.begin();
  while (bytes_ > max_bytes_ || units_.size() > max_units_) Drop(std::prev(units_.end()));
}

void HotUnits::Forget(const Digest& key) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) Drop(found->second);
}

void HotUnits::DropAll() {
  const std::lock_guard lock(mutex_);
  while (!units_.empty()) Drop(units_.begin());
  key_of_request_.clear();
}

uint64_t HotUnits::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void HotUnits::Drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->unit->memory();
  by_key_.erase(entry->key);
  units_.erase(entry);
}

}  // namespace hpcc
