#ifndef HPCC_COMPILER_PROGRAM_FILES_H_
#define HPCC_COMPILER_PROGRAM_FILES_H_

// The files a program's behaviour is made of.

#include <string>
#include <string_view>
#include <vector>

#include "base/environment.h"
#include "base/file_system.h"

namespace hpcc {

// Whether the file starts like an ELF program rather than like a script.
bool IsElfProgram(FileSystem& fs, const std::string& path);

// The shared libraries the dynamic linker would load for `path`, absolute, in its order; none for
// a script or a static program. Asks the dynamic linker, as ldd does.
std::vector<std::string> SharedLibrariesOf(FileSystem& fs, const Environment& environment,
                                           const std::string& path);

// The absolute paths in what the dynamic linker prints.
std::vector<std::string> ParseLoadedObjects(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_COMPILER_PROGRAM_FILES_H_
