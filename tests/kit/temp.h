// SPDX-License-Identifier: Apache-2.0
/* temp.h - files and folders of one test, in TMPDIR or /tmp. They report through cmocka. */
#ifndef PADDOCK_TESTS_KIT_TEMP_H
#define PADDOCK_TESTS_KIT_TEMP_H

#include <stddef.h>

/* Makes an empty folder; its absolute path goes to `out`. */
void temp_folder(char *out, size_t size);

/* Makes an empty file; its absolute path goes to `out`. Returns it open for reading and writing. */
int temp_file(char *out, size_t size);

/* Removes a folder and all that is in it. */
void temp_remove(const char *folder);

/* Runs a line of sh, which has to succeed. */
void temp_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
