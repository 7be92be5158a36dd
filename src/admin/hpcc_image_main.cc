#include "admin/image_commands.h"

int main(int argc, char** argv) {
  return hpcc::RunImage(argc, argv);
}
