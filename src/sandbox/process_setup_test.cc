#include "sandbox/process_setup.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

using Kind = ImagePart::Kind;

ProcessSetup Example() {
  return {.cpus = 2,
          .memory_bytes = 300,
          .blob_bytes = 128,
          .ids = 65'536,
          .image = {{{Kind::kDirectory, "/usr/bin", "/x"}, {Kind::kLink, "/bin", "usr/bin"}}}};
}

TEST(ProcessSetupTest, TheBytesAreWhatTheHeaderSays) {
  EXPECT_EQ(EncodeProcessSetup(Example()), std::string("\x01\x02\xac\x02\x80\x01\x80\x80\x04\x02"
                                                       "\x00\x08/usr/bin\x02/x"
                                                       "\x02\x04/bin\x07usr/bin",
                                                       37));
}

TEST(ProcessSetupTest, WhatIsWrittenIsRead) {
  const absl::StatusOr<ProcessSetup> read = DecodeProcessSetup(EncodeProcessSetup(Example()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Example());
}

TEST(ProcessSetupTest, TruncationAtEveryLengthIsRefused) {
  const std::string bytes = EncodeProcessSetup(Example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeProcessSetup(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeProcessSetup(bytes + "x").ok());
}

TEST(ProcessSetupTest, AnImageThatBreaksARuleIsRefused) {
  for (const ImagePart& part :
       {ImagePart{Kind::kDirectory, "/usr/../x", "/x"}, ImagePart{Kind::kDirectory, "usr", "/x"},
        ImagePart{Kind::kDirectory, "/proc/x", "/x"}, ImagePart{Kind::kDirectory, "/dev", "/x"},
        ImagePart{Kind::kDirectory, "/tmp", "/x"}, ImagePart{Kind::kFile, "/.hpcc/x", "/x"},
        ImagePart{Kind::kFile, "/usr/bin/gcc", "/x"}, ImagePart{Kind::kLink, "/usr", "x"},
        ImagePart{Kind::kFile, "/a", ""}}) {
    ProcessSetup setup = Example();
    setup.image.parts.push_back(part);
    EXPECT_FALSE(DecodeProcessSetup(EncodeProcessSetup(setup)).ok()) << part.path;
  }
  EXPECT_FALSE(CheckImageLayout({}).ok());
}

TEST(ImageLayoutTest, CoversItsPartsAndWhatLiesBelowThem) {
  const ImageLayout& image = Example().image;
  for (const char* path : {"/usr/bin", "/usr/bin/gcc", "/bin/x"}) {
    EXPECT_TRUE(image.Covers(path)) << path;
  }
  for (const char* path : {"/usr", "/usr/binary", "/", "/usr/src/x.c"}) {
    EXPECT_FALSE(image.Covers(path)) << path;
  }
  EXPECT_TRUE(image.ReachesBelow("/usr"));
  EXPECT_TRUE(image.ReachesBelow("/"));
  EXPECT_FALSE(image.ReachesBelow("/usr/bin"));
  EXPECT_FALSE(image.ReachesBelow("/usr/bi"));
}

TEST(ImageLayoutTest, TheHostsImageHasItsToolsAndNobodysFiles) {
  const ImageLayout image = HostImage();
  EXPECT_TRUE(CheckImageLayout(image).ok()) << CheckImageLayout(image);
  for (const char* path : {"/usr/bin/gcc", "/usr/include/stdio.h", "/bin/sh", "/lib/x"}) {
    EXPECT_TRUE(image.Covers(path)) << path;
  }
  for (const char* path : {"/usr/src/linux/a.c", "/home/u", "/root", "/etc/passwd", "/etc/shadow",
                           "/tmp", "/var/lib", "/opt", "/proc", "/dev", "/sys", "/run"}) {
    EXPECT_FALSE(image.Covers(path)) << path;
  }
}

}  // namespace
}  // namespace hpcc
