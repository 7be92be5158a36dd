#include "admin/auth_commands.h"

int main(int argc, char** argv) {
  return hpcc::RunAuth(argc, argv);
}
