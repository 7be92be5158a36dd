#include "telemetry/audit_row.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/bytes.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr uint8_t kEncodingVersion = 1;

absl::StatusOr<std::string> Bounded(ByteWriter writer) {
  if (writer.size() <= kMaxAuditRowBytes) return writer.Take();
  return absl::InvalidArgumentError(
      StrCat("an audit row of ", writer.size(), " bytes; the limit is ", kMaxAuditRowBytes));
}

bool IsRole(std::string_view role) {
  return !role.empty() && role.find_first_of(" \n") == std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::string> EncodeAuditRow(const AuditRow& row, uint64_t sequence) {
  const auto is_no_role = [](const AuditOutput& output) { return !IsRole(output.role); };
  if (std::any_of(row.output_digests.begin(), row.output_digests.end(), is_no_role)) {
    return absl::InvalidArgumentError("an output's role is empty or has a blank");
  }
  ByteWriter writer;
  writer.Fixed8(kEncodingVersion);
  writer.Fixed64(sequence);
  writer.Fixed64(static_cast<uint64_t>(row.time_ns));
  writer.String(row.job_id);
  writer.String(row.tenant);
  writer.String(row.user);
  writer.String(row.worker);
  writer.String(row.sandbox);
  writer.String(row.isolation);
  writer.String(row.image_digest);
  writer.String(FormatAuditDigest(row.source_digest));
  writer.String(FormatAuditList(row.flags));
  writer.String(FormatAuditDigest(row.cache_key));
  writer.Fixed8(row.hit ? 1 : 0);
  writer.String(FormatAuditOutputs(row.output_digests));
  writer.Fixed64(static_cast<uint64_t>(int64_t{row.exit_status}));
  writer.Fixed64(static_cast<uint64_t>(row.duration_ns));
  writer.String(row.scheduler);
  writer.String(row.trace_id);
  writer.String(row.compiler);
  writer.String(row.working_directory);
  writer.String(FormatAuditList(row.environment));
  return Bounded(std::move(writer));
}

absl::StatusOr<std::string> EncodeSecurityEvent(const SecurityEventRow& row, uint64_t sequence) {
  ByteWriter writer;
  writer.Fixed8(kEncodingVersion);
  writer.Fixed64(sequence);
  writer.Fixed64(static_cast<uint64_t>(row.time_ns));
  writer.String(row.event);
  writer.String(row.tenant);
  writer.String(row.user);
  writer.String(row.peer);
  writer.String(row.detail);
  writer.Fixed64(row.count);
  return Bounded(std::move(writer));
}

Digest ChainHash(AuditChain chain, const Digest& previous, std::string_view encoded) {
  Hasher hasher(chain == AuditChain::kJobs ? "hpcc.audit-row.v1" : "hpcc.security-event.v1");
  return hasher.Field(previous).Field(encoded).Finish();
}

std::string FormatAuditList(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) {
    for (const char c : item) {
      if (c == '\\') text += "\\\\";
      if (c == '\n') text += "\\n";
      if (c != '\\' && c != '\n') text += c;
    }
    text += '\n';
  }
  return text;
}

absl::StatusOr<std::vector<std::string>> ParseAuditList(std::string_view text) {
  std::vector<std::string> items;
  std::string item;
  bool open = false;  // an item has begun
  for (size_t i = 0; i < text.size(); ++i) {
    open = text[i] != '\n';
    if (!open) {
      items.push_back(std::exchange(item, ""));
    } else if (text[i] != '\\') {
      item += text[i];
    } else if (++i < text.size() && (text[i] == '\\' || text[i] == 'n')) {
      item += text[i] == 'n' ? '\n' : '\\';
    } else {
      return absl::InvalidArgumentError("a list with a backslash before neither \\ nor n");
    }
  }
  if (open) return absl::InvalidArgumentError("a list whose last item has no end");
  return items;
}

std::string FormatAuditOutputs(const std::vector<AuditOutput>& outputs) {
  std::string text;
  for (const AuditOutput& output : outputs) {
    StrAppend(&text, output.role, ' ', FormatAuditDigest(output.digest), '\n');
  }
  return text;
}

absl::StatusOr<std::vector<AuditOutput>> ParseAuditOutputs(std::string_view text) {
  std::vector<AuditOutput> outputs;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const size_t blank = line.find(' ');
    if (end == std::string_view::npos || blank == std::string_view::npos || blank == 0) {
      return absl::InvalidArgumentError("an output that is no role and digest");
    }
    HPCC_ASSIGN_OR_RETURN(const Digest digest, ParseAuditDigest(line.substr(blank + 1)));
    outputs.push_back({std::string(line.substr(0, blank)), digest});
    text.remove_prefix(end + 1);
  }
  return outputs;
}

std::string FormatAuditDigest(const Digest& digest) {
  return digest.is_zero() ? "" : digest.ToHex();
}

absl::StatusOr<Digest> ParseAuditDigest(std::string_view text) {
  if (text.empty()) return Digest();
  const std::optional<Digest> digest = Digest::FromHex(text);
  // One digest has one text: upper case would be another row with the same meaning.
  if (!digest || FormatAuditDigest(*digest) != text) {
    return absl::InvalidArgumentError("a digest that is not 64 hex digits in lower case");
  }
  return *digest;
}

}  // namespace hpcc
