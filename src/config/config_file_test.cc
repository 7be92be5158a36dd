#include "config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace hpcc {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string ErrorOf(std::string_view text) {
  const absl::StatusOr<ConfigFile> file = ParseConfigFile(text, "c.toml");
  if (file.ok()) return "no error";
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(file.status().message());
}

TEST(ConfigFileTest, EveryKeyIsReadWithItsLine) {
  const absl::StatusOr<ConfigFile> file = ParseConfigFile(
      "# ours\n"
      "source_mode = \"preprocessed\"\n"
      "disable = true\n"
      "log_file = \"~/hpcc.log\"\n"
      "[[cache]]\n"
      "type = \"disk\"\n"
      "location = \"/srv/cache\"\n"
      "max_size = \"5G\"\n"
      "compression = \"none\"\n"
      "read_only = true\n"
      "[[cache]]\n"
      "location = \"/second\"\n"
      "max_size = 4096\n",
      "c.toml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->source_mode->value, SourceMode::kPreprocessed);
  EXPECT_EQ(file->source_mode->line, 2);
  EXPECT_TRUE(file->disable->value);
  EXPECT_EQ(file->log_file->value, "~/hpcc.log");
  ASSERT_EQ(file->cache.size(), 2u);
  EXPECT_EQ(file->cache[0].line, 5);
  EXPECT_EQ(file->cache[0].Text("location")->value, "/srv/cache");
  EXPECT_EQ(file->cache[0].Text("location")->line, 7);
  EXPECT_EQ(file->cache[0].max_size->value, uint64_t{5} << 30);
  EXPECT_EQ(file->cache[0].compression->value, CacheTier::Compression::kNone);
  EXPECT_TRUE(file->cache[0].read_only->value);
  EXPECT_EQ(file->cache[1].max_size->value, 4096u);
  EXPECT_EQ(file->cache[1].max_size->line, 13);
  EXPECT_FALSE(file->cache[1].compression.has_value());
}

TEST(ConfigFileTest, AnEmptyFileSaysNothing) {
  const absl::StatusOr<ConfigFile> file = ParseConfigFile("", "c.toml");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->cache.empty());
  EXPECT_FALSE(file->disable.has_value());
}

TEST(ConfigFileTest, UnknownKeysNameFileLineKeyAndTheNearestKnownOne) {
  EXPECT_EQ(ErrorOf("\nsourcemode = \"direct\"\n"),
            "c.toml:2: sourcemode: unknown key; did you mean source_mode?");
  EXPECT_EQ(ErrorOf("[[cache]]\nlocation = \"/a\"\nmaxsize = \"1G\"\n"),
            "c.toml:3: cache[0].maxsize: unknown key; did you mean max_size?");
  EXPECT_EQ(
      ErrorOf("[worker]\nidle = 3\n"),
      "c.toml:1: worker: unknown key; the keys known here are source_mode, disable, log_file, "
      "paranoid, daemon, signing, remote, cache");
  EXPECT_EQ(ErrorOf("[daemon]\nidle = 3\n"),
            "c.toml:2: daemon.idle: unknown key; the keys known here are use, autostart, memory");
  EXPECT_EQ(
      ErrorOf("[[cache]]\n[[cache]]\nxyzzy = 1\n"),
      "c.toml:3: cache[1].xyzzy: unknown key; the keys known here are type, location, max_size, "
      "compression, read_only, namespace, ca_file, bucket, region, endpoint, auto_create, "
      "access_key, secret_key, url, username, password, password_file, bearer_token, "
      "bearer_token_file");
}

TEST(ConfigFileTest, AKeyOfACacheOutsideItsBlockIsExplained) {
  EXPECT_EQ(ErrorOf("max_size = \"1G\"\n"),
            "c.toml:1: max_size: belongs to a cache; write it below a [[cache]] line");
}

TEST(ConfigFileTest, UnprintableKeysAreQuoted) {
  EXPECT_THAT(ErrorOf("\"a\\u001bb\" = 1\n"), StartsWith("c.toml:1: \"a\\u001Bb\": unknown key"));
  EXPECT_THAT(ErrorOf("\"\" = 1\n"), StartsWith("c.toml:1: \"\": unknown key"));
}

