#include <array>
#include <string_view>

#include "admin/command_program.h"
#include "admin/image_commands.h"
#include "base/process_limits.h"

namespace hpcc {

namespace {

constexpr std::array<const Command*, 5> kCommands = {&kImagePullCommand, &kImageBuildCommand,
                                                     &kImageListCommand, &kImageInspectCommand,
                                                     &kImageRemoveCommand};

constexpr std::string_view kHelp =
    "Usage: hpcc image pull IMAGE      get an image from a registry, a layout or an archive\n"
    "       hpcc image build IMAGE     make the root of sandboxes of it\n"
    "       hpcc image list            the images and roots there are\n"
    "       hpcc image inspect IMAGE   what an image is made of\n"
    "       hpcc image remove IMAGE    forget an image, its roots and what no other needs\n"
    "\n"
    "'hpcc image pull --help' tells the options of one. The manual is hpcc-image(1).\n";

}  // namespace

int RunImage(int argc, char** argv) {
  KeepMemoryPrivate();  // it holds logins to registries
  return RunCommandProgram({"image", kHelp, kCommands}, argc, argv);
}

}  // namespace hpcc
