// SPDX-License-Identifier: Apache-2.0
/* result.c - prints a record. Not for deciding what is in it: see watch.c. */
#include "sandbox/result.h"

#include <inttypes.h>
#include <string.h>


void result_json_string(const char *text, FILE *out)
{
	fputc('"', out);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			fprintf(out, "\\u%04x", *p);
		else
			fputc(*p, out);
	}
	fputc('"', out);
}

static void field_number(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, ",\"%s\":%" PRIu64, name, value);
}

static void field_string(FILE *out, const char *name, const char *value)
{
	fprintf(out, ",\"%s\":", name);
	result_json_string(value, out);
}

void result_json(const struct box_result *result, FILE *out)
{
	fprintf(out, "{\"cause\":\"%s\"", box_cause_name(result->cause));
	fprintf(out, ",\"exit_code\":%d,\"signal\":%d", result->exit_code, result->term_signal);
	fprintf(out, ",\"oom\":%s,\"pids_limit\":%s", result->oom ? "true" : "false", result->pids_limit ? "true" : "false");
	field_number(out, "leftovers", result->leftovers);
	field_number(out, "wall_us", result->wall_us);
	field_number(out, "user_us", result->user_us);
	field_number(out, "system_us", result->system_us);
	field_number(out, "peak_bytes", result->peak_bytes);
	field_number(out, "setup_us", result->setup_us);
	field_string(out, "setup_step", result->setup_step);
	field_string(out, "setup_object", result->setup_object);
	field_string(out, "setup_error", result->setup_errno ? strerror(result->setup_errno) : "");
	field_string(out, "degraded", result->degraded);
	fputs("}\n", out);
}

/* The next thing to try, by what failed. */
static const char *advice(const struct box_result *result)
{
	if (result->cause == BOX_CAUSE_REFUSED)
		return "see paddock-box --probe for what this host can enforce, or use --best-effort or --level off";
	if (strcmp(result->setup_step, "exec") == 0)
		return "check the path and that it can be seen inside (hidden: /run, /home, /root unless bound)";
	if (strcmp(result->setup_step, "chdir") == 0)
		return "bind the folder, or choose another --cwd";
	return "check that the path exists and that you may read it";
}

void result_explain(const struct box_result *result, FILE *out)
{
	switch (result->cause) {
	case BOX_CAUSE_EXIT:
	case BOX_CAUSE_SIGNAL:
	case BOX_CAUSE_KILLED:
	case BOX_CAUSE_MAX:
		break;
	case BOX_CAUSE_TIMEOUT:
		fprintf(out, "paddock-box: killed: past its deadline after %" PRIu64 " ms\n", result->wall_us / 1000);
		break;
	case BOX_CAUSE_OOM:
		fputs("paddock-box: killed: its memory limit was reached; raise --memory\n", out);
		break;
	case BOX_CAUSE_SETUP:
	case BOX_CAUSE_REFUSED:
		fprintf(out, "paddock-box: %s: %s %s: %s; %s\n", result->cause == BOX_CAUSE_SETUP ? "set-up failed" : "refused",
			result->setup_step, result->setup_object, strerror(result->setup_errno), advice(result));
		break;
	}
	if (result->leftovers)
		fprintf(out, "paddock-box: killed %u leftover process(es)\n", result->leftovers);
	if (result->degraded[0])
		fprintf(out, "paddock-box: not enforced here: %s\n", result->degraded);
}

int result_exit_code(const struct box_result *result)
{
	switch (result->cause) {
	case BOX_CAUSE_EXIT:
		return result->exit_code;
	case BOX_CAUSE_TIMEOUT:
		return RESULT_EXIT_TIMEOUT;
	case BOX_CAUSE_SETUP:
		return RESULT_EXIT_SETUP;
	case BOX_CAUSE_REFUSED:
		return RESULT_EXIT_REFUSED;
	case BOX_CAUSE_SIGNAL:
	case BOX_CAUSE_KILLED:
	case BOX_CAUSE_OOM:
	case BOX_CAUSE_MAX:
		break;
	}
	return result->term_signal ? 128 + result->term_signal : result->exit_code;
}
