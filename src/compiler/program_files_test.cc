#include "compiler/program_files.h"

#include "base/bytes.h"
#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kElf[] =
    "\x7f"
    "ELF";

TEST(LoadedObjectsTest, WhatHasAPlaceIsListedInOrder) {
  EXPECT_THAT(ParseLoadedObjects("\tlinux-vdso.so.1 (0x00007ffd5b1f2000)\n"
                                 "\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f0e5)\n"
                                 "\tlibgone.so => not found\n"
                                 "\t/opt/with blank/libc.so.6 (0x00007f0e1)\n"
                                 "\t/lib64/ld-linux-x86-64.so.2 (0x00007f0e9)\n"),
              ElementsAre("/lib/x86_64-linux-gnu/libz.so.1", "/opt/with blank/libc.so.6",
                          "/lib64/ld-linux-x86-64.so.2"));
}

TEST(LoadedObjectsTest, NothingIsFoundInOtherText) {
  EXPECT_THAT(ParseLoadedObjects(""), IsEmpty());
  EXPECT_THAT(ParseLoadedObjects("\tstatically linked\n"), IsEmpty());
  EXPECT_THAT(ParseLoadedObjects("gcc (Debian) 12.2.0\n"), IsEmpty());
}

class ProgramFilesTest : public testing::Test {
 protected:
  ProgramFilesTest() {
    environment_.Set("PATH", Environment::OfThisProcess().GetOrEmpty("PATH"));
    directory_.Write("main.c", "int main(void) { return 0; }\n");
  }

  std::string At(const std::string& name) const { return StrCat(directory_.path(), "/", name); }

  std::vector<std::string> Libraries(const std::string& name) {
    return SharedLibrariesOf(FileSystem::Real(), environment_, At(name));
  }

  // A 64-bit little-endian ELF file of `size` bytes that says it has one program header, at
  // `offset`; of `type`, where that place is inside the file.
  static std::string ElfFile(uint32_t type, uint64_t offset, size_t size) {
    std::string file(size, '\0');
    file.replace(0, 6, std::string(kElf) + "\x02\x01");
    ByteWriter place;
    place.Fixed64(offset);
    file.replace(32, 8, place.Take());
    file[54] = 56;
    file[56] = 1;
    ByteWriter entry;
    entry.Fixed32(type);
    if (offset <= size && size - offset >= 4) file.replace(offset, 4, entry.Take());
    return file;
  }

  ScratchDirectory directory_;
  Environment environment_;
};

TEST_F(ProgramFilesTest, OnlyWhatStartsLikeElfIsAProgram) {
  directory_.Write("program", std::string(kElf) + "...");
  directory_.Write("script", "#!/bin/sh\n");
  directory_.Write("short",
                   "\x7f"
                   "EL");
  directory_.Write("empty", "");
  const auto is_program = [&](const char* name) {
    return IsElfProgram(FileSystem::Real(), At(name));
  };
  EXPECT_TRUE(is_program("program"));
  EXPECT_FALSE(is_program("script"));
  EXPECT_FALSE(is_program("short"));
  EXPECT_FALSE(is_program("empty"));
  EXPECT_FALSE(is_program("missing"));
  EXPECT_FALSE(is_program("d"));
}

TEST_F(ProgramFilesTest, LibrariesOfAProgramAreFilesThatCanBeHashed) {
  ASSERT_EQ(directory_.Run("gcc main.c -o program"), 0) << directory_.Read("stderr.txt");
  const std::vector<std::string> libraries = Libraries("program");
  EXPECT_THAT(libraries, Contains(HasSubstr("/libc.so")));
  for (const std::string& library : libraries) {
    EXPECT_TRUE(IsElfProgram(FileSystem::Real(), library)) << library;
  }
}

TEST_F(ProgramFilesTest, LibrariesAreThoseOfTheEnvironmentGiven) {
  directory_.Write("part.c", "int part(void) { return 0; }\n");
  directory_.Write("main.c", "int part(void);\nint main(void) { return part(); }\n");
  ASSERT_EQ(directory_.Run("mkdir one two && gcc -shared -fPIC part.c -o one/libpart.so && "
                           "cp one/libpart.so two && gcc main.c -Lone -lpart -o program"),
            0)
      << directory_.Read("stderr.txt");
  for (const char* place : {"one", "two"}) {
    environment_.Set("LD_LIBRARY_PATH", At(place));
    EXPECT_THAT(Libraries("program"), Contains(At(StrCat(place, "/libpart.so"))));
  }
}

TEST_F(ProgramFilesTest, StaticProgramIsNotRunToBeAsked) {
  directory_.Write("main.c", StrCat("#include <stdio.h>\nint main(void) { return fopen(\"",
                                    At("ran"), "\", \"w\") == 0; }\n"));
  ASSERT_EQ(directory_.Run("gcc -static main.c -o program"), 0) << directory_.Read("stderr.txt");
  EXPECT_THAT(Libraries("program"), IsEmpty());
  EXPECT_THAT(directory_.Files(), Not(Contains("ran")));
  ASSERT_EQ(directory_.Run("./program"), 0);
  EXPECT_THAT(directory_.Files(), Contains("ran")) << "the test itself shows nothing";
}

TEST_F(ProgramFilesTest, ScriptIsNotRunToBeAsked) {
  directory_.Write("script", StrCat("#!/bin/sh\necho ' => /etc/passwd (0)'; touch ", At("ran")));
  std::filesystem::permissions(At("script"), std::filesystem::perms(0755));
  EXPECT_THAT(Libraries("script"), IsEmpty());
  EXPECT_THAT(directory_.Files(), Not(Contains("ran")));
}

TEST_F(ProgramFilesTest, TableThatLeadsOutOfTheFileIsNoProgramToAsk) {
  constexpr uint32_t kInterpreter = 3;
  for (const std::string& file :
       {ElfFile(kInterpreter, 100, 102), ElfFile(kInterpreter, 1000, 200),
        ElfFile(kInterpreter, UINT64_MAX, 200), ElfFile(kInterpreter, UINT64_MAX - 1, 200),
        ElfFile(kInterpreter, 64, 128).substr(0, 40), ElfFile(kInterpreter + 1, 64, 128),
        // Named as it should be, and yet nothing that could be run.
        ElfFile(kInterpreter, 64, 128)}) {
    directory_.Write("program", file);
    std::filesystem::permissions(At("program"), std::filesystem::perms(0755));
    EXPECT_THAT(Libraries("program"), IsEmpty());
  }
}

}  // namespace
}  // namespace hpcc