TEST(ConfigFileTest, WrongTypesSayWhatIsThereAndWhatToWrite) {
  EXPECT_EQ(ErrorOf("disable = 1\n"), "c.toml:1: disable: is a whole number; write true or false");
  EXPECT_EQ(ErrorOf("disable = \"true\"\n"), "c.toml:1: disable: is text; write true or false");
  EXPECT_EQ(ErrorOf("source_mode = true\n"),
            "c.toml:1: source_mode: is a boolean; write \"direct\" or \"preprocessed\"");
  EXPECT_EQ(ErrorOf("log_file = 3.5\n"),
            "c.toml:1: log_file: is a number with a fraction; write a path in quotes");
  EXPECT_EQ(
      ErrorOf("[[cache]]\nmax_size = 2026-01-01\n"),
      "c.toml:2: cache[0].max_size: is a date or time; write a size such as \"10G\", or bytes "
      "as a whole number");
  EXPECT_EQ(ErrorOf("[[cache]]\nread_only = []\n"),
            "c.toml:2: cache[0].read_only: is an array; write true or false");
  EXPECT_EQ(ErrorOf("[[cache]]\ntype = {}\n"),
            "c.toml:2: cache[0].type: is a table; write \"disk\", \"s3\" or \"http\"");
  EXPECT_THAT(ErrorOf("[cache]\nlocation = \"/a\"\n"),
              StartsWith("c.toml:1: cache: is a table; write [[cache]]"));
  EXPECT_THAT(ErrorOf("cache = \"/a\"\n"), StartsWith("c.toml:1: cache: is text"));
  EXPECT_EQ(ErrorOf("cache = [1]\n"),
            "c.toml:1: cache[0]: is a whole number; write [[cache]] blocks");
  EXPECT_EQ(ErrorOf("cache = []\n"),
            "c.toml:1: cache: is empty; write at least one [[cache]] block");
}

TEST(ConfigFileTest, BadValuesSayWhatToWrite) {
  EXPECT_EQ(ErrorOf("source_mode = \"fast\"\n"),
            "c.toml:1: source_mode: \"fast\" is no source mode; write \"direct\" or "
            "\"preprocessed\"");
  EXPECT_EQ(ErrorOf("[[cache]]\ntype = \"gcs\"\n"),
            "c.toml:2: cache[0].type: \"gcs\" is no type of cache; write \"disk\", \"s3\" "
            "or \"http\"");
  EXPECT_EQ(ErrorOf("[[cache]]\ncompression = \"gzip\"\n"),
            "c.toml:2: cache[0].compression: \"gzip\" is no compression; write \"zstd\" or "
            "\"none\"");
  EXPECT_EQ(ErrorOf("[[cache]]\n\nmax_size = \"ten\"\n"),
            "c.toml:3: cache[0].max_size: \"ten\" is not a size; write a number with k, M, G or T "
            "behind it, such as 10G");
  EXPECT_EQ(ErrorOf("[[cache]]\nmax_size = -1\n"),
            "c.toml:2: cache[0].max_size: is negative; write 0 for no limit");
}

TEST(ConfigFileTest, SyntaxErrorsNameTheKeyOnTheLine) {
  EXPECT_THAT(ErrorOf("[[cache]]\nmax_size = 10G\n"),
              testing::AllOf(StartsWith("c.toml:2: max_size: not TOML: "),
                             HasSubstr("write max_size = \"10G\"")));
  EXPECT_THAT(ErrorOf("source_mode = direct # slow\n"),
              testing::AllOf(StartsWith("c.toml:1: source_mode: not TOML: "),
                             HasSubstr("write source_mode = \"direct\"")));
  EXPECT_THAT(ErrorOf("disable =\n"), StartsWith("c.toml:1: disable: not TOML: "));
  EXPECT_THAT(ErrorOf("a = 1\ndisable = true\ndisable = false\n"),
              StartsWith("c.toml:3: disable: not TOML: "));
  EXPECT_THAT(ErrorOf("log_file = \"unfinished\ndisable = true\n"),
              StartsWith("c.toml:1: log_file: not TOML: "));
}

TEST(ConfigFileTest, SyntaxErrorsWithoutAKeyNameTheLine) {
  EXPECT_THAT(ErrorOf("\n\n[cache\n"), StartsWith("c.toml:3: not TOML: "));
  EXPECT_THAT(ErrorOf("just words\n"), StartsWith("c.toml:1: not TOML: "));
  EXPECT_THAT(ErrorOf("a\xff = 1\n"), StartsWith("c.toml:1: "));
  EXPECT_THAT(ErrorOf(std::string_view("\0", 1)), StartsWith("c.toml:1: not TOML: "));
}

TEST(ConfigFileTest, TheFirstMistakeInTheFileIsTheOneReported) {
  EXPECT_THAT(ErrorOf("zzz = 1\naaa = 2\n"), StartsWith("c.toml:1: zzz"));
}

TEST(ConfigFileTest, DeepNestingIsAnErrorAndNoCrash) {
  EXPECT_THAT(ErrorOf(StrCat("a = ", std::string(100'000, '['))), StartsWith("c.toml:1: "));
}

}  // namespace
}  // namespace hpcc
