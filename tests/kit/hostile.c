// SPDX-License-Identifier: Apache-2.0
/*
 * hostile.c - one deed in one sandbox, and the judgement: what the catalogue expects, what is known
 * to be otherwise, and what is wrong. Anything touched outside is wrong whatever the deed itself
 * has said.
 */
#include "tests/kit/hostile.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROOT = 1, USER = 2, BOTH = 3, RACY = 4, S = 1, D = 2, P = 4 };

const enum box_level hostile_levels[HOSTILE_LEVELS] = { BOX_LEVEL_STRICT, BOX_LEVEL_DEFAULT,
							BOX_LEVEL_PERMISSIVE };

/* Answers that are not as they should be, until they are mended. */
static const struct known {
	const char *name;
	int levels, who;
	const char *found;
} knowns[] = {
#define KNOWN(name, levels, who, found, why) { name, levels, who, found },
#include "tests/box/hostile/known.def"
#undef KNOWN
	{ "", 0, 0, "" },
};

enum { KNOWNS = sizeof(knowns) / sizeof(knowns[0]) - 1 };

/* Levels at which each was judged, and was found. */
static int judged[KNOWNS + 1], seen[KNOWNS + 1];

void hostile_open(struct hostile *h)
{
	const char *fixtures = getenv("PADDOCK_FIXTURES");
	int leaked = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	memset(h, 0, sizeof(*h));
	assert_non_null(fixtures);
	snprintf(h->program, sizeof(h->program), "%s/hostile", fixtures);
	h->outside = outside_new(h->program);
	/* What a careless caller leaves open for the keeper to inherit. */
	assert_true(leaked >= 0 && dup2(leaked, 57) == 57 && dup2(leaked, 58) == 58);
	close(leaked);
	boxkit_open(&h->kit, 2);
}

void hostile_close(struct hostile *h)
{
	boxkit_close(&h->kit);
	outside_free(h->outside);
	h->outside = NULL;
}

struct box_spec hostile_spec(struct hostile *h, const char *probe, int level, const char *extra)
{
	const char *const *facts = outside_facts(h->outside);
	struct box_spec spec;
	size_t n = 0;

	h->argv[n++] = h->program;
	h->argv[n++] = probe;
	for (; *facts; facts++)
		h->argv[n++] = *facts;
	h->argv[n++] = extra;
	h->argv[n] = NULL;
	spec = boxkit_spec(h->argv);
	spec.level = hostile_levels[level];
	h->binds[0] = (struct box_bind){ .path = h->program };
	spec.binds = h->binds;
	return spec;
}

void hostile_run(struct hostile *h, const struct box_spec *spec, char *found)
{
	const struct box_result *r = &h->kit.result;

	boxkit_run(&h->kit, spec);
	snprintf(found, HOSTILE_FOUND_MAX, "%.*s", (int)strcspn(h->kit.out, "\n"), h->kit.out);
	if (!found[0])
		snprintf(found, HOSTILE_FOUND_MAX, "ended by %s %d %s %s", box_cause_name(r->cause),
			 r->term_signal, r->setup_step, r->setup_object);
}

static bool starts(const char *text, const char *words, size_t length)
{
	return strncmp(text, words, length) == 0 && (text[length] == ' ' || text[length] == '\0');
}

static bool is_expected(const char *found, const char *alternatives)
{
	for (const char *at = alternatives;; at++) {
		size_t length = strcspn(at, "|");

		if (starts(found, at, length))
			return true;
		at += length;
		if (!*at)
			return false;
	}
}

static bool is_known(const char *name, int level, const char *found)
{
	int who = getuid() == 0 ? ROOT : USER;
	bool known = false;

	for (int i = 0; i < KNOWNS; i++) {
		if (strcmp(knowns[i].name, name) != 0 || !(knowns[i].levels & 1 << level) ||
		    !(knowns[i].who & who))
			continue;
		judged[i] |= 1 << level;
		if (starts(found, knowns[i].found, strlen(knowns[i].found))) {
			seen[i] |= 1 << level;
			known = true;
		}
	}
	return known;
}

enum hostile_verdict hostile_judge(struct hostile *h, const char *name, int level,
				   const char *found, const char *expected)
{
	const char *changed = outside_changed(h->outside, false);
	char both[HOSTILE_FOUND_MAX + 16];

	if (*changed)
		snprintf(both, sizeof(both), "outside %s", changed);
	else
		snprintf(both, sizeof(both), "%s", found);
	if (is_known(name, level, both))
		return HOSTILE_KNOWN;
	if (!*changed && is_expected(both, expected))
		return HOSTILE_EXPECTED;
	print_error("%s at %s: found \"%s\", expected \"%s\"\n", name,
		    box_level_name(hostile_levels[level]), both, expected);
	return HOSTILE_WRONG;
}

int hostile_stale(void)
{
	int stale = 0;

	for (int i = 0; i < KNOWNS; i++)
		if (judged[i] != seen[i] && !(knowns[i].who & RACY)) {
			print_error("%s: \"%s\" is not found any more at all its levels; mend the "
				    "list\n",
				    knowns[i].name, knowns[i].found);
			stale++;
		}
	return stale;
}
