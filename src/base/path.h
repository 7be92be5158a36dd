#ifndef HPCC_BASE_PATH_H_
#define HPCC_BASE_PATH_H_

// Lexical operations on paths. Nothing here touches a disk.

#include <string>
#include <string_view>

namespace hpcc::path {

bool IsAbsolute(std::string_view path);

// "a" + "b" -> "a/b"; an absolute `name` stands alone; an empty `directory` adds nothing.
std::string Join(std::string_view directory, std::string_view name);

// What stands before the last slash: "" for "a", "/" for "/a", "a" for "a/b".
std::string_view Dirname(std::string_view path);
// What stands after the last slash.
std::string_view Basename(std::string_view path);
// With the dot, of the base name: ".c" for "dir.x/a.c", "" for "a" and for ".profile".
std::string_view Extension(std::string_view path);
// The path without its Extension().
std::string_view WithoutExtension(std::string_view path);

// Without each "./" in front, as compilers print what they read: "./a" and ".//a" are "a".
std::string_view WithoutDot(std::string_view path);

// Removes "." and empty components, and ".." together with what stands before it. Wrong where a
// component is a symlink followed by "..", so never use it to decide what a compiler would read.
std::string Normalize(std::string_view path);

// Whether `path` is `directory` or lies below it, compared component by component as spelled;
// slashes at the end of `directory` don't matter. Every relative path is below "".
bool IsBelow(std::string_view path, std::string_view directory);

// Whether a name means another file to each process that opens it: below /proc and /dev/fd, and
// the standard streams in /dev.
bool IsPerProcess(std::string_view path);

}  // namespace hpcc::path

#endif  // HPCC_BASE_PATH_H_
