#ifndef HPCC_CACHE_CLOSURE_RECORD_TEST_SUPPORT_H_
#define HPCC_CACHE_CLOSURE_RECORD_TEST_SUPPORT_H_

// Tests of closures change the world around a recorded compile so that the compiler would now make
// something else, and check that the record is not served. That the compiler does make something
// else is checked first, with real compilers: otherwise the test would show nothing. Used by tests
// only.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache_test_support.h"

namespace hpcc {

inline std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : StrSplit(text, ' ')) words.emplace_back(word);
  return words;
}

class ClosureRecordTest : public ProjectTest {
 protected:
  // A project made by `prepare` and compiled with `args`, then changed by `change`.
  void ExpectNotServed(const std::vector<std::string>& compilers,
                       const std::vector<std::string>& args, const std::function<void()>& prepare,
                       const std::function<void()>& change) {
    for (const std::string& compiler : compilers) {
      SCOPED_TRACE(compiler);
      Clear();
      prepare();
      RecordedCompile compile(compiler, args, cwd_, environment_);
      const std::string before = compile.PlainOutput();
      ASSERT_FALSE(before.starts_with("failed")) << before;
      ASSERT_NO_FATAL_FAILURE(compile.Record());
      if (!compile.closure().refusal && !compile.closure().needs_preprocessor) {
        ASSERT_TRUE(compile.Serves())
            << "not even while nothing has changed: " << DescribeMissReason(*compile.WhyNot());
      }
      change();
      ASSERT_NE(compile.PlainOutput(), before) << "the change makes no difference to the compiler";
      EXPECT_FALSE(compile.Serves());
    }
  }

  void ExpectServed(const std::vector<std::string>& compilers, const std::vector<std::string>& args,
                    const std::function<void()>& prepare, const std::function<void()>& change) {
    for (const std::string& compiler : compilers) {
      SCOPED_TRACE(compiler);
      Clear();
      prepare();
      RecordedCompile compile(compiler, args, cwd_, environment_);
      ASSERT_NO_FATAL_FAILURE(compile.Record());
      change();
      EXPECT_TRUE(compile.Serves());
    }
  }

  // What happens in `meanwhile` comes after the compiler's last look and before hpcc's first.
  void ExpectNotServedAfterRace(const std::vector<std::string>& args,
                                const std::function<void()>& prepare,
                                const std::function<void()>& meanwhile) {
    for (const std::string& compiler : kBoth) {
      SCOPED_TRACE(compiler);
      Clear();
      prepare();
      RecordedCompile compile(compiler, args, cwd_, environment_);
      const std::string before = compile.PlainOutput();
      ASSERT_NO_FATAL_FAILURE(compile.Record(meanwhile));
      ASSERT_NE(compile.PlainOutput(), before) << "the change makes no difference to the compiler";
      EXPECT_FALSE(compile.Serves());
    }
  }

  void Clear() {
    for (const auto& entry : std::filesystem::directory_iterator(cwd_)) {
      std::filesystem::remove_all(entry.path());
    }
  }

  const std::vector<std::string> kBoth = {"gcc", "clang"};
  const std::vector<std::string> kGcc = {"gcc"};
  const std::vector<std::string> kClang = {"clang"};
};

}  // namespace hpcc

#endif  // HPCC_CACHE_CLOSURE_RECORD_TEST_SUPPORT_H_
