// SPDX-License-Identifier: Apache-2.0
/*
 * kind.c - names of test frameworks and how a file betrays its own. Looks at bytes only; never
 * opens or runs anything.
 *
 * Markers of compiled frameworks are kept in two pieces and joined when they are looked for, so
 * that paddock's own programs, which hold this table, are not taken for tests of every framework.
 */
#include "protocol/wire/kind.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <string.h>

enum { HEAD_BYTES = 64 << 10 };

static const char *const names[KIND_MAX] = {
	[KIND_GTEST] = "gtest",
	[KIND_CTEST] = "ctest",
	[KIND_TAP] = "tap",
	[KIND_GLIB] = "glib",
	[KIND_INSTALLED_TESTS] = "installed-tests",
	[KIND_PYTEST] = "pytest",
	[KIND_LIST] = "list",
};

/* What a compiled program contains when it was built with a framework; the first that is found
 * decides. */
struct marker {
	const char *head, *tail;
	size_t head_len; /* counted apart: a head may begin with NUL, as names of a string table do
			  */
	enum kind kind;
};

#define MARKER(first, second, what)                                                              \
	{                                                                                        \
		.head = (first), .tail = (second), .head_len = sizeof(first) - 1, .kind = (what) \
	}

static const struct marker markers[] = {
	/* every TEST() calls it; in the symbols of static programs and of those that use
	   libgtest.so */
	MARKER("MakeAndRegister", "TestInfo", KIND_GTEST),
	/* the help text of a stripped static program, with its colour marks */
	MARKER("@G--gtest_list", "_tests@D", KIND_GTEST),
	MARKER("\0g_test", "_run", KIND_GLIB),
};

const char *kind_name(enum kind kind)
{
	ASSERT(kind >= 0 && kind < KIND_MAX);
	return names[kind];
}

int kind_parse(struct str name)
{
	for (int i = 0; i < KIND_MAX; i++)
		if (str_eq(name, str_of(names[i])))
			return i;
	return -EINVAL;
}

static bool has(struct str bytes, const char *text)
{
	return str_find(bytes, str_of(text)) >= 0;
}

static struct str head_of(struct str bytes)
{
	return (struct str){ bytes.data, bytes.len < HEAD_BYTES ? bytes.len : HEAD_BYTES };
}

static struct str last_component(struct str path)
{
	for (size_t i = path.len; i > 0; i--)
		if (path.data[i - 1] == '/')
			return (struct str){ path.data + i, path.len - i };
	return path;
}

static bool is_library(struct str name)
{
	return str_ends(name, STR_LIT(".so")) || has(name, ".so.");
}

static int detect_elf(struct str name, struct str bytes)
{
	if (is_library(name) || str_ends(name, STR_LIT(".o")))
		return -ENOENT;
	for (size_t i = 0; i < sizeof(markers) / sizeof(markers[0]); i++) {
		char joined[64];
		const struct marker *marker = &markers[i];
		size_t tail_len = strlen(marker->tail);
		ASSERT(marker->head_len + tail_len <= sizeof(joined));
		memcpy(joined, marker->head, marker->head_len);
		memcpy(joined + marker->head_len, marker->tail, tail_len);
		if (str_find(bytes, (struct str){ joined, marker->head_len + tail_len }) >= 0)
			return marker->kind;
	}
	return -ENOENT;
}

static bool is_pytest(struct str name)
{
	if (!str_ends(name, STR_LIT(".py")))
		return false;
	return str_starts(name, STR_LIT("test_")) || str_ends(name, STR_LIT("_test.py"));
}

static bool is_script_name(struct str name)
{
	static const char *const suffixes[] = { ".js", ".mjs", ".cjs", ".pl", ".sh", ".bash" };
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (str_ends(name, str_of(suffixes[i])))
			return true;
	return false;
}

/* A script that speaks of TAP: the libraries that print it, or a plan printed by hand. */
static bool has_tap_hint(struct str head)
{
	static const char *const hints[] = {
		"Test::More",	   "Test::Simple",	"Test2::",     "Test::Builder",
		"require('tape')", "require(\"tape\")", "from 'tape'", "from \"tape\"",
		"require('tap')",  "require(\"tap\")",	"from 'tap'",  "from \"tap\"",
		"echo 1..",	   "echo \"1..",	"echo '1..",   "printf '1..",
		"printf \"1..",	   "TAP version 1",	"sharness.sh", "tap-functions",
		"libtap",
	};
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (has(head, hints[i]))
			return true;
	return false;
}

static bool is_key_file(struct str head)
{
	struct str line;
	while (str_line(&head, &line))
		if (str_eq(str_trim(line), STR_LIT("[Test]")))
			return true;
	return false;
}

int kind_detect(struct str name, struct str bytes, bool executable)
{
	struct str file = last_component(name), head = head_of(bytes);
	if (str_starts(bytes, STR_LIT("\177ELF")))
		return executable ? detect_elf(file, bytes) : -ENOENT;
	if (str_ends(file, STR_LIT(".test")) && is_key_file(head))
		return KIND_INSTALLED_TESTS;
	if (is_pytest(file))
		return KIND_PYTEST;
	if (str_ends(file, STR_LIT(".t")) && kind_is_text(head))
		return KIND_TAP;
	bool script = str_starts(bytes, STR_LIT("#!")) && executable;
	if ((script || is_script_name(file)) && has_tap_hint(head))
		return KIND_TAP;
	if (str_ends(file, STR_LIT(".list")) && kind_is_text(head))
		return KIND_LIST;
	return -ENOENT;
}

int kind_detect_folder(struct str name)
{
	return str_eq(last_component(name), STR_LIT("CTestTestfile.cmake")) ? KIND_CTEST : -ENOENT;
}

bool kind_is_text(struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.data[i];
		if (c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\033')
			return false;
	}
	return bytes.len > 0;
}
