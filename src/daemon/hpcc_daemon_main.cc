#include "daemon/daemon_program.h"

int main(int argc, char** argv) {
  return hpcc::RunDaemon(argc, argv);
}
