#include "compiler/include_prediction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "compiler/embedded_files.h"

namespace hpcc {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class PlainReader final : public SourceReader {
 public:
  explicit PlainReader(bool assembler) : assembler_(assembler) {}

  absl::StatusOr<Facts> Look(const std::string& path, const FileStat&) override {
    const absl::StatusOr<std::string> text = Text(path);
    if (!text.ok()) return text.status();
    return Facts{Digest::Of(*text),
                 std::make_shared<const ScannedText>(ScanForIncludes(*text, assembler_))};
  }
  absl::StatusOr<std::string> Text(const std::string& path) override {
    return ReadFile(FileSystem::Real(), path, 1 << 20);
  }

 private:
  const bool assembler_;
};

class IncludePredictionTest : public testing::Test {
 protected:
  IncludePredictionTest() {
    std::string pattern = testing::TempDir() + "/hpcc-predict-XXXXXX";
    root_ = std::filesystem::canonical(mkdtemp(pattern.data())).string();
  }
  ~IncludePredictionTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path(root_ + "/" + name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void Link(const std::string& name, const std::string& target) {
    std::filesystem::create_symlink(target, root_ + "/" + name);
  }

  // Of `gcc <arguments>` in the directory `cwd` below the root.
  Prediction Predict(const std::vector<std::string>& arguments, const std::string& cwd = "",
                     const std::vector<std::string>* read = nullptr) {
    FileSystem& fs = FileSystem::Real();
    const std::string directory = cwd.empty() ? root_ : root_ + "/" + cwd;
    const Environment environment;
    const Invocation invocation = ParseGnu({fs, environment, directory, "gcc"}, arguments);
    const bool assembler = invocation.language == Language::kAssembler ||
                           invocation.language == Language::kAssemblerWithCpp;
    PlainReader reader(assembler);
    const PredictionInput input{
        .invocation = &invocation,
        .cwd = directory,
        .search = BuildSearchPath(fs, directory, environment, invocation, {}),
        .root = root_,
        .read = read};
    IncludePredictor predictor(fs, reader, input);
    predictor.Run();
    if (read != nullptr) predictor.AddNames(*read);
    return predictor.prediction();
  }
  std::vector<std::string> Files(const Prediction& prediction) {
    std::vector<std::string> names;
    for (const PredictedFile& file : prediction.files) names.push_back(Short(file.path));
    return names;
  }
  std::string Short(const std::string& path) {
    return path.starts_with(root_) ? path.substr(root_.size() + 1) : path;
  }

  std::string root_;
};

TEST_F(IncludePredictionTest, EveryBranchIsFollowed) {
  Write("a.c", "#include \"one.h\"\n#if 0\n#include <two.h>\n#endif\n");
  Write("one.h", "#include \"sub/three.h\"\n");
  Write("sub/three.h", "#include \"beside.h\"\n");
  Write("sub/beside.h", "");
  Write("inc/two.h", "#include \"absent.h\"\n");
  const Prediction prediction = Predict({"-c", "a.c", "-Iinc", "-o", "a.o"});
  EXPECT_FALSE(prediction.doubt);
  EXPECT_THAT(Files(prediction),
              UnorderedElementsAre("a.c", "one.h", "sub/three.h", "sub/beside.h", "inc/two.h"));
  EXPECT_THAT(prediction.absences, IsEmpty());
}

TEST_F(IncludePredictionTest, WhatTheCompilerSaysItDoesNotReadIsLeftOut) {
  Write("a.c",
        "#include \"one.h\"\n#if 0\n#include <two.h>\n#endif\n"
        "#if __has_include(<three.h>) && __has_include(<four.h>)\n#endif\n");
  Write("inc/one.h", "#include_next <one.h>\n#if 0\n#include \"five.h\"\n#endif\n");
  Write("inc2/one.h", "");
  Write("inc3/one.h", "#include <six.h>\n");
  for (const char* name : {"two", "three", "five", "six"}) Write(StrCat("inc/", name, ".h"), "");
  const std::vector<std::string> read = {"a.c", "./inc/one.h", root_ + "/inc3/one.h"};
  const std::vector<std::string> command = {"-c", "a.c", "-Iinc", "-Iinc2", "-Iinc3"};
  const Prediction prediction = Predict(command, "", &read);
  EXPECT_FALSE(prediction.doubt);
  // Branches depend on what is asked about, read or not.
  EXPECT_THAT(Files(prediction),
              UnorderedElementsAre("a.c", "inc/one.h", "inc3/one.h", "inc/three.h"));
  EXPECT_THAT(prediction.absences, Contains(root_ + "/inc/four.h"));
  EXPECT_THAT(Files(Predict(command)), SizeIs(8));
}

TEST_F(IncludePredictionTest, TheFirstPlaceOfTheSearchCounts) {
  Write("a.c", "#include <x.h>\n");
  Write("first/x.h", "");
  Write("second/x.h", "");
  EXPECT_THAT(Files(Predict({"-c", "a.c", "-Ifirst", "-Isecond"})),
              ElementsAre("a.c", "first/x.h"));
}

TEST_F(IncludePredictionTest, IncludeNextTakesEveryPlace) {
  Write("a.c", "#include <x.h>\n");
  Write("first/x.h", "#include_next <x.h>\n");
  Write("second/x.h", "");
  EXPECT_THAT(Files(Predict({"-c", "a.c", "-Ifirst", "-Isecond"})),
              UnorderedElementsAre("a.c", "first/x.h", "second/x.h"));
}

TEST_F(IncludePredictionTest, WhatIsOnlyAskedForIsThereOrAbsent) {
  Write("a.c", "#if __has_include(<there.h>) && __has_include(<not/there.h>)\n#endif\n");
  Write("inc/there.h", "#include \"further.h\"\n");
  Write("inc/further.h", "");
  const Prediction prediction = Predict({"-c", "a.c", "-Iinc"});
  EXPECT_THAT(Files(prediction), ElementsAre("a.c", "inc/there.h"));
  EXPECT_THAT(prediction.absences, ElementsAre(root_ + "/inc/not"));
}

TEST_F(IncludePredictionTest, ForcedIncludesAreRead) {
  Write("a.c", "");
  Write("forced.h", "#include \"more.h\"\n");
  Write("more.h", "");
  EXPECT_THAT(Files(Predict({"-c", "a.c", "-include", "forced.h"})),
              UnorderedElementsAre("a.c", "forced.h", "more.h"));
  EXPECT_TRUE(Predict({"-c", "a.c", "-include", "absent.h"}).doubt);
}

TEST_F(IncludePredictionTest, LinksOnTheWayAreKept) {
  Write("real/x.h", "#include \"y.h\"\n");
  Write("real/y.h", "");
  Write("a.c", "#include <x.h>\n");
  Link("alias", "real");
  Link("b.c", "a.c");
  const Prediction prediction = Predict({"-c", "b.c", "-Ialias"});
  EXPECT_THAT(Files(prediction), UnorderedElementsAre("a.c", "real/x.h", "real/y.h"));
  EXPECT_THAT(prediction.links, UnorderedElementsAre(TracedLink{root_ + "/alias", "real"},
                                                     TracedLink{root_ + "/b.c", "a.c"}));
  EXPECT_FALSE(prediction.leaves_root);
}

TEST_F(IncludePredictionTest, IncludesAreLookedForBesideTheNameOfALink) {
  Write("far/x.h", "#include \"y.h\"\n");
  Write("near/y.h", "");
  Write("a.c", "#include \"near/x.h\"\n");
  Link("near/x.h", "../far/x.h");
  EXPECT_THAT(Files(Predict({"-c", "a.c"})), UnorderedElementsAre("a.c", "far/x.h", "near/y.h"));
}

TEST_F(IncludePredictionTest, DirectoriesThatAreLeftAgainMustExist) {
  Write("a.c", "#include \"sub/../x.h\"\n");
  Write("x.h", "");
  std::filesystem::create_directory(root_ + "/sub");
  const Prediction prediction = Predict({"-c", "a.c"});
  EXPECT_THAT(prediction.directories, Contains(root_ + "/sub"));
  EXPECT_FALSE(prediction.leaves_root);
}

TEST_F(IncludePredictionTest, NamesThatClimbOverTheRootAreNoticed) {
  std::ofstream(root_ + "-beside.h") << "";
  const std::string name(std::filesystem::path(root_ + "-beside.h").filename());
  Write("a.c", "#include \"../" + name + "\"\n");
  EXPECT_TRUE(Predict({"-c", "a.c"}).leaves_root);
  std::filesystem::remove(root_ + "-beside.h");
}

TEST_F(IncludePredictionTest, HeadersThatIncludeEachOtherComeToAnEnd) {
  Write("a.c", "#include \"d/x.h\"\n");
  Write("d/x.h", "#include \"../e/y.h\"\n");
  Write("e/y.h", "#include \"../d/x.h\"\n");
  EXPECT_THAT(Files(Predict({"-c", "a.c"})), UnorderedElementsAre("a.c", "d/x.h", "e/y.h"));
}

TEST_F(IncludePredictionTest, MacrosThatNameHeadersAreTheCompilersToTell) {
  Write("a.c", "#define H \"x.h\"\n#include H\n");
  EXPECT_TRUE(Predict({"-c", "a.c"}).asks_for_computed_names);
  Write("b.c", "#if __has_include(H)\n#endif\n");
  EXPECT_TRUE(Predict({"-c", "b.c"}).doubt);
}

TEST_F(IncludePredictionTest, MacrosThatAskAreFollowedWhereTheyAreUsed) {
  Write("a.c", "#include \"ask.h\"\n#if HAVE(<there.h>) || HAVE(<absent.h>)\n#endif\n");
  Write("ask.h", "#define HAVE(x) __has_include(x)\n");
  Write("inc/there.h", "");
  const Prediction prediction = Predict({"-c", "a.c", "-Iinc"});
  EXPECT_FALSE(prediction.doubt) << *prediction.doubt;
  EXPECT_THAT(Files(prediction), UnorderedElementsAre("a.c", "ask.h", "inc/there.h"));
  EXPECT_THAT(prediction.absences, ElementsAre(root_ + "/inc/absent.h"));
}

TEST_F(IncludePredictionTest, PrecompiledHeadersAreADoubt) {
  Write("a.c", "#include \"x.h\"\n");
  Write("x.h", "");
  Write("x.h.gch", "");
  EXPECT_TRUE(Predict({"-c", "a.c"}).doubt);
}

TEST_F(IncludePredictionTest, CopiesOfWhatIsReadOnlyOnceAreADoubt) {
  Write("a.c", "#include \"x.h\"\n#include \"d/x.h\"\n");
  Write("x.h", "#pragma once\nint x;\n");
  Write("d/x.h", "#pragma once\nint x;\n");
  EXPECT_TRUE(Predict({"-c", "a.c"}).doubt);
  Write("d/x.h", "#pragma once\nint y;\n");
  EXPECT_FALSE(Predict({"-c", "a.c"}).doubt);
}

TEST_F(IncludePredictionTest, AssemblyIsFollowedByItsOwnDirectives) {
  const std::string directive = std::string(".inc") + "bin";
  Write("a.S", "#include \"x.h\"\n" + directive + " \"data.bin\"\n.include \"more.inc\"\n");
  Write("x.h", "");
  Write("data.bin", "bytes");
  Write("inc/more.inc", directive + " \"deep.bin\"\n");
  Write("deep.bin", "deep");
  const Prediction prediction = Predict({"-c", "a.S", "-Iinc"});
  EXPECT_FALSE(prediction.doubt) << *prediction.doubt;
  EXPECT_THAT(Files(prediction),
              UnorderedElementsAre("a.S", "x.h", "data.bin", "inc/more.inc", "deep.bin"));
  Write("b.s", directive + " \"data.bin\"\n");
  EXPECT_THAT(Files(Predict({"-c", "b.s"})), UnorderedElementsAre("b.s", "data.bin"));
  Write("c.S", "#define FILE \"data.bin\"\n" + directive + " FILE\n");
  EXPECT_TRUE(Predict({"-c", "c.S"}).doubt);
}

TEST_F(IncludePredictionTest, CThatEmbedsFilesIsADoubt) {
  Write("a.c", std::string("__asm__(\".inc") + "bin \\\"data.bin\\\"\");\n");
  EXPECT_TRUE(Predict({"-c", "a.c"}).doubt);
}

TEST_F(IncludePredictionTest, PreprocessedSourcesIncludeNothing) {
  Write("a.i", "#include \"x.h\"\n");
  Write("x.h", "");
  EXPECT_THAT(Files(Predict({"-c", "a.i"})), ElementsAre("a.i"));
}

TEST(EmbeddedFilesTest, NamesStandBetweenQuotes) {
  const std::string bytes = std::string(".inc") + "bin";
  const auto files = FindEmbeddedFiles(bytes + " \"a\"\n .INCLUDE\t\"b\"\n.includes \"c\"\n");
  ASSERT_TRUE(files);
  EXPECT_THAT(*files, UnorderedElementsAre(EmbeddedFile{"a", false}, EmbeddedFile{"b", true}));
  for (const std::string operand : {" \\name", " \"\\name\"", " \"a", "", " \"\""}) {
    EXPECT_FALSE(FindEmbeddedFiles(bytes + operand + "\n")) << operand;
  }
}

}  // namespace
}  // namespace hpcc
