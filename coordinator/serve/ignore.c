// SPDX-License-Identifier: Apache-2.0
/*
 * ignore.c - patterns of .gitignore: "*" and "?" within a name, "**" over names, "/" at the end for
 * folders only, "/" elsewhere anchors at the top, "!" takes back, "#" begins a comment. Files
 * below the top are not asked for rules of their own.
 */
#include "coordinator/serve/ignore.h"

#include "coordinator/plan/glob.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <string.h>

int ignore_add(struct ignore *ignore, struct str text)
{
	struct str line;
	while (str_line(&text, &line)) {
		struct ignore_rule rule = { 0 };
		line = str_trim(line);
		if (!line.len || line.data[0] == '#')
			continue;
		if (line.data[0] == '!') {
			rule.again = true;
			line = (struct str){ line.data + 1, line.len - 1 };
		}
		while (line.len && line.data[line.len - 1] == '/') {
			rule.folders = true;
			line.len--;
		}
		rule.anchored = memchr(line.data, '/', line.len) != NULL;
		if (line.len && line.data[0] == '/')
			line = (struct str){ line.data + 1, line.len - 1 };
		rule.pattern = line;
		if (line.len && VEC_PUSH(ignore, rule) < 0)
			return -ENOMEM;
	}
	return 0;
}

void ignore_done(struct ignore *ignore)
{
	VEC_DONE(ignore);
}

/*
 * Names of the pattern against names of the path. As in glob.c, after a mismatch only the last "**"
 * can help, by taking one name more.
 */
static bool match(struct str pattern, struct str path)
{
	struct str name, part, star = { 0 }, taken = { 0 };
	while (path.data) {
		struct str rest = pattern, next = path;
		bool more = str_split(&rest, '/', &part);
		if (more && str_eq(part, STR_LIT("**"))) {
			pattern = star = rest;
			taken = path;
			if (!rest.data)
				return true;
			continue;
		}
		str_split(&next, '/', &name);
		if (more && glob_match(part, name)) {
			pattern = rest;
			path = next;
		} else if (star.data) {
			str_split(&taken, '/', &name);
			pattern = star;
			path = taken;
		} else {
			return false;
		}
	}
	return !pattern.data;
}

bool ignore_has(const struct ignore *ignore, struct str path, bool folder)
{
	const char *slash = memrchr(path.data, '/', path.len);
	struct str name = path;
	if (slash)
		name = (struct str){ slash + 1, path.len - (size_t)(slash + 1 - path.data) };
	for (size_t i = ignore->len; i > 0; i--) {
		const struct ignore_rule *rule = &ignore->items[i - 1];
		if (rule->folders && !folder)
			continue;
		if (match(rule->pattern, rule->anchored ? path : name))
			return !rule->again;
	}
	return false;
}
