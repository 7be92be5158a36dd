#include <array>

#include "absl/container/flat_hash_set.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "cache/direct_entry.h"
#include "cache/result_bundle.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/tier_access.h"
#include "store/verified_store.h"

namespace hpcc {

namespace {

constexpr OptionSpec kRemove = {"--remove", "", "with check: remove what is damaged"};
constexpr std::array kOptions = {kJsonOption, kRemove};

// One failure is no reason to stop; caches that fail this often in a row are not asked for the
// rest.
constexpr int kMostFailuresInARow = 3;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

std::string NameOf(const StoreKey& key) {
  return StrCat(StoreNamespaceName(key.ns), "/", key.digest.ToHex());
}

// What is wrong with a value as it is kept: its seal, or what the seal holds.
absl::Status Verify(const StoreKey& key, std::string_view sealed) {
  HPCC_ASSIGN_OR_RETURN(const std::string_view payload, OpenSealedValue(key, sealed));
  if (key.ns == StoreNamespace::kResult) return DecodeBundle(payload).status();
  if (key.ns == StoreNamespace::kDirect) return DecodeDirectEntry(payload).status();
  return absl::OkStatus();
}

struct CheckReport {
  uint64_t values = 0;
  uint64_t bytes = 0;
  std::vector<std::pair<StoreKey, std::string>> damaged;
  uint64_t removed = 0;
  absl::Status failure;  // of the walk itself
};

absl::StatusOr<std::vector<StoreKey>> AllKeys(TierAccess& access) {
  std::vector<StoreKey> keys;
  for (const StoreNamespace ns : access.Namespaces()) {
    HPCC_ASSIGN_OR_RETURN(const std::vector<StoreKey> some, access.List(ns));
    keys.insert(keys.end(), some.begin(), some.end());
  }
  return keys;
}

CheckReport CheckTier(const CommandContext& context, const CacheTier& tier, bool remove) {
  CheckReport report;
  const std::unique_ptr<TierAccess> access = TierAccess::Open(context, tier);
  const absl::StatusOr<std::vector<StoreKey>> keys = AllKeys(*access);
  if (!keys.ok()) {
    report.failure = keys.status();
    return report;
  }
  Progress progress(context, StrCat("Checking ", Printable(tier.Name())));
  int failures = 0;
  for (size_t i = 0; i < keys->size() && failures < kMostFailuresInARow; ++i) {
    progress.Show(i, keys->size());
    const StoreKey& key = (*keys)[i];
    const absl::StatusOr<std::string> sealed = access->Get(key);
    if (absl::IsNotFound(sealed.status())) continue;  // evicted meanwhile
    const absl::Status verified = sealed.ok() ? Verify(key, *sealed) : sealed.status();
    if (!sealed.ok() && !absl::IsDataLoss(verified)) {
      report.failure = verified;
      ++failures;
      continue;
    }
    failures = 0;
    ++report.values;
    if (sealed.ok()) report.bytes += sealed->size();
    if (verified.ok()) continue;
    report.damaged.emplace_back(key, Message(verified));
    if (remove && !tier.read_only && access->Remove(key).ok()) ++report.removed;
  }
  return report;
}

std::string ToText(const CacheTier& tier, const CheckReport& report) {
  std::string text;
  for (const auto& [key, what] : report.damaged) {
    StrAppend(&text, Printable(tier.Name()), ": ", NameOf(key), ": ", Printable(what), "\n");
  }
  StrAppend(&text, Printable(tier.Name()), ": checked ", Counted(report.values, "value", "values"),
            " (", FormatBytes(report.bytes), "), ", report.damaged.size(), " damaged");
  if (report.removed != 0) StrAppend(&text, ", ", report.removed, " removed");
  return StrCat(text, "\n");
}

Json ToJson(const CacheTier& tier, const CheckReport& report) {
  Json json = {{"name", tier.Name()},
               {"type", std::string(CacheTypeName(tier.type))},
               {"values", report.values},
               {"bytes", report.bytes},
               {"removed", report.removed}};
  json["damaged"] = Json::array();
  for (const auto& [key, what] : report.damaged) {
    json["damaged"].push_back({{"value", NameOf(key)}, {"reason", what}});
  }
  json["error"] = report.failure.ok() ? Json(nullptr) : Json(Message(report.failure));
  return json;
}

int Check(const CommandContext& context, const ParsedOptions& options) {
  std::vector<const CacheTier*> tiers;
  if (options.operands().size() > 1) {
    const absl::StatusOr<const CacheTier*> tier = FindTier(context.config, options.operands()[1]);
    if (!tier.ok()) return Complain(context, kCacheCommand, Message(tier.status()), kExitUsage);
    tiers.push_back(*tier);
  } else {
    for (const CacheTier& tier : context.config.cache) tiers.push_back(&tier);
  }
  int exit_code = kExitOk;
  Json caches = Json::array();
  for (const CacheTier* tier : tiers) {
    const CheckReport report = CheckTier(context, *tier, options.Has(kRemove.name));
    caches.push_back(ToJson(*tier, report));
    if (!options.Has(kJsonOption.name)) context.console.Out(ToText(*tier, report));
    if (!report.damaged.empty()) exit_code = kExitFailed;
    if (report.failure.ok()) continue;
    exit_code =
        Complain(context, kCacheCommand,
                 StrCat(Printable(tier->Name()),
                        ": not all of it could be read: ", Printable(Message(report.failure))));
  }
  if (options.Has(kJsonOption.name)) context.console.Out(JsonText({{"caches", caches}}));
  return exit_code;
}

// Moves values over, one at a time.
class Copier {
 public:
  Copier(const CommandContext& context, const CacheTier& from, const CacheTier& to)
      : context_(context),
        from_(TierAccess::Open(context, from)),
        to_(TierAccess::Open(context, to)),
        label_(StrCat("Copying to ", Printable(to.Name()))) {}

