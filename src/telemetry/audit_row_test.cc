#include "telemetry/audit_row.h"

#include <gmock/gmock.h>

#include "telemetry/audit_test_support.h"

namespace hpcc {
namespace {

TEST(AuditRow, EncodingIsTheGrammarsByteForByte) {
  const absl::StatusOr<std::string> encoded = EncodeAuditRow(RowNumber(7), 7);
  ASSERT_TRUE(encoded.ok());
  const Digest previous = Digest::Of("the row before");
  EXPECT_EQ("3e6270464ea988501fd5fa249fbfc5687160fc7f7ae9d268f9371970c55e8451",
            Digest::Of(*encoded).ToHex());
  EXPECT_EQ("89f76c6dfe2713abddb2c497fb2e8b491bc27079e8bcd48d69fe91bc9ac78520",
            ChainHash(AuditChain::kJobs, previous, *encoded).ToHex());
}

TEST(AuditRow, EncodingOfASmallRowIsReadable) {
  AuditRow row;
  row.time_ns = 2;
  row.job_id = "j";
  row.flags = {"-c", ""};
  row.hit = true;
  row.exit_status = -1;
  const absl::StatusOr<std::string> encoded = EncodeAuditRow(row, 1);
  ASSERT_TRUE(encoded.ok());
  const std::string zeros7(7, '\0');
  const std::string expected = "\x01\x01" + zeros7 + "\x02" + zeros7 + "\x01j" +
                               std::string(7, '\0') +  // tenant to source_digest
                               "\x04-c\n\n" + std::string(1, '\0') + "\x01" + std::string(1, '\0') +
                               std::string(8, '\xff') + std::string(8, '\0') + std::string(5, '\0');
  EXPECT_EQ(expected, *encoded);
}

TEST(AuditRow, EventsAreEncodedByteForByte) {
  const absl::StatusOr<std::string> encoded = EncodeSecurityEvent(EventNumber(3), 2);
  ASSERT_TRUE(encoded.ok());
  const std::string zeros7(7, '\0');
  EXPECT_EQ("\x01\x02" + zeros7 + "\x03" + zeros7 +
                "\x0dtoken-expired\x04"
                "acme\x03"
                "ada\x13ipv4:127.0.0.1:4711\x07"
                "event 3\x01" +
                zeros7,
            *encoded);
}

TEST(AuditRow, ChainsAreKeptApart) {
  EXPECT_NE(ChainHash(AuditChain::kJobs, Digest(), "x"),
            ChainHash(AuditChain::kSecurityEvents, Digest(), "x"));
  EXPECT_NE(ChainHash(AuditChain::kJobs, Digest(), "x"),
            ChainHash(AuditChain::kJobs, Digest::Of("y"), "x"));
}

TEST(AuditRow, RefusesWhatIsTooLong) {
  AuditRow row = RowNumber(1);
  row.flags.assign(1, std::string(kMaxAuditRowBytes, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(EncodeAuditRow(row, 1).status()));
}

TEST(AuditRow, RefusesRolesThatWouldReadAsSomethingElse) {
  for (const std::string role : {"", "two words", "line\n"}) {
    AuditRow row = RowNumber(1);
    row.output_digests[0].role = role;
    EXPECT_TRUE(absl::IsInvalidArgument(EncodeAuditRow(row, 1).status())) << role;
  }
}

TEST(AuditList, GivesBackWhatWasPutIn) {
  const std::vector<std::vector<std::string>> lists = {
      {}, {""}, {"", ""}, {"a"}, {"a\nb", "c\\", "\\n"}, {std::string("\0x", 2), "\xff"}};
  for (const std::vector<std::string>& list : lists) {
    const absl::StatusOr<std::vector<std::string>> parsed = ParseAuditList(FormatAuditList(list));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(list, *parsed);
  }
}

TEST(AuditList, OneListHasOneText) {
  for (const std::string_view text : {"a", "\\", "\\x\n", "a\\", "a\nb"}) {
    EXPECT_FALSE(ParseAuditList(text).ok()) << text;
  }
}

TEST(AuditOutputs, GiveBackWhatWasPutInAndNothingElse) {
  const std::vector<AuditOutput> outputs = RowNumber(1).output_digests;
  const std::string text = FormatAuditOutputs(outputs);
  const absl::StatusOr<std::vector<AuditOutput>> parsed = ParseAuditOutputs(text);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(outputs, *parsed);
  for (size_t size = 1; size < text.size(); ++size) {
    const absl::StatusOr<std::vector<AuditOutput>> part = ParseAuditOutputs(text.substr(0, size));
    EXPECT_TRUE(!part.ok() || FormatAuditOutputs(*part).size() == size) << size;
  }
  EXPECT_FALSE(ParseAuditOutputs(" " + text).ok());
}

TEST(AuditDigest, IsLowerCaseHexOrNothing) {
  const Digest digest = Digest::Of("x");
  EXPECT_EQ(digest, *ParseAuditDigest(FormatAuditDigest(digest)));
  EXPECT_EQ(Digest(), *ParseAuditDigest(FormatAuditDigest(Digest())));
  EXPECT_FALSE(ParseAuditDigest(std::string(64, 'A')).ok());
  EXPECT_FALSE(ParseAuditDigest(std::string(64, '0')).ok());
  EXPECT_FALSE(ParseAuditDigest("12").ok());
}

}  // namespace
}  // namespace hpcc
