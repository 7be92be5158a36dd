#include "compiler/comment_finder.h"

#include <gtest/gtest.h>

#include <string>

namespace hpcc {
namespace {

// Whether the X of `text` is surely in a comment.
bool Sure(const std::string& text, bool line_comments = true) {
  return IsSurelyInComment(text, text.find('X'), line_comments);
}

TEST(CommentFinderTest, FindsBothKindsOfComments) {
  for (const char* text : {
           "/* X */",
           "/*\n * from C via asm(\".include <a.h>\") X\n */",
           "int a;\n  /* don't\n * X */",
           "#define A 1 /* X */",
           "/* one */ int a; /* don't X */",
           "// X",
           "int a;  // it's X",
           "a = \"b\"; /* c */\n/* X */",
           "a(\"/* no comment */\");\n/* X */",
           "// http://example.org/*\nint a; // X",
           "/* not closed X",
           "char* a[] = {\"FOR\", \"OR\"};\n/* X */",
       }) {
    EXPECT_TRUE(Sure(text)) << text;
  }
}

TEST(CommentFinderTest, CodeIsNoComment) {
  for (const char* text : {
           "X",
           "/* a */ X",
           "/* // */ X",
           "/*\n// a */ X",
           "/* a /* b */ X",
           "asm(\"X\");",
           "asm(\"/* \" \"X\" \" */\");",
           "asm(\"//\\nX\");",
           "// a /*\nX",
           "// a\nX /* b */",
       }) {
    EXPECT_FALSE(Sure(text)) << text;
  }
}

TEST(CommentFinderTest, DoubtIsNoComment) {
  for (const char* text : {
           "f(1'000, '\"', \"/*\"); g(X); // */",
           "f(1'000, '\"', \"/*\");\ng(X);\n// */",
           "asm(\"nop \\\n// X\");",
           "asm(\"nop \?\?/\n// X\");",
           "asm(R\"(\n// X\n)\");",
           "asm(u8R\"(\n// X\n)\");",
           "asm(uR\"(\n// X\n)\");",
           "asm(UR\"(\n// X\n)\");",
           "asm(LR\"(\n// X\n)\");",
           "asm(L\\\nR\"(\n// X\n)\");",
           "R\"(\n// X\n)\";",
           "#include <sys/*X.h>",
           "/* a *\\\n/ X /* */",
           "// a \\\n/* b\nX */",
           "char c = '/*'; X /* */",
       }) {
    EXPECT_FALSE(Sure(text)) << text;
  }
}

TEST(CommentFinderTest, LineCommentsCanBeLeftAside) {
  EXPECT_FALSE(Sure("// X", /*line_comments=*/false));
  EXPECT_TRUE(Sure("/* X */", /*line_comments=*/false));
}

TEST(CommentFinderTest, TextCutAtAnyPlaceIsLookedAt) {
  const std::string text = "a \"b\" /* c \\\n */ // d\n'e' /* f */ #include <g/*h>\n/* i";
  for (size_t size = 0; size <= text.size(); ++size) {
    for (size_t position = 0; position < size; ++position) {
      IsSurelyInComment(text.substr(0, size), position, /*line_comments=*/true);
    }
  }
}

}  // namespace
}  // namespace hpcc
