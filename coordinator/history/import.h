// SPDX-License-Identifier: Apache-2.0
/*
 * import.h - what other runners measured, as samples for the store, so that the first run is
 * planned well. Files are not trusted: sizes are bounded, and an error names the line.
 *
 * How names become suite::program::case is said per format in README.md of this folder.
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_IMPORT_H
#define PADDOCK_COORDINATOR_HISTORY_IMPORT_H

#include "coordinator/history/store.h"
#include "protocol/base/arena.h"
#include "protocol/base/err.h"

#include <stddef.h>

enum import_format {
	IMPORT_AUTO,	     /* by the first bytes */
	IMPORT_JUNIT,	     /* JUnit XML, any dialect */
	IMPORT_CTEST,	     /* Testing/Temporary/CTestCostData.txt */
	IMPORT_PROVE,	     /* .prove, prove --state=save */
	IMPORT_LIT,	     /* .lit_test_times.txt */
	IMPORT_PYTEST_SPLIT, /* .test_durations */
	IMPORT_FORMAT_MAX,
};

enum {
	IMPORT_FILE_BYTES = 512 << 20,
	IMPORT_SAMPLES = 4 << 20,
};

struct import_options {
	enum import_format format;
	struct str suite;   /* of names that do not say one; not empty */
	struct str program; /* likewise; empty: the format's rule */
};

/* Samples read. Zeroed is empty; texts are in the arena. */
struct import {
	struct arena arena;
	struct store_sample *items;
	size_t len, cap;
};

/* "junit", "ctest", "prove", "lit", "pytest-split", "auto"; NULL past the end. */
const char *import_format_name(enum import_format format);

/* The format called `name`, or -EINVAL. */
int import_format_parse(struct str name);

/* Add the samples in `bytes`; `name` is for errors. 0, or -EPROTO, -EFBIG, -ENOMEM with err; then
 * some may have been added. */
int import_bytes(struct import *import, const char *name, struct str bytes,
		 const struct import_options *options, struct err *err);

/* The same of a file. */
int import_file(struct import *import, const char *path, const struct import_options *options,
		struct err *err);

/* Add one sample: texts are copied. For the readers of formats. 0, -EFBIG, -EMSGSIZE, -ENOMEM. */
int import_add(struct import *import, const struct store_sample *sample);

/* Free everything and zero. Accepts NULL. */
void import_done(struct import *import);

#endif
