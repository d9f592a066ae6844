// SPDX-License-Identifier: Apache-2.0
/* libpq.c - see libpq.h. It stays loaded until the process ends. */
#include "coordinator/history/libpq.h"

#include <dlfcn.h>
#include <errno.h>

#define LIBRARY "libpq.so.5"

struct libpq libpq;

static void *find(void *library, const char *name, const char **missing)
{
	void *function = dlsym(library, name);
	if (!function)
		*missing = name;
	return function;
}

int libpq_load(struct err *err)
{
	if (libpq.clear)
		return 0;
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(err, -ENOENT,
			       "opening a history in PostgreSQL: %s; install its client library "
			       "(libpq5)",
			       dlerror());
	struct libpq loaded;
	const char *missing = NULL;
#define FUNCTION(name) *(void **)&loaded.name = find(library, "PQ" #name, &missing);
#include "coordinator/history/libpq.def"
	if (missing)
		return err_set(err, -ENOENT,
			       "opening a history in PostgreSQL: " LIBRARY " has no %s; install "
			       "libpq5 14 or newer",
			       missing);
	libpq = loaded;
	return 0;
}