  // Results before what refers to them. What can't be copied is counted, and an error at the end.
  absl::Status Run() {
    for (const StoreNamespace ns : {StoreNamespace::kResult, StoreNamespace::kDirect}) {
      HPCC_RETURN_IF_ERROR(Copy(ns));
    }
    if (failed == 0) return absl::OkStatus();
    return absl::UnavailableError(
        StrCat(Counted(failed, "value", "values"),
               " could not be copied; run it again for the rest: ", Message(failure_)));
  }

  uint64_t copied = 0;
  uint64_t bytes = 0;
  uint64_t present = 0;
  uint64_t damaged = 0;
  uint64_t failed = 0;

 private:
  absl::Status Copy(StoreNamespace ns) {
    HPCC_ASSIGN_OR_RETURN(const std::vector<StoreKey> keys, from_->List(ns));
    HPCC_RETURN_IF_ERROR(ListTarget(ns));
    Progress progress(context_, label_);
    int in_a_row = 0;
    for (size_t i = 0; i < keys.size(); ++i) {
      progress.Show(i, keys.size());
      const absl::Status status = CopyOne(keys[i]);
      in_a_row = status.ok() ? 0 : in_a_row + 1;
      if (status.ok()) continue;
      ++failed;
      failure_ = status;
      if (in_a_row < kMostFailuresInARow) continue;
      return absl::UnavailableError(
          StrCat("given up after ", in_a_row, " failures in a row: ", Message(status)));
    }
    return absl::OkStatus();
  }

  absl::Status ListTarget(StoreNamespace ns) {
    there_.clear();
    lists_ = true;
    if (ns != StoreNamespace::kResult) return absl::OkStatus();
    const absl::StatusOr<std::vector<StoreKey>> known = to_->List(ns);
    lists_ = !absl::IsUnimplemented(known.status());
    if (!known.ok()) return lists_ ? known.status() : absl::OkStatus();
    for (const StoreKey& key : *known) there_.insert(key.digest);
    return absl::OkStatus();
  }

  // Results never change once written: what has one needs no other.
  absl::StatusOr<bool> IsThere(const StoreKey& key) {
    if (key.ns != StoreNamespace::kResult) return false;
    if (!lists_) return to_->Has(key);
    return there_.contains(key.digest);
  }

  absl::Status CopyOne(const StoreKey& key) {
    HPCC_ASSIGN_OR_RETURN(const bool is_there, IsThere(key));
    if (is_there) {
      ++present;
      return absl::OkStatus();
    }
    absl::StatusOr<std::string> sealed = from_->Get(key);
    if (absl::IsNotFound(sealed.status())) return absl::OkStatus();  // evicted meanwhile
    const absl::Status verified = sealed.ok() ? Verify(key, *sealed) : sealed.status();
    if (absl::IsDataLoss(verified)) {
      ++damaged;
      return absl::OkStatus();
    }
    HPCC_RETURN_IF_ERROR(verified);
    if (key.ns == StoreNamespace::kDirect) {
      HPCC_ASSIGN_OR_RETURN(const bool is_new, MergeInto(key, &*sealed));
      if (!is_new) {
        ++present;
        return absl::OkStatus();
      }
    }
    HPCC_RETURN_IF_ERROR(to_->Put(key, *sealed));
    ++copied;
    bytes += sealed->size();
    return absl::OkStatus();
  }

