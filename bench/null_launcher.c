// The limit no compiler cache can beat: a launcher that only copies what the compiler made before.
//
//   NULL_DIR=<dir> NULL_RECORD=1 hpcc_bench_null cc … -c a.c -o a.o    runs cc, saves a.o (and a.d)
//   NULL_DIR=<dir>               hpcc_bench_null cc … -c a.c -o a.o    copies them back
//
// It reads no source, no header and no configuration, and checks nothing: what it leaves out is
// what a cache has to do. Outputs are kept under a hash of the working directory and the object's
// name. A command that doesn't compile, or compiles /dev/null or the standard input to find out
// what the compiler can, is executed. A compile that was not recorded is an error, so that a
// measurement can't quietly contain a real compile.

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kPathSize = 4096, kNotRecorded = 97, kBroken = 98 };

struct Command {
  int compiles;         // has -c or -S
  int wants_depfile;    // has -MD or -MMD
  const char* source;   // the last word that is no flag
  const char* object;   // -o, or NULL
  const char* depfile;  // -MF or -Wp,-MD,<file>, or NULL
};

static void Fail(const char* what) {
  dprintf(2, "null: %s: %s\n", what, strerror(errno));
  _exit(kBroken);
}

// Enough of the grammar for the command lines of the builds measured here.
static struct Command Understand(char** argv) {
  struct Command command = {0};
  for (char** word = argv + 1; *word != NULL; ++word) {
    const char* text = *word;
    if (text[0] != '-') {
      command.source = text;
    } else if (strcmp(text, "-c") == 0 || strcmp(text, "-S") == 0) {
      command.compiles = 1;
    } else if (strcmp(text, "-MD") == 0 || strcmp(text, "-MMD") == 0) {
      command.wants_depfile = 1;
    } else if (strncmp(text, "-Wp,-MD,", 8) == 0 || strncmp(text, "-Wp,-MMD,", 9) == 0) {
      command.wants_depfile = 1;
      command.depfile = strrchr(text, ',') + 1;
    } else if (word[1] != NULL) {
      if (strcmp(text, "-o") == 0) {
        command.object = *++word;
      } else if (strcmp(text, "-MF") == 0) {
        command.depfile = *++word;
      } else if (strcmp(text, "-MT") == 0 || strcmp(text, "-MQ") == 0 || strcmp(text, "-I") == 0 ||
                 strcmp(text, "-isystem") == 0 || strcmp(text, "-include") == 0 ||
                 strcmp(text, "-x") == 0) {
        ++word;
      }
    }
  }
  return command;
}

// `path` with its extension, or the lack of one, replaced by `extension`.
static void ReplaceExtension(const char* path, const char* extension, char* out) {
  const char* slash = strrchr(path, '/');
  const char* dot = strrchr(slash ? slash : path, '.');
  size_t stem = dot ? (size_t)(dot - path) : strlen(path);
  if (stem + strlen(extension) >= kPathSize) Fail("path too long");
  memcpy(out, path, stem);
  strcpy(out + stem, extension);
}

static uint64_t Fnv1a(uint64_t hash, const char* text) {
  for (; *text; ++text) hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
  return hash;
}

static void KeptName(const char* dir, const char* object, const char* kind, char* out) {
  char cwd[kPathSize];
  if (getcwd(cwd, sizeof cwd) == NULL) Fail("getcwd");
  uint64_t hash = Fnv1a(Fnv1a(Fnv1a(0xcbf29ce484222325ULL, cwd), "\n"), object);
  snprintf(out, kPathSize, "%s/%016llx.%s", dir, (unsigned long long)hash, kind);
}

// Whether `from` was there to be copied.
static int Copy(const char* from, const char* to) {
  int in = open(from, O_RDONLY | O_CLOEXEC);
  if (in < 0) return 0;
  struct stat stat;
  if (fstat(in, &stat) != 0) Fail(from);
  int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (out < 0) Fail(to);
  for (off_t done = 0; done < stat.st_size;) {
    if (sendfile(out, in, &done, stat.st_size - done) <= 0) Fail(to);
  }
  if (close(out) != 0) Fail(to);
  close(in);
  return 1;
}

static void Compile(char** argv) {
  pid_t child = fork();
  if (child < 0) Fail("fork");
  if (child == 0) {
    execvp(argv[0], argv);
    Fail(argv[0]);
  }
  int status;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) Fail("waitpid");
  }
  if (status != 0) _exit(WIFEXITED(status) ? WEXITSTATUS(status) : kBroken);
}

int main(int argc, char** argv) {
  const char* dir = getenv("NULL_DIR");
  if (argc < 2 || dir == NULL) {
    dprintf(2, "usage: NULL_DIR=<dir> [NULL_RECORD=1] hpcc_bench_null <compiler> <arguments>\n");
    return kBroken;
  }
  ++argv;
  struct Command command = Understand(argv);
  if (!command.compiles || command.source == NULL || strcmp(command.source, "/dev/null") == 0) {
    execvp(argv[0], argv);
    Fail(argv[0]);
  }

  char object[kPathSize], depfile[kPathSize], kept_object[kPathSize], kept_depfile[kPathSize];
  if (command.object == NULL) {
    const char* slash = strrchr(command.source, '/');
    ReplaceExtension(slash ? slash + 1 : command.source, ".o", object);
    command.object = object;
  }
  if (command.wants_depfile && command.depfile == NULL) {
    ReplaceExtension(command.object, ".d", depfile);
    command.depfile = depfile;
  }
  KeptName(dir, command.object, "o", kept_object);
  KeptName(dir, command.object, "d", kept_depfile);

  if (getenv("NULL_RECORD") != NULL) {
    Compile(argv);
    if (!Copy(command.object, kept_object)) Fail(command.object);
    if (command.wants_depfile && !Copy(command.depfile, kept_depfile)) Fail(command.depfile);
    return 0;
  }
  if (!Copy(kept_object, command.object) ||
      (command.wants_depfile && !Copy(kept_depfile, command.depfile))) {
    dprintf(2, "null: not recorded: %s\n", command.object);
    return kNotRecorded;
  }
  return 0;
}
