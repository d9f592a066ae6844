// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_box_cli.c - words of paddock-box's command line, divided by NULs: either a request in its
 * bounds, or an error that says something. Every word is also read as each kind of value.
 */
#include "sandbox/cli.h"

#include <stdint.h>
#include <stdlib.h>

#include "sandbox/cg.h"
#include "sandbox/ids.h"
#include "sandbox/spec.h"
#include "sandbox/util.h"

enum { WORDS_MAX = 64 };

/* The names of some grants are those grants again. */
static void read_grants(const char *word)
{
	int grants = box_grants_parse(word);
	char again[128] = "";

	if (grants < 0)
		return;
	BOX_ASSERT(grants > 0 && grants <= BOX_GRANT_ALL);
	for (int bit = 1; bit <= grants; bit <<= 1)
		if (grants & bit)
			util_print(again + strlen(again), sizeof(again) - strlen(again), "%s,",
				   box_grant_name((enum box_grant)bit));
	BOX_ASSERT(box_grants_parse(again) == grants);
}

static void read_numbers(const char *word)
{
	uint64_t plain = 0, bytes = 0, us = 0, most = 0;
	bool is_plain = util_parse_u64(word, UINT64_MAX, &plain) == 0;

	BOX_ASSERT(util_parse_u64(word, 100, &most) < 0 || (is_plain && most == plain));
	if (util_parse_bytes(word, &bytes) == 0)
		BOX_ASSERT(!is_plain || bytes == plain);
	else
		BOX_ASSERT(!is_plain);
	if (util_parse_duration(word, &us) == 0)
		BOX_ASSERT(!is_plain || us == plain * 1000000);
}

static void read_word(const char *word)
{
	uint64_t pidns, pid, start;
	struct ids_map map;
	char path[64];
	uint32_t first;

	read_grants(word);
	read_numbers(word);
	BOX_ASSERT(box_level_parse(word) < BOX_LEVEL_MAX);
	BOX_ASSERT(box_workspace_parse(word) < BOX_WORKSPACE_MAX);
	BOX_ASSERT(box_network_parse(word) < BOX_NETWORK_MAX);
	(void)cg_parse_name(word, &pidns, &pid, &start);
	if (cg_find_path(word, "memory", path, sizeof(path)) == 0)
		BOX_ASSERT(strlen(path) < sizeof(path));
	if (ids_parse(word, &map) == 0)
		(void)ids_outside(&map, 1000);
	BOX_ASSERT(ids_find_sub(word, "user", 1000, &first) <= IDS_PER_SLOT);
}

static void check(const struct cli *cli)
{
	BOX_ASSERT(cli->verb <= CLI_VERSION && cli->slots <= SPEC_SLOTS_MAX);
	BOX_ASSERT(cli->json_fd >= 0 && cli->json_fd < 1024);
	if (cli->verb == CLI_RUN || cli->verb == CLI_EXPLAIN) {
		BOX_ASSERT(!spec_validate(&cli->spec) && cli->spec.argv[0]);
		BOX_ASSERT(cli->spec.n_binds <= BOX_BINDS_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *words[WORDS_MAX + 2] = { (char *)"paddock-box" }, *text = malloc(size + 1);
	struct box_error err = { "" };
	struct cli cli;
	int n = 1;

	BOX_ASSERT(text);
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *at = text; at < text + size && n <= WORDS_MAX; at += strlen(at) + 1) {
		words[n++] = at;
		read_word(at);
	}
	if (cli_parse(n, words, &cli, &err) == 0)
		check(&cli);
	else
		BOX_ASSERT(err.text[0] && strnlen(err.text, sizeof(err.text)) < sizeof(err.text));
	free(text);
	return 0;
}
