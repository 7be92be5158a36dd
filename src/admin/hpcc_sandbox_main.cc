#include "admin/sandbox_commands.h"

int main(int argc, char** argv) {
  return hpcc::RunSandbox(argc, argv);
}
