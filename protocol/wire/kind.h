// SPDX-License-Identifier: Apache-2.0
/*
 * kind.h - the test frameworks paddock speaks with, by name, and which of them a file belongs to.
 * Shared by the worker, whose adapters drive them, and by the command line, which looks for suites.
 */
#ifndef PADDOCK_WIRE_KIND_H
#define PADDOCK_WIRE_KIND_H

#include "protocol/base/str.h"

#include <stdbool.h>

/* Names travel and are stored, the numbers do not. */
enum kind {
	KIND_GTEST,
	KIND_CTEST,	      /* a build folder with CTestTestfile.cmake */
	KIND_TAP,	      /* one file that prints TAP */
	KIND_GLIB,	      /* a program of g_test_run() */
	KIND_INSTALLED_TESTS, /* a .test key file of GNOME */
	KIND_PYTEST,
	KIND_LIST, /* commands, one per line; or one plain program judged by its exit code */
	KIND_MAX,
};

/* "gtest", "installed-tests", ...: what paddock.yaml and messages call it. */
const char *kind_name(enum kind kind);

/* The kind called `name`, or -EINVAL ("auto" is not one: it asks for kind_detect). */
int kind_parse(struct str name);

/*
 * The kind of a regular file, from its name (a path will do), its content or the part of it that
 * was read, and whether it may be executed; or -ENOENT when nothing says that it is a test. Pure
 * and linear in the bytes. ELF files need their whole content (frameworks are told by symbols and
 * texts anywhere), everything else the first 64 KiB.
 *
 * Careful by design, since it also judges every file of a folder: a text file is a list only when
 * its name ends in
 * ".list", and a program of no known framework is nothing. A file that a human named on purpose may
 * be taken further: an executable as KIND_LIST with itself as the command, a kind_is_text file as
 * KIND_LIST.
 */
int kind_detect(struct str name, struct str bytes, bool executable);

/* The kind of a folder that holds the file `name`: KIND_CTEST for "CTestTestfile.cmake", else
 * -ENOENT. */
int kind_detect_folder(struct str name);

/* Is it text a human wrote: no NUL and no control bytes but white space and escapes? The empty file
 * is not. */
bool kind_is_text(struct str bytes);

#endif
