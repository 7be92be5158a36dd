#include "image/tar_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/image_test_support.h"

namespace hpcc {
namespace {

using Kind = TarEntry::Kind;
using ::testing::HasSubstr;

struct Member {
  TarEntry entry;
  std::string data;
};

absl::StatusOr<std::vector<Member>> Read(std::string_view tar, size_t piece = ~size_t{0},
                                         const TarLimits& limits = {}) {
  StringSource source(tar, piece);
  TarReader reader(source, limits);
  std::vector<Member> members;
  for (;;) {
    Member member;
    const absl::StatusOr<bool> found = reader.Next(&member.entry);
    if (!found.ok()) return found.status();
    if (!*found) return members;
    for (;;) {
      const absl::StatusOr<TarReader::Piece> part = reader.ReadData();
      if (!part.ok()) return part.status();
      if (part->zeros == 0 && part->bytes.empty()) break;
      member.data += part->zeros > 0 ? std::string(part->zeros, '\0') : std::string(part->bytes);
    }
    members.push_back(std::move(member));
  }
}

// The one member of a tar file that is otherwise empty.
Member ReadOne(const std::string& tar) {
  const absl::StatusOr<std::vector<Member>> members = Read(tar + TarEnd());
  EXPECT_TRUE(members.ok()) << members.status();
  if (!members.ok() || members->size() != 1) {
    ADD_FAILURE() << "there isn't one member";
    return {};
  }
  return members->front();
}

void ExpectRefused(const std::string& tar, const std::string& why,
                   absl::StatusCode code = absl::StatusCode::kInvalidArgument,
                   const TarLimits& limits = {}) {
  const absl::Status status = Read(tar, ~size_t{0}, limits).status();
  EXPECT_EQ(status.code(), code) << why;
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
}

TEST(TarReaderTest, MembersOfEachKindComeInOrderWhateverThePieces) {
  const std::string tar = TestHeader('5', "d/") + TestFile("d/f", std::string(1000, 'x')) +
                          TestHeader('2', "d/l", 0, "f") + TestHeader('1', "d/h", 0, "d/f") +
                          TestHeader('3', "d/c") + TestHeader('4', "d/b") + TestHeader('6', "d/p") +
                          TarEnd();
  for (size_t piece : {size_t{1}, size_t{511}, size_t{4096}}) {
    const absl::StatusOr<std::vector<Member>> members = Read(tar, piece);
    ASSERT_TRUE(members.ok()) << members.status();
    std::vector<Kind> kinds;
    for (const Member& member : *members) kinds.push_back(member.entry.kind);
    EXPECT_EQ(kinds, (std::vector{Kind::kDirectory, Kind::kFile, Kind::kSymlink, Kind::kHardLink,
                                  Kind::kDevice, Kind::kDevice, Kind::kFifo}));
    const TarEntry& file = (*members)[1].entry;
    EXPECT_EQ((*members)[1].data, std::string(1000, 'x'));
    EXPECT_EQ(file.path, "d/f");
    EXPECT_EQ(file.mode, 0644);
    EXPECT_EQ(file.uid, 10u);
    EXPECT_EQ(file.gid, 20u);
    EXPECT_EQ(file.modified, 1234567u);
    EXPECT_EQ((*members)[2].entry.link, "f");
    EXPECT_EQ((*members)[3].entry.link, "d/f");
  }
}

TEST(TarReaderTest, DataThatNobodyReadIsPassedOver) {
  const std::string tar = TestFile("a", std::string(1000, 'x')) + TestFile("b", "b") + TarEnd();
  StringSource all(tar);
  TarReader reader(all, {});
  TarEntry entry;
  ASSERT_TRUE(reader.Next(&entry).value());
  ASSERT_TRUE(reader.Next(&entry).value());
  EXPECT_EQ(entry.path, "b");
  EXPECT_FALSE(reader.Next(&entry).value());
}

TEST(TarReaderTest, LongNamesOfEveryKind) {
  const std::string name(300, 'n'), target(200, 't');
  std::string split = TestHeader('0', "name");
  PutField(&split, 345, "some/prefix");
  SumUp(&split);
  EXPECT_EQ(ReadOne(split).entry.path, "some/prefix/name");
  const TarEntry gnu =
      ReadOne(TestFile("././@LongLink", name + '\0', 'L') +
              TestFile("././@LongLink", target + '\0', 'K') + TestHeader('2', "short", 0, "short"))
          .entry;
  EXPECT_EQ(gnu.path, name);
  EXPECT_EQ(gnu.link, target);
  const TarEntry pax =
      ReadOne(TestPax({{"path", name}, {"linkpath", target}}) + TestHeader('2', "short", 0, "s"))
          .entry;
  EXPECT_EQ(pax.path, name);
  EXPECT_EQ(pax.link, target);
}

TEST(TarReaderTest, PaxRecordsReplaceTheHeadersFields) {
  const Member member = ReadOne(TestPax({{"uid", "3000000"},
                                         {"gid", "4000000"},
                                         {"mtime", "1700000000.987"},
                                         {"size", "3"},
                                         {"comment", "nothing"},
                                         {"SCHILY.xattr.user.b", std::string("\0=\n", 3)},
                                         {"SCHILY.xattr.user.a", ""}}) +
                                TestHeader('0', "f", 0) + Padded("abc"));
  EXPECT_EQ(member.entry.uid, 3000000u);
  EXPECT_EQ(member.entry.gid, 4000000u);
  EXPECT_EQ(member.entry.modified, 1700000000u);
  EXPECT_EQ(member.data, "abc");
  EXPECT_EQ(member.entry.xattrs, (std::vector<std::pair<std::string, std::string>>{
                                     {"user.a", ""}, {"user.b", std::string("\0=\n", 3)}}));
}

TEST(TarReaderTest, TimesOutsideOf32BitsAreTheNearestWithin) {
  EXPECT_EQ(ReadOne(TestPax({{"mtime", "-5.5"}}) + TestFile("f", "")).entry.modified, 0u);
  EXPECT_EQ(ReadOne(TestPax({{"mtime", "99999999999"}}) + TestFile("f", "")).entry.modified,
            0xffffffffu);
  std::string old = TestHeader('0', "f");
  PutField(&old, 136, std::string(12, '\xff'));
  SumUp(&old);
  EXPECT_EQ(ReadOne(old).entry.modified, 0u);
}

TEST(TarReaderTest, GlobalHeadersAreNotGoneBy) {
  EXPECT_EQ(ReadOne(TestPax({{"path", "other"}}, 'g') + TestFile("f", "")).entry.path, "f");
}

TEST(TarReaderTest, NumbersInBase256AreRead) {
  std::string header = TestHeader('0', "f");
  PutField(&header, 124, std::string("\x80\0\0\0\0\0\0\0\0\0\0\x03", 12));
  SumUp(&header);
  EXPECT_EQ(ReadOne(header + Padded("abc")).data, "abc");
}

TEST(TarReaderTest, FileOfOldWhoseNameEndsInASlashIsADirectory) {
  EXPECT_EQ(ReadOne(TestHeader('\0', "d/")).entry.kind, Kind::kDirectory);
}

const std::string kSparse = std::string(10, '\0') + "abc" + std::string(7, '\0') + "de" + '\0';

TEST(TarReaderTest, SparseFilesOfEveryFormat) {
  std::string old = TestHeader('S', "f", 5);
  PutField(&old, 386, OctalField(10, 11) + '\0' + OctalField(3, 11) + '\0');
  PutField(&old, 410, OctalField(20, 11) + '\0' + OctalField(2, 11) + '\0');
  PutField(&old, 483, OctalField(23, 11) + '\0');
  SumUp(&old);
  EXPECT_EQ(ReadOne(old + Padded("abcde")).data, kSparse);
  PutField(&old, 482, "\1");
  SumUp(&old);
  std::string more(kTarBlock, '\0');
  PutField(&more, 0, OctalField(23, 11) + '\0' + OctalField(0, 11) + '\0');
  EXPECT_EQ(ReadOne(old + more + Padded("abcde")).data, kSparse);

  const Member zero = ReadOne(TestPax({{"GNU.sparse.size", "23"},
                                       {"GNU.sparse.numblocks", "2"},
                                       {"GNU.sparse.offset", "10"},
                                       {"GNU.sparse.numbytes", "3"},
                                       {"GNU.sparse.offset", "20"},
                                       {"GNU.sparse.numbytes", "2"}}) +
                              TestFile("f", "abcde"));
  EXPECT_EQ(zero.data, kSparse);
  EXPECT_EQ(zero.entry.size, 23u);
  const Member one = ReadOne(TestPax({{"GNU.sparse.name", "real"},
                                      {"GNU.sparse.size", "23"},
                                      {"GNU.sparse.map", "10,3,20,2"}}) +
                             TestFile("GNUSparseFile.0/f", "abcde"));
  EXPECT_EQ(one.data, kSparse);
  EXPECT_EQ(one.entry.path, "real");
  const Member two = ReadOne(TestPax({{"GNU.sparse.major", "1"},
                                      {"GNU.sparse.minor", "0"},
                                      {"GNU.sparse.name", "real"},
                                      {"GNU.sparse.realsize", "23"}}) +
                             TestFile("f", Padded("2\n10\n3\n20\n2\n") + "abcde"));
  EXPECT_EQ(two.data, kSparse);
}

TEST(TarReaderTest, SparseMapsThatDoNotFitAreRefused) {
  const auto with = [](const std::string& map, const std::string& size) {
    return TestPax({{"GNU.sparse.size", size}, {"GNU.sparse.map", map}}) + TestFile("f", "abcde");
  };
  ExpectRefused(with("10,3,12,2", "23"), "f: its sparse map overlaps or leaves the file");
  ExpectRefused(with("10,3,20,2", "21"), "f: its sparse map overlaps or leaves the file");
  ExpectRefused(with("10,3,20,3", "23"), "f: its sparse map isn't of the data that follows");
  ExpectRefused(with("9223372036854775807,5", "23"), "f: its sparse map overlaps or leaves");
  ExpectRefused(with("10,3,20", "23"), "its PAX record GNU.sparse.map is malformed");
  ExpectRefused(TestPax({{"GNU.sparse.map", "0,5"}}) + TestFile("f", "abcde"),
                "f: its sparse map has no size");
  ExpectRefused(TestPax({{"GNU.sparse.size", "5"}}) + TestFile("f", "abcde"),
                "f: its sparse map is missing");
  ExpectRefused(TestPax({{"GNU.sparse.major", "2"}}) + TestFile("f", "abcde"),
                "f: its sparse format is unknown");
  const std::string one = TestPax({{"GNU.sparse.major", "1"}, {"GNU.sparse.realsize", "5"}});
  ExpectRefused(one + TestFile("f", Padded("x\n")), "f: its sparse map is malformed");
  ExpectRefused(one + TestFile("f", std::string(600, '1')), "f: its sparse map is malformed");
}

TEST(TarReaderTest, MalformedHeadersAreRefusedByName) {
  std::string sum = TestHeader('0', "f");
  sum[0] = 'g';
  ExpectRefused(TestFile("a", "1") + sum, "the header at byte 1024: its check sum is wrong");
  for (const auto& [offset, field] : {std::pair<size_t, std::string>{100, "mode"},
                                      {108, "user id"},
                                      {116, "group id"},
                                      {124, "size"},
                                      {136, "time"}}) {
    std::string header = TestHeader('0', "f");
    PutField(&header, offset, "00x");
    SumUp(&header);
    ExpectRefused(header, "its " + field + " is malformed");
  }
  std::string huge = TestHeader('0', "f");
  PutField(&huge, 124, std::string("\x80\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12));
  SumUp(&huge);
  ExpectRefused(huge, "its size is malformed");
  ExpectRefused(TestHeader('Z', "f"), "f: its type Z is unknown");
  ExpectRefused(TestHeader('0', ""), "its name is empty");
  ExpectRefused(TestPax({{"uid", "4294967296"}}) + TestFile("f", ""),
                "f: its user or group id has more than 32 bits");
}

TEST(TarReaderTest, MalformedExtendedHeadersAreRefusedByName) {
  for (const char* data :
       {"x", "5 a=", "99 a=b\n", "6 a=b\nrest", "06 =b\n", "4 a\n", "18446744073709551617 a=b\n"}) {
    ExpectRefused(TestFile("p", data, 'x') + TestFile("f", ""), "its PAX header is malformed");
  }
  ExpectRefused(TestPax({{"path", std::string("a\0b", 3)}}) + TestFile("f", ""), "holds NUL");
  ExpectRefused(TestPax({{"size", "-1"}}) + TestFile("f", ""), "its PAX record size is malformed");
  ExpectRefused(TestPax({{"mtime", "1.x"}}) + TestFile("f", ""),
                "its PAX record mtime is malformed");
  ExpectRefused(TestFile("l", std::string("a\0b", 3), 'L') + TestFile("f", ""),
                "its long name holds NUL");
  ExpectRefused(TestPax({{"path", "f"}}) + TarEnd(), "no member follows its extended header");
}

TEST(TarReaderTest, LimitsAreKept) {
  const auto code = absl::StatusCode::kResourceExhausted;
  const TarLimits limits{.path_bytes = 50, .xattr_bytes = 20, .header_bytes = 200};
  ExpectRefused(TestFile(std::string(51, 'n'), ""), "a path is longer than 50 bytes", code, limits);
  ExpectRefused(TestHeader('2', "l", 0, std::string(51, 't')), "l: a path is longer than 50 bytes",
                code, limits);
  ExpectRefused(TestPax({{"SCHILY.xattr.user.a", std::string(15, 'x')}}) + TestFile("f", ""),
                "f: its extended attributes have more than 20 bytes", code, limits);
  ExpectRefused(TestPax({{"path", std::string(200, 'x')}}) + TestFile("f", ""),
                "its extended header is longer than 200 bytes", code, limits);
}

TEST(TarReaderTest, FileCutShortIsDataLossUnlessItIsBetweenMembers) {
  const std::string tar = TestPax({{"path", "long"}}) + TestFile("f", std::string(700, 'x')) +
                          TestFile("g", "g") + TarEnd();
  for (size_t size = 0; size < tar.size(); size += kTarBlock / 4) {
    const absl::Status status = Read(std::string_view(tar).substr(0, size)).status();
    const size_t blocks = size % kTarBlock == 0 ? size / kTarBlock : 1;
    const bool whole = blocks == 0 || blocks == 5 || blocks == 7 || blocks == 8;
    EXPECT_EQ(status.code(), whole ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss) << size;
  }
}

TEST(TarReaderTest, SomethingBehindASingleBlockOfZerosIsRefused) {
  ExpectRefused(std::string(kTarBlock, '\0') + TestFile("hidden", ""),
                "a single block of zeros stands before it");
}

}  // namespace
}  // namespace hpcc
