#ifndef HPCC_COMPILER_GNU_OUTPUTS_H_
#define HPCC_COMPILER_GNU_OUTPUTS_H_

// The names gcc and clang give to files whose names the command line leaves to them. Found by
// trying gcc 12 and clang 14 (gnu_outputs_test.cc does it again). With S the source, O the value of
// -o, and stem(S) the base name of S without its last suffix:
//
//   object, no -o        stem(S).o            clang with -emit-llvm: .bc
//   assembly, no -o      stem(S).s            clang with -emit-llvm: .ll
//   dependency file      O with its suffix replaced by .d; stem(S).d
//   .dwo .gcno .su       O with its suffix replaced; stem(S) with it. Where the base name of O is
//                        only a suffix ("dir/.o"), gcc appends ("dir/.o.dwo") and clang replaces
//                        ("dir/.dwo").
//   .dwo of clang -S     stem(S).dwo in the working directory, whatever O is
//
// In a dependency file the target is O; without -o it is stem(S).o, also for -S. gcc drops a
// leading
// "./" from every target, and takes stem(S).o when the file was asked for as -Wp,-MD,file.

#include <string>
#include <string_view>

namespace hpcc {

// Base name without the last suffix: "foo.bar" for "d/foo.bar.c".
std::string_view StemOf(std::string_view source);

// `output` with the suffix of its base name replaced by `suffix`, which begins with a dot. What
// clang does everywhere, and gcc for dependency files: "d/.o" becomes "d/.d".
std::string ReplaceSuffix(std::string_view output, std::string_view suffix);

// The name of a file that stands beside the object. `output` is empty when there was no -o.
std::string NameBesideOutput(std::string_view source, std::string_view output,
                             std::string_view suffix, bool is_clang);

// A dependency target as gcc writes it: without "./" in front.
std::string_view WithoutLeadingDots(std::string_view target);

}  // namespace hpcc

#endif  // HPCC_COMPILER_GNU_OUTPUTS_H_
