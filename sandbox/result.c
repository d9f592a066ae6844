// SPDX-License-Identifier: Apache-2.0
/* result.c - prints a record. Not for deciding what is in it: see watch.c. */
#include "sandbox/result.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void result_json_string(const char *before, const char *text, FILE *out)
{
	fprintf(out, "%s\"", before);
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

/* The options that would allow it. */
static void print_lift(const struct box_refusal *refusal, FILE *out)
{
	if (refusal->grant)
		fprintf(out, "--grant %s", box_grant_name(refusal->grant));
	else
		fprintf(out, "--level %s", box_level_name(refusal->level));
}

void result_json(const struct box_result *r, FILE *out)
{
	fprintf(out,
		"{\"cause\":\"%s\",\"exit_code\":%d,\"signal\":%d,\"oom\":%s,\"pids_limit\":%s"
		",\"leftovers\":%u,\"wall_us\":%" PRIu64 ",\"user_us\":%" PRIu64
		",\"system_us\":%" PRIu64 ",\"peak_bytes\":%" PRIu64 ",\"setup_us\":%u"
		",\"read_bytes\":%" PRIu64 ",\"written_bytes\":%" PRIu64
		",\"output_limit\":%s,\"dropped_bytes\":%" PRIu64,
		box_cause_name(r->cause), r->exit_code, r->term_signal, r->oom ? "true" : "false",
		r->pids_limit ? "true" : "false", r->leftovers, r->wall_us, r->user_us,
		r->system_us, r->peak_bytes, r->setup_us, r->read_bytes, r->written_bytes,
		r->dropped_bytes ? "true" : "false", r->dropped_bytes);
	result_json_string(",\"setup_step\":", r->setup_step, out);
	result_json_string(",\"setup_object\":", r->setup_object, out);
	result_json_string(",\"setup_error\":", r->setup_errno ? strerror(r->setup_errno) : "",
			   out);
	result_json_string(",\"degraded\":", r->degraded, out);
	fputs(",\"refused\":[", out);
	for (size_t i = 0; i < BOX_REFUSALS_MAX && r->refusals[i].count; i++) {
		fprintf(out, "%s{\"call\":\"%s\",\"count\":%u,\"lift\":\"", i ? "," : "",
			r->refusals[i].call, r->refusals[i].count);
		print_lift(&r->refusals[i], out);
		fputs("\"}", out);
	}
	fputs("]}\n", out);
}

/* The next thing to try, by what failed. */
static const char *advice(const struct box_result *result)
{
	if (result->cause == BOX_CAUSE_REFUSED && strncmp(result->setup_object, "/dev/", 5) == 0)
		return "this host must have it and let you use it; else leave out its --grant";
	if (strcmp(result->setup_step, "keep") == 0)
		return "name a folder outside the workspace, without links, on ext4, xfs, btrfs or "
		       "tmpfs";
	if (result->cause == BOX_CAUSE_REFUSED)
		return "see paddock-box --probe, or use --best-effort or --level off";
	if (strcmp(result->setup_step, "exec") == 0)
		return "check the path; /run, /home, /root, /var and /tmp are hidden unless bound";
	if (strcmp(result->setup_step, "chdir") == 0)
		return "bind the folder, or choose another --cwd";
	if (result->setup_errno == EOPNOTSUPP)
		return "nothing can be bound within /proc";
	if (result->setup_errno == ELOOP)
		return "give the path without symbolic links";
	return "check that the path exists and that you may read it";
}

void result_explain(const struct box_result *result, FILE *out)
{
	bool cpu = result->cause == BOX_CAUSE_CPU_TIME;

	if (cpu || result->cause == BOX_CAUSE_TIMEOUT)
		fprintf(out, "paddock-box: killed: past its deadline after %" PRIu64 " ms%s\n",
			(cpu ? result->user_us + result->system_us : result->wall_us) / 1000,
			cpu ? " of processor time" : "");
	if (result->dropped_bytes)
		fprintf(out,
			"paddock-box: dropped %" PRIu64 " bytes of output: more than --output\n",
			result->dropped_bytes);
	if (result->cause == BOX_CAUSE_OOM)
		fputs("paddock-box: killed: its memory limit was reached; raise --memory\n", out);
	if (result->cause == BOX_CAUSE_SETUP || result->cause == BOX_CAUSE_REFUSED)
		fprintf(out, "paddock-box: %s: %s %s: %s; %s\n",
			result->cause == BOX_CAUSE_SETUP ? "set-up failed" : "refused",
			result->setup_step, result->setup_object, strerror(result->setup_errno),
			advice(result));
	if (result->leftovers)
		fprintf(out, "paddock-box: killed %u leftover process(es)\n", result->leftovers);
	for (size_t i = 0; i < BOX_REFUSALS_MAX && result->refusals[i].count; i++) {
		const struct box_refusal *r = &result->refusals[i];

		fprintf(out, "paddock-box: refused: %s, %u time%s; allow it with ", r->call,
			r->count, r->count == 1 ? "" : "s");
		print_lift(r, out);
		fputs("\n", out);
	}
	if (result->degraded[0])
		fprintf(out, "paddock-box: not enforced here: %s\n", result->degraded);
}

int result_exit_code(const struct box_result *result)
{
	static const int codes[BOX_CAUSE_MAX] = {
		[BOX_CAUSE_TIMEOUT] = RESULT_EXIT_TIMEOUT,
		[BOX_CAUSE_CPU_TIME] = RESULT_EXIT_TIMEOUT,
		[BOX_CAUSE_SETUP] = RESULT_EXIT_SETUP,
		[BOX_CAUSE_REFUSED] = RESULT_EXIT_REFUSED,
	};

	if (codes[result->cause])
		return codes[result->cause];
	return result->term_signal ? 128 + result->term_signal : result->exit_code;
}
