#include "cache/unit_record.h"

#include <set>

#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

UnitRecord Example() {
  UnitRecord record;
  record.time_ns = 7;
  record.cwd = "/w";
  record.source = "/w/a.c";
  record.output = "/w/a.o";
  record.compiler = "gcc";
  record.reason = {MissReason::Kind::kFlagsChanged, "s", "-O1", "-O2"};
  record.toolchain = DigestOfBytes(1);
  record.source_digest = DigestOfBytes(2);
  record.arguments = {"-c", "-O2"};
  record.environment = {"LANG=C"};
  record.inputs = {};
  record.direct_key = DigestOfBytes(3);
  record.result_key = DigestOfBytes(4);
  record.place = {CompilePlace::Kind::kHere, 8, "gone"};
  return record;
}

TEST(UnitRecordTest, EncodingIsStable) {
  EXPECT_EQ(Hex(EncodeUnitRecord(Example())),
            "020700000000000000022f77062f772f612e63062f772f612e6f03676363060173032d4f31032d4f"
            "32010101010101010101010101010101010101010101010101010101010101010102020202020202"
            "0202020202020202020202020202020202020202020202020202022d63032d4f3201064c414e473d"
            "43000303030303030303030303030303030303030303030303030303030303030303040404040404"
            "0404040404040404040404040404040404040404040404040404000804676f6e65");
}

TEST(UnitRecordTest, ARecordOfTheVersionBeforeSaysNothingOfThePlace) {
  std::string old = EncodeUnitRecord(Example());
  old[0] = 1;
  old.resize(old.size() - 7);
  const absl::StatusOr<UnitRecord> decoded = DecodeUnitRecord(old);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->result_key, DigestOfBytes(4));
  EXPECT_EQ(decoded->place.cause, 0);
  EXPECT_EQ(decoded->place.detail, "");
}

TEST(UnitRecordTest, DecodingGivesBackWhatWasEncoded) {
  const UnitRecord record = Example();
  const absl::StatusOr<UnitRecord> decoded = DecodeUnitRecord(EncodeUnitRecord(record));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->time_ns, record.time_ns);
  EXPECT_EQ(decoded->cwd, record.cwd);
  EXPECT_EQ(decoded->source, record.source);
  EXPECT_EQ(decoded->output, record.output);
  EXPECT_EQ(decoded->compiler, record.compiler);
  EXPECT_EQ(decoded->reason.kind, record.reason.kind);
  EXPECT_EQ(decoded->reason.subject, "s");
  EXPECT_EQ(decoded->reason.before, "-O1");
  EXPECT_EQ(decoded->reason.after, "-O2");
  EXPECT_EQ(decoded->toolchain, record.toolchain);
  EXPECT_EQ(decoded->source_digest, record.source_digest);
  EXPECT_EQ(decoded->arguments, record.arguments);
  EXPECT_EQ(decoded->environment, record.environment);
  EXPECT_EQ(decoded->inputs, record.inputs);
  EXPECT_EQ(decoded->direct_key, record.direct_key);
  EXPECT_EQ(decoded->result_key, record.result_key);
  EXPECT_EQ(decoded->place.kind, record.place.kind);
  EXPECT_EQ(decoded->place.cause, 8);
  EXPECT_EQ(decoded->place.detail, "gone");
}

TEST(UnitRecordTest, TruncationAtEveryLengthIsRefused) {
  ExpectOnlyWholeIsDecoded(EncodeUnitRecord(Example()), DecodeUnitRecord);
}

TEST(UnitRecordTest, EveryReasonHasANameAndATextOfItsOwn) {
  std::set<std::string> names;
  std::set<std::string> texts;
  const int last = static_cast<int>(MissReason::Kind::kIncompleteResult);
  for (int kind = 0; kind <= last; ++kind) {
    names.emplace(MissReasonName(static_cast<MissReason::Kind>(kind)));
    texts.insert(DescribeMissReason({.kind = static_cast<MissReason::Kind>(kind)}));
  }
  EXPECT_EQ(names.size(), last + 1);
  EXPECT_EQ(texts.size(), last + 1);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(UnitRecordTest, ReasonOfALaterVersionIsNamedUnknown) {
  const auto kind = static_cast<MissReason::Kind>(200);
  EXPECT_EQ(MissReasonName(kind), "unknown");
  EXPECT_EQ(DescribeMissReason({.kind = kind}), "Unknown.");
}

TEST(UnitRecordTest, DescriptionNamesTheSubjectAndBothSides) {
  const std::string text =
      DescribeMissReason({MissReason::Kind::kEnvironmentChanged, "LANG", "LANG=C", "LANG=de_DE"});
  EXPECT_EQ(text, "An environment variable changed: LANG.\n  before: LANG=C\n  now:    LANG=de_DE");
}

TEST(UnitRecordTest, SourceAndOutputHaveKeysOfTheirOwn) {
  EXPECT_EQ(UnitKey("/a.c"), UnitKey("/a.c"));
  EXPECT_FALSE(UnitKey("/a.c") == UnitKey("/a.o"));
  EXPECT_EQ(UnitKey("/a.c").ns, StoreNamespace::kUnit);
}

}  // namespace
}  // namespace hpcc
