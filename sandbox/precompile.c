// SPDX-License-Identifier: Apache-2.0
/* precompile.c - run when paddock-box is built: writes the filters of all levels, without grants,
 * as C for filter.c, whose table and compiler it is, to a file. Not part of any program. */
#include "sandbox/filter.c"

int main(int argc, char **argv)
{
	if (argc != 2 || !freopen(argv[1], "w", stdout))
		return 2;
	puts("static const int ready_numbers[] = {");
	for (int level = BOX_LEVEL_STRICT; level < BOX_LEVEL_MAX; level++) {
		struct filter filter = { 0 };
		const struct sock_filter *program;

		if (filter_compile(&filter, (enum box_level)level, 0) < 0)
			return 1;
		for (size_t i = 0; level == BOX_LEVEL_STRICT && i < ARRAY_LEN(numbers); i++)
			printf("%d,%s", numbers[i], i + 1 < ARRAY_LEN(numbers) ? "" : "};\n");
		program = filter.program;
		printf("static const struct sock_filter ready_%d[] = {\n", level);
		for (size_t i = 0; i < filter.n; i++)
			printf("{%u,%u,%u,%uu},", program[i].code, program[i].jt, program[i].jf,
			       program[i].k);
		puts("};");
		filter_done(&filter);
	}
	puts("static const struct filter ready[] = {");
	for (int level = BOX_LEVEL_STRICT; level < BOX_LEVEL_MAX; level++)
		printf("[%d] = {.level = %d, .program = ready_%d, .n = ARRAY_LEN(ready_%d), "
		       ".ready = true},\n",
		       level, level, level, level);
	puts("};");
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
