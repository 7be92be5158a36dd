#ifndef HPCC_CLIENT_WRAPPER_H_
#define HPCC_CLIENT_WRAPPER_H_

#include <string>
#include <vector>

namespace hpcc {

// Compiles through the cache. `words` are the compiler and its arguments; with `masquerade` the
// compiler is the name this program was called by. The value is the exit status; ends the process
// itself where the compiler was ended by a signal or stands in its place.
int RunWrapper(const std::vector<std::string>& words, bool masquerade);

}  // namespace hpcc

#endif  // HPCC_CLIENT_WRAPPER_H_
