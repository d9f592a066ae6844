// SPDX-License-Identifier: Apache-2.0
/* precompile.c - writes the filters of all levels and grants to a file, as the C that filter.h
 * declares. It runs when paddock-box is built, and is no part of it. */
#include <linux/filter.h>
#include <stdio.h>

#include "sandbox/compile.h"
#include "sandbox/rules.h"

static int print_program(enum box_level level, unsigned grants)
{
	AUTO_FREE struct sock_filter *program = NULL;
	size_t n;
	int r = compile_filter(level, grants, &program, &n);

	if (r < 0)
		return r;
	printf("static const struct sock_filter program_%d_%u[] = {\n", level, grants);
	for (size_t i = 0; i < n; i++)
		printf("\t{ %u, %u, %u, %uu },\n", program[i].code, program[i].jt, program[i].jf,
		       program[i].k);
	puts("};\n");
	return 0;
}

static int print_entry(enum box_level level, unsigned grants)
{
	printf("\t{ %d, %u, program_%d_%u, sizeof(program_%d_%u) / sizeof(program_%d_%u[0]) },\n",
	       level, grants, level, grants, level, grants, level, grants);
	return 0;
}

/* Every level with every set of the grants that matter there. */
static int for_each(int (*print)(enum box_level level, unsigned grants))
{
	int r = 0;

	for (enum box_level level = BOX_LEVEL_STRICT; level < BOX_LEVEL_MAX; level++)
		for (unsigned grants = 0; grants <= BOX_GRANT_ALL && r == 0; grants++)
			if (!(grants & ~rules_grants(level)))
				r = print(level, grants);
	return r;
}

int main(int argc, char **argv)
{
	if (argc != 2 || !freopen(argv[1], "w", stdout))
		return 2;
	puts("/* Made by precompile.c of profiles.def. */");
	puts("#include <linux/filter.h>\n\n#include \"sandbox/filter.h\"\n");
	puts("const int filter_numbers[] = {");
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		printf("\t%d, /* %s%s */\n", compile_number(rules[i].name), rules[i].name,
		       rules[i].what);
	puts("};\n");
	if (for_each(print_program) < 0)
		return 1;
	puts("const struct filter filter_made[] = {");
	for_each(print_entry);
	puts("\t{ 0 },\n};");
	return fflush(stdout) != 0 || ferror(stdout) ? 1 : 0;
}
