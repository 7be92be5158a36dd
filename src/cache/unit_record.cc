#include "cache/unit_record.h"

#include "base/bytes.h"
#include "base/strings.h"

namespace hpcc {

namespace {

//   record = version:u8 = 2 , time_ns:u64 , cwd , source , output , compiler : string , reason ,
//            toolchain:32 , source_digest:32 , strings , strings , strings , direct_key:32 ,
//            result_key:32 , place
//   reason = kind:u8 , subject , before , after : string
//   strings = count , string*     (arguments, environment, inputs)
//   place = kind:u8 , cause:u8 , detail:string
//
// Version 1 ended before `place`, and is read still.
constexpr uint8_t kVersion = 2;
constexpr uint8_t kVersionWithoutPlace = 1;

void WriteStrings(const std::vector<std::string>& strings, ByteWriter* out) {
  out->Varint(strings.size());
  for (const std::string& string : strings) out->String(string);
}

std::vector<std::string> ReadStrings(ByteReader* in) {
  std::vector<std::string> strings;
  for (size_t count = in->Count(1); count > 0 && in->ok(); --count) {
    strings.emplace_back(in->String());
  }
  return strings;
}

struct ReasonWords {
  std::string_view name;
  std::string_view text;  // %s: the subject
};

constexpr ReasonWords kReasons[] = {
    {"none", "This was a hit."},
    {"first-compile", "This unit was not compiled here before."},
    {"source-changed", "The source changed: %s."},
    {"header-changed", "A header changed: %s."},
    {"header-appeared", "A file appeared that would be found first, or is tested for: %s."},
    {"header-vanished", "A file that was there is gone: %s."},
    {"flags-changed", "The command line changed."},
    {"compiler-changed", "The compiler changed: %s."},
    {"environment-changed", "An environment variable changed: %s."},
    {"directory-changed", "The working directory changed, and it reaches the output: %s."},
    {"result-evicted", "The unit is known, but its result is no longer in the cache."},
    {"result-corrupt", "The kept result was damaged; it was removed."},
    {"diagnostics-differ", "The kept diagnostics were made for another kind of terminal."},
    {"preprocessed-changed", "The preprocessed text changed."},
    {"not-cacheable", "Not cacheable: %s."},
    {"input-changed", "A file named by a flag changed: %s."},
    {"incomplete-result", "The kept result lacks something now asked for: %s."},
};

}  // namespace

std::string_view MissReasonName(MissReason::Kind kind) {
  const auto index = static_cast<size_t>(kind);
  return index < std::size(kReasons) ? kReasons[index].name : "unknown";
}

std::string DescribeMissReason(const MissReason& reason) {
  const auto index = static_cast<size_t>(reason.kind);
  if (index >= std::size(kReasons)) return "Unknown.";
  std::string text(kReasons[index].text);
  const size_t place = text.find("%s");
  if (place != std::string::npos) text.replace(place, 2, reason.subject);
  if (!reason.before.empty()) StrAppend(&text, "\n  before: ", reason.before);
  if (!reason.after.empty()) {
    StrAppend(&text, reason.before.empty() ? "\n  " : "\n  now:    ", reason.after);
  }
  return text;
}

std::string EncodeUnitRecord(const UnitRecord& record) {
  ByteWriter out;
  out.Fixed8(kVersion);
  out.Fixed64(static_cast<uint64_t>(record.time_ns));
  out.String(record.cwd);
  out.String(record.source);
  out.String(record.output);
  out.String(record.compiler);
  out.Fixed8(static_cast<uint8_t>(record.reason.kind));
  out.String(record.reason.subject);
  out.String(record.reason.before);
  out.String(record.reason.after);
  out.DigestBytes(record.toolchain);
  out.DigestBytes(record.source_digest);
  WriteStrings(record.arguments, &out);
  WriteStrings(record.environment, &out);
  WriteStrings(record.inputs, &out);
  out.DigestBytes(record.direct_key);
  out.DigestBytes(record.result_key);
  out.Fixed8(static_cast<uint8_t>(record.place.kind));
  out.Fixed8(record.place.cause);
  out.String(record.place.detail);
  return out.Take();
}

absl::StatusOr<UnitRecord> DecodeUnitRecord(std::string_view bytes) {
  ByteReader in(bytes);
  const uint8_t version = in.Fixed8();
  if (version != kVersion && version != kVersionWithoutPlace) {
    return absl::DataLossError("unit record: unknown version");
  }
  UnitRecord record;
  record.time_ns = static_cast<int64_t>(in.Fixed64());
  record.cwd = std::string(in.String());
  record.source = std::string(in.String());
  record.output = std::string(in.String());
  record.compiler = std::string(in.String());
  record.reason.kind = static_cast<MissReason::Kind>(in.Fixed8());
  record.reason.subject = std::string(in.String());
  record.reason.before = std::string(in.String());
  record.reason.after = std::string(in.String());
  record.toolchain = in.DigestBytes();
  record.source_digest = in.DigestBytes();
  record.arguments = ReadStrings(&in);
  record.environment = ReadStrings(&in);
  record.inputs = ReadStrings(&in);
  record.direct_key = in.DigestBytes();
  record.result_key = in.DigestBytes();
  if (version == kVersion) {
    record.place.kind = static_cast<CompilePlace::Kind>(in.Fixed8());
    record.place.cause = in.Fixed8();
    record.place.detail = std::string(in.String());
  }
  if (!in.ok() || !in.at_end()) return absl::DataLossError("unit record: malformed");
  return record;
}

StoreKey UnitKey(std::string_view absolute_path) {
  return {StoreNamespace::kUnit, Hasher("hpcc.unit.v1").Field(absolute_path).Finish()};
}

}  // namespace hpcc
