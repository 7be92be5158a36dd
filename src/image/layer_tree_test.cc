#include "image/layer_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace hpcc {
namespace {

using Kind = TarEntry::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TarEntry Directory(const std::string& path, uint16_t mode = 0755) {
  return {.kind = Kind::kDirectory, .path = path, .mode = mode};
}
TarEntry File(const std::string& path, uint64_t size = 1) {
  return {.path = path, .mode = 0644, .size = size};
}
TarEntry Symlink(const std::string& path, const std::string& target) {
  return {.kind = Kind::kSymlink, .path = path, .link = target, .mode = 0777};
}
TarEntry HardLink(const std::string& path, const std::string& target) {
  return {.kind = Kind::kHardLink, .path = path, .link = target};
}

using Layers = std::vector<std::vector<TarEntry>>;

class LayerTreeTest : public testing::Test {
 protected:
  absl::Status Lay(const Layers& layers, const LayerTreeLimits& limits = {1000, 1000, 10'000}) {
    LayerTree tree(limits);
    for (const std::vector<TarEntry>& layer : layers) {
      tree.BeginLayer();
      for (const TarEntry& entry : layer) {
        if (absl::Status status = tree.Add(entry); !status.ok()) return status;
      }
    }
    flat_ = tree.Flatten({"dropped"});
    return absl::OkStatus();
  }

  // "path", "path/" of a directory, "path -> target", "path = layer.member" of a file with data.
  std::vector<std::string> Listing() const {
    std::vector<std::string> lines;
    List(0, "", &lines);
    return lines;
  }
  void List(uint32_t directory, const std::string& path, std::vector<std::string>* lines) const {
    for (const auto& [name, child] : *flat_.tree.inodes[directory].entries) {
      const SquashfsInode& inode = flat_.tree.inodes[child];
      if (inode.kind == SquashfsInode::Kind::kDirectory) {
        lines->push_back(path + name + "/");
        List(child, path + name + "/", lines);
      } else if (inode.kind == SquashfsInode::Kind::kSymlink) {
        lines->push_back(path + name + " -> " + inode.target);
      } else {
        lines->push_back(path + name + DataOf(child));
      }
    }
  }
  std::string DataOf(uint32_t inode) const {
    for (const LayerData& data : flat_.data) {
      if (data.inode == inode) return StrCat(" = ", data.layer, ".", data.member);
    }
    return "";
  }
  std::vector<std::string> ListingOf(const Layers& layers) {
    const absl::Status status = Lay(layers);
    EXPECT_TRUE(status.ok()) << status;
    return status.ok() ? Listing() : std::vector<std::string>{};
  }
  void ExpectRefused(const Layers& layers, const std::string& why) {
    const absl::Status status = Lay(layers);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }

  LayerTree::Flat flat_;
};

TEST_F(LayerTreeTest, HigherFilesReplaceLowerOnesAndDirectoriesJoin) {
  EXPECT_THAT(ListingOf({{Directory("./d", 0700), File("./d/a"), File("d/b"), File("empty", 0)},
                         {Directory("d/", 0750), File("d//b"), File("d/c")}}),
              ElementsAre("d/", "d/a = 0.1", "d/b = 1.1", "d/c = 1.2", "empty"));
  EXPECT_EQ(flat_.tree.inodes[flat_.tree.inodes[0].entries->at("d")].mode, 0750);
  EXPECT_EQ(flat_.data.size(), 3u);
}

TEST_F(LayerTreeTest, WhatIsInTheWayIsReplacedWhateverItIs) {
  EXPECT_THAT(ListingOf({{File("a/b/c"), File("f"), Symlink("l", "a")},
                         {File("a"), Directory("f"), Directory("l"), File("l/x")}}),
              ElementsAre("a = 1.0", "f/", "l/", "l/x = 1.3"));
}

TEST_F(LayerTreeTest, LastOfTheSameNameInALayerStays) {
  EXPECT_THAT(ListingOf({{File("a"), File("a"), Symlink("a", "x"), File("a")}}),
              ElementsAre("a = 0.3"));
}

TEST_F(LayerTreeTest, WhiteoutsTakeAwayWhatLowerLayersHave) {
  EXPECT_THAT(ListingOf({{File("d/a"), File("d/b"), File("e/f/g")},
                         {File("d/.wh.a"), File(".wh.e"), File("d/.wh.none"), File("x/.wh.y")}}),
              ElementsAre("d/", "d/b = 0.1"));
}

TEST_F(LayerTreeTest, WhiteoutsDoNotTouchTheirOwnLayerWhereverTheyStand) {
  for (const bool first : {true, false}) {
    std::vector<TarEntry> layer = {File("d/new")};
    layer.insert(first ? layer.begin() : layer.end(), File(".wh.d"));
    EXPECT_THAT(ListingOf({{File("d/old"), File("d/e/old")}, layer}),
                ElementsAre("d/", StrCat("d/new = 1.", first ? 1 : 0)));
  }
}

TEST_F(LayerTreeTest, OpaqueDirectoriesHideAllThatLowerLayersHaveInThem) {
  for (const bool first : {true, false}) {
    std::vector<TarEntry> layer = {Directory("d"), File("d/e/new")};
    layer.insert(first ? layer.begin() : layer.end(), File("d/.wh..wh..opq"));
    EXPECT_THAT(ListingOf({{File("d/old"), File("d/e/old"), File("f")}, layer}),
                ElementsAre("d/", "d/e/", StrCat("d/e/new = 1.", first ? 2 : 1), "f = 0.2"));
  }
}

TEST_F(LayerTreeTest, AufsNotesAreIgnored) {
  EXPECT_THAT(
      ListingOf({{File("a")},
                 {Directory(".wh..wh.plnk"), File(".wh..wh.plnk/1.2"), File("d/.wh..wh.orph")}}),
      ElementsAre("a = 0.0"));
}

TEST_F(LayerTreeTest, HardLinksShareTheirInodeAcrossLayers) {
  EXPECT_THAT(ListingOf({{File("a")}, {HardLink("d/b", "./a")}, {File(".wh.a"), File("c")}}),
              ElementsAre("c = 2.1", "d/", "d/b = 0.0"));
  EXPECT_TRUE(Lay({{File("a"), HardLink("b", "a"), Symlink("s", "a"), HardLink("t", "s")}}).ok());
  const SquashfsInode::Entries& root = *flat_.tree.inodes[0].entries;
  EXPECT_EQ(root.at("a"), root.at("b"));
  EXPECT_EQ(root.at("s"), root.at("t"));
}

TEST_F(LayerTreeTest, HardLinksThatLeadNowhereAreRefused) {
  ExpectRefused({{HardLink("a", "none")}}, "it is a hard link to what isn't there");
  ExpectRefused({{File("a")}, {File(".wh.a"), HardLink("b", "a")}},
                "it is a hard link to what isn't there");
  ExpectRefused({{Directory("d"), HardLink("a", "d")}}, "it is a hard link to a directory");
  ExpectRefused({{HardLink("a", "../b")}}, "of its link's target: its path climbs");
  ExpectRefused({{HardLink("a", "/b")}}, "of its link's target: its path is absolute");
  ExpectRefused({{Symlink("l", "d"), File("d/f"), HardLink("a", "l/f")}},
                "it goes through a symlink");
}

TEST_F(LayerTreeTest, NothingGoesThroughALinkOrAFile) {
  ExpectRefused({{Symlink("a/link", "/etc"), File("a/link/passwd")}}, "it goes through a symlink");
  ExpectRefused({{Symlink("link", "/etc")}, {File("link/passwd")}}, "it goes through a symlink");
  ExpectRefused({{Symlink("link", "/etc")}, {File("link/deep/passwd")}},
                "it goes through a symlink");
  ExpectRefused({{Symlink("link", "d")}, {File("link/.wh.x/y")}}, "it lies below a whiteout");
  ExpectRefused({{Symlink("link", "d")}, {File("link/d/.wh.x")}}, "it goes through a symlink");
  ExpectRefused({{Symlink("link", "d")}, {File("link/.wh.x")}}, "it goes through a symlink");
  ExpectRefused({{File("file")}, {File("file/below")}}, "it lies below what is no directory");
}

TEST_F(LayerTreeTest, PathsThatLeaveTheImageAreRefused) {
  ExpectRefused({{File("../a")}}, "its path climbs");
  ExpectRefused({{File("a/../../b")}}, "its path climbs");
  ExpectRefused({{File("a/..")}}, "its path climbs");
  ExpectRefused({{File("/etc/passwd")}}, "its path is absolute");
  ExpectRefused({{File(std::string("a\0b", 3))}}, "its path holds NUL");
  ExpectRefused({{File("a/" + std::string(256, 'n'))}}, "longer than 255 bytes");
  ExpectRefused({{File("./")}}, "it would replace the root");
  ExpectRefused({{File("a/.wh.")}}, "it is a whiteout of nothing");
  ExpectRefused({{File(".wh...")}}, "it is a whiteout of nothing");
  ExpectRefused({{Symlink("a", "")}}, "it is a symlink to nothing");
}

TEST_F(LayerTreeTest, DevicesFifosAndPrivilegesAreLeftOut) {
  TarEntry device{.kind = Kind::kDevice, .path = "null"};
  TarEntry fifo{.kind = Kind::kFifo, .path = "fifo"};
  TarEntry program = File("program");
  program.mode = 06755;
  program.xattrs = {{"security.capability", "all"},
                    {"system.posix_acl_access", "x"},
                    {"trusted.overlay.opaque", "y"},
                    {"user.kept", "k"}};
  EXPECT_THAT(ListingOf({{File("null"), device, fifo, HardLink("other", "null"), program}}),
              ElementsAre("program = 0.4"));
  const SquashfsInode& inode = flat_.tree.inodes[flat_.tree.inodes[0].entries->at("program")];
  EXPECT_EQ(inode.mode, 0755);
  EXPECT_THAT(inode.xattrs, ElementsAre(SquashfsXattr{"user.kept", "k"}));
}

TEST_F(LayerTreeTest, WhatIsInDirectoriesThatAreNotTheImagesIsLeftOut) {
  EXPECT_THAT(ListingOf({{File("dropped/a"), HardLink("kept", "dropped/a"), File("x/dropped/a")}}),
              ElementsAre("dropped/", "kept = 0.0", "x/", "x/dropped/", "x/dropped/a = 0.2"));
}

TEST_F(LayerTreeTest, LimitsCountDirectoriesThatOnlyPathsName) {
  EXPECT_TRUE(Lay({{File("a/b/c")}}, {3, 1, 100}).ok());
  EXPECT_EQ(Lay({{File("a/b/c/d")}}, {3, 1, 100}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Lay({{File("a")}, {File("b")}}, {3, 1, 100}).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Lay({{Symlink("abc", "defg")}}, {3, 1, 6}).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Lay({{File("a", ~uint64_t{0} >> 1)}}).code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace hpcc
