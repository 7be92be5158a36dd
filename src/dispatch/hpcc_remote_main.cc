#include "remote/remote_program.h"

int main(int argc, char** argv) {
  return hpcc::RunRemote(argc, argv);
}
