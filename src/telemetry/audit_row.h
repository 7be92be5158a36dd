#ifndef HPCC_TELEMETRY_AUDIT_ROW_H_
#define HPCC_TELEMETRY_AUDIT_ROW_H_

// What an audit log says of one job and of one security event, and the bytes the hash chain is made
// of. Columns in SQLite have the names of the members.
//
//   row       = version:u8 = 1 , sequence:u64 , time_ns:u64 , job_id , tenant , user , worker ,
//               sandbox , isolation , image_digest , source_digest , flags , cache_key , hit:u8 ,
//               output_digests , exit_status:u64 , duration_ns:u64 , scheduler , trace_id ,
//               compiler , working_directory , environment
//   event     = version:u8 = 1 , sequence:u64 , time_ns:u64 , event , tenant , user , peer ,
//               detail , count:u64
//
// Integers as in base/bytes.h, signed ones in two's complement; all else is a string of
// base/bytes.h holding the text of the column:
//
//   digest    = 64 hex digits in lower case, or "" for none
//   flags, environment = ( item "\n" )*       "\" and newline in an item are written \\ and \n
//   output_digests     = ( role " " digest "\n" )*
//
// The chain: row_hash = BLAKE3(domain, previous_hash, row), where domain is "hpcc.audit-row.v1" or
// "hpcc.security-event.v1", framed as class Hasher does, and previous_hash is the row_hash of the
// row before: 32 zero bytes for the first. Both tables have a chain of their own.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/digest.h"

namespace hpcc {

// A row that encodes to more is refused.
inline constexpr size_t kMaxAuditRowBytes = size_t{4} << 20;

struct AuditOutput {
  std::string role;  // as cache/result_bundle.h names outputs: "object"; no blanks
  Digest digest;     // of the output's bytes

  friend bool operator==(const AuditOutput&, const AuditOutput&) = default;
};

// One finished job: a compile that ran to its end, or a hit that was served.
struct AuditRow {
  int64_t time_ns = 0;  // when the job began, since the epoch
  std::string job_id;   // unique in the log
  std::string tenant;
  std::string user;
  std::string worker;
  std::string sandbox;       // "" for a hit
  std::string isolation;     // what the job really had; of a hit: what it had when it was compiled
  std::string image_digest;  // "host", or an image digest
  Digest source_digest;      // the manifest's
  std::vector<std::string> flags;  // the words after the compiler, as the client sent them
  Digest cache_key;
  bool hit = false;
  std::vector<AuditOutput> output_digests;
  int32_t exit_status = 0;  // the compiler's; 128 + n when signal n ended it
  int64_t duration_ns = 0;  // of the whole job
  std::string scheduler;    // that sent it here
  std::string trace_id;     // of the W3C trace context, 32 hex digits; "": none

  // What replay needs besides.
  std::string compiler;                  // absolute path in the image
  std::string working_directory;         // absolute
  std::vector<std::string> environment;  // "NAME=value"

  friend bool operator==(const AuditRow&, const AuditRow&) = default;
};

// Whether it is no compile but a command of this worker's operator in a sandbox of the tenant
// (`hpcc exec`). Such a row has no cache key and no source; its user is "uid:" and the number of
// the user who asked, as the kernel told it, its compiler and flags are the command, and its exit
// status is what `hpcc exec` ended with.
inline bool IsOperatorCommand(const AuditRow& row) {
  return row.cache_key.is_zero();
}

// One refused or anomalous interaction, or `count` alike ones.
struct SecurityEventRow {
  int64_t time_ns = 0;  // of the first
  std::string event;    // telemetry/security_events.h
  std::string tenant;   // as far as it is known, and as claimed where it isn't
  std::string user;
  std::string peer;    // address of the other end
  std::string detail;  // one line, without secrets
  uint64_t count = 1;

  friend bool operator==(const SecurityEventRow&, const SecurityEventRow&) = default;
};

// The bytes of the grammar above. InvalidArgument: longer than kMaxAuditRowBytes, or a role with a
// blank.
absl::StatusOr<std::string> EncodeAuditRow(const AuditRow& row, uint64_t sequence);
absl::StatusOr<std::string> EncodeSecurityEvent(const SecurityEventRow& row, uint64_t sequence);

enum class AuditChain : uint8_t { kJobs, kSecurityEvents };

Digest ChainHash(AuditChain chain, const Digest& previous, std::string_view encoded);

// The text of list columns, and back. InvalidArgument for what the first would not have written.
std::string FormatAuditList(const std::vector<std::string>& items);
absl::StatusOr<std::vector<std::string>> ParseAuditList(std::string_view text);
std::string FormatAuditOutputs(const std::vector<AuditOutput>& outputs);
absl::StatusOr<std::vector<AuditOutput>> ParseAuditOutputs(std::string_view text);

// "" for the zero digest, else hex.
std::string FormatAuditDigest(const Digest& digest);
absl::StatusOr<Digest> ParseAuditDigest(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_TELEMETRY_AUDIT_ROW_H_
