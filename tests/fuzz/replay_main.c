// SPDX-License-Identifier: Apache-2.0
/*
 * replay_main.c - feeds stored inputs to a fuzz target without a fuzzer, so that every corpus is a
 * regression test of every build. Arguments are files or folders of files. An empty corpus is a
 * failure: a target nobody feeds proves nothing. Not for finding new inputs; libFuzzer does that.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_BYTES_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long inputs;

static int fail(const char *what, const char *path)
{
	fprintf(stderr, "replay: cannot %s %s: %s\n", what, path, strerror(errno));
	return -1;
}

/* A copy of exactly `size` bytes, so that a sanitizer sees one byte read too many. */
static int replay_bytes(FILE *file, size_t size, const char *path)
{
	uint8_t *data = malloc(size ? size : 1);
	if (!data)
		return fail("hold", path);
	if (fread(data, 1, size, file) != size) {
		free(data);
		return fail("read", path);
	}
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	inputs++;
	return 0;
}

static int replay_file(const char *path, const struct stat *st)
{
	if (st->st_size > INPUT_BYTES_MAX) {
		errno = EFBIG;
		return fail("replay", path);
	}
	FILE *file = fopen(path, "rbe");
	if (!file)
		return fail("open", path);
	int rc = replay_bytes(file, (size_t)st->st_size, path);
	fclose(file);
	return rc;
}

static int replay(const char *path);

static int replay_folder(const char *path)
{
	DIR *dir = opendir(path);
	if (!dir)
		return fail("open", path);
	int rc = 0;
	struct dirent *entry;
	while (rc == 0 && (entry = readdir(dir))) {
		char child[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		rc = replay(child);
	}
	closedir(dir);
	return rc;
}

static int replay(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return fail("find", path);
	return S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path, &st);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) != 0)
			return 1;
	printf("replayed %lu inputs\n", inputs);
	if (inputs == 0)
		fprintf(stderr, "replay: the corpus is empty, put seeds into tests/fuzz/corpus\n");
	return inputs ? 0 : 1;
}
