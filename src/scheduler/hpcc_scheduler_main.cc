#include "scheduler/scheduler_program.h"

int main(int argc, char** argv) {
  return hpcc::RunScheduler(argc, argv);
}
