"""A C project of many units that take a compiler no time, so that a build of it is what each unit
costs hpcc and its caches. Built as Lua is: `make -C src o CC=... CFLAGS=...`."""

import random

UNITS = 24
BULKY_EVERY = 7  # among them a few with an object of some size
BULK = 40_000  # bytes

MAKEFILE = """\
OBJECTS = $(patsubst %.c,%.o,$(wildcard *.c))
o: $(OBJECTS)
%.o: %.c
\t$(CC) $(CFLAGS) -c -o $@ $<
"""

SHARED_HEADER = """\
#ifndef SHARED_H
#define SHARED_H
#include <stddef.h>
#include <stdint.h>
struct pair { uint32_t first, second; };
#endif
"""


def write_small_project(target):
    source = target / "src"
    source.mkdir(parents=True)
    (source / "Makefile").write_text(MAKEFILE)
    (source / "shared.h").write_text(SHARED_HEADER)
    for number in range(UNITS):
        name = "unit_%02d" % number
        (source / (name + ".h")).write_text(
            '#include "shared.h"\nuint32_t sum_%02d(const struct pair *pair);\n' % number)
        text = '#include "%s.h"\n' \
               "uint32_t sum_%02d(const struct pair *pair) { return pair->first + %d; }\n" % (
                   name, number, number)
        if number % BULKY_EVERY == 0:
            text += 'const char text_%02d[] = "%s";\n' % (
                number, random.Random(number).randbytes(BULK // 2).hex())
        (source / (name + ".c")).write_text(text)