  // What both caches know under the key, in place of what one does. False: nothing new.
  absl::StatusOr<bool> MergeInto(const StoreKey& key, std::string* sealed) {
    const auto decode = [&key](const std::string& bytes) {
      const absl::StatusOr<std::string_view> payload = OpenSealedValue(key, bytes);
      if (!payload.ok()) return DirectEntry();
      return DecodeDirectEntry(*payload).value_or(DirectEntry());
    };
    const absl::StatusOr<std::string> there = to_->Get(key);
    const bool none = absl::IsNotFound(there.status()) || absl::IsDataLoss(there.status());
    // What may be there and can't be read is not to be replaced.
    if (!there.ok() && !none) return there.status();
    const DirectEntry known = there.ok() ? decode(*there) : DirectEntry();
    DirectEntry added;
    for (DirectRecord& record : decode(*sealed).records) {
      added.records.push_back(WithoutStamps(std::move(record)));
    }
    const DirectEntry merged = MergeDirectEntries(known, added);
    if (there.ok() && merged.records.size() == known.records.size()) return false;
    *sealed = SealValue(key, EncodeDirectEntry(merged));
    return true;
  }

  const CommandContext& context_;
  const std::unique_ptr<TierAccess> from_;
  const std::unique_ptr<TierAccess> to_;
  const std::string label_;
  bool lists_ = true;  // the target can tell what it holds
  absl::flat_hash_set<Digest> there_;
  absl::Status failure_;  // the last
};

int Copy(const CommandContext& context, const ParsedOptions& options) {
  const std::vector<std::string>& words = options.operands();
  const absl::StatusOr<const CacheTier*> from = FindTier(context.config, words[1]);
  const absl::StatusOr<const CacheTier*> to = FindTier(context.config, words[2]);
  for (const absl::Status& status : {from.status(), to.status()}) {
    if (!status.ok()) return Complain(context, kCacheCommand, Message(status), kExitUsage);
  }
  if (*from == *to) {
    return Complain(context, kCacheCommand, "both are the same cache", kExitUsage);
  }
  if ((*to)->read_only) {
    return Complain(context, kCacheCommand,
                    StrCat(Printable((*to)->Name()), " is configured as read-only"));
  }
  Copier copier(context, **from, **to);
  const absl::Status status = copier.Run();
  if (options.Has(kJsonOption.name)) {
    context.console.Out(JsonText({{"copied", copier.copied},
                                  {"bytes", copier.bytes},
                                  {"present", copier.present},
                                  {"damaged", copier.damaged},
                                  {"failed", copier.failed}}));
  } else {
    context.console.Out(StrCat(
        "Copied ", Counted(copier.copied, "value", "values"), " (", FormatBytes(copier.bytes),
        ") to ", Printable((*to)->Name()), "; ", copier.present, " were there",
        copier.damaged == 0 ? std::string()
                            : StrCat("; ", copier.damaged, " damaged ones were left out"),
        "\n"));
  }
  if (status.ok()) return copier.damaged == 0 ? kExitOk : kExitFailed;
  return Complain(context, kCacheCommand, Printable(Message(status)));
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const std::vector<std::string>& words = options.operands();
  if (words.front() == "check") {
    if (words.size() <= 2) return Check(context, options);
    return Complain(context, kCacheCommand, "check takes one cache at most", kExitUsage);
  }
  if (words.front() == "copy") {
    if (words.size() == 3) return Copy(context, options);
    return Complain(context, kCacheCommand, "copy takes two caches: from which, to which",
                    kExitUsage);
  }
  return Complain(context, kCacheCommand,
                  StrCat("\"", Printable(words.front()), "\" is neither check nor copy"),
                  kExitUsage);
}

}  // namespace

constexpr Command kCacheCommand = {
    .name = "cache",
    .operands = "check [<cache>] | copy <from> <to>",
    .summary = "verify what a cache holds, or copy it to another",
    .description =
        "check reads every value of one cache, or of all, and verifies it; exits with 1 when\n"
        "something is damaged, and says what. copy brings the results that one cache has to\n"
        "another that lacks them; it can be stopped and run again, and exits with 1 when some\n"
        "could not be copied. A cache is named by its number in the configuration (0 is the\n"
        "first), by its type where there is one of that type, or by its location, bucket or URL.\n"
        "Caches of type http can't be walked.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 3,
    .run = Run,
};

}  // namespace hpcc
