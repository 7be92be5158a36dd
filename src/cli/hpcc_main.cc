#include "base/start_pages.h"
#include "cli/command_line.h"

#ifdef HPCC_POPULATES_EARLY
// Before what the libraries do first, which touches a good part of the pages.
__attribute__((section(".preinit_array"),
               used)) static void (*const populate)() = &hpcc::PopulateVariables;
#endif

int main(int argc, char** argv) {
  return hpcc::RunCommandLine(argc, argv);
}
