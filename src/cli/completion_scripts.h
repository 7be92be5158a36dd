#ifndef HPCC_CLI_COMPLETION_SCRIPTS_H_
#define HPCC_CLI_COMPLETION_SCRIPTS_H_

#include <string_view>

namespace hpcc {

// The files of deploy/completions, put into the program by the build.
std::string_view BashCompletionScript();
std::string_view ZshCompletionScript();

}  // namespace hpcc

#endif  // HPCC_CLI_COMPLETION_SCRIPTS_H_
