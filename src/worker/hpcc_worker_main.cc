#include "worker/worker_program.h"

int main(int argc, char** argv) {
  return hpcc::RunWorker(argc, argv);
}
