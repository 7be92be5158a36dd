#include <memory>

#include "dispatch/dispatcher.h"
#include "remote/remote_program.h"

int main(int argc, char** argv) {
  return hpcc::RunRemote(argc, argv, [](hpcc::FileSystem& fs, hpcc::Clock& clock) {
    return std::make_unique<hpcc::Dispatcher>(fs, clock);
  });
}
