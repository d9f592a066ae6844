// SPDX-License-Identifier: Apache-2.0
/*
 * jsonlread.c - the only file of this room that knows the JSON library. Every field is optional,
 * since older writers had fewer; a field of the wrong type or out of its range is an error.
 */
#include "coordinator/report/jsonlread.h"

#include "protocol/wire/outcome.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

enum { FORMAT_VERSION = 1 };

/* A line being read. Once r is negative nothing more is. */
struct line {
	json_t *root;
	struct arena *arena;
	struct err *err;
	int r;
};

static const struct {
	const char *name;
	enum msg_run_kind kind;
} kinds[] = {
	{ "run_started", MSG_RUN_STARTED },
	{ "program_listed", MSG_RUN_LISTED },
	{ "list_failed", MSG_RUN_LIST_FAILED },
	{ "case_started", MSG_RUN_CASE_STARTED },
	{ "case_retried", MSG_RUN_CASE_RETRIED },
	{ "case", MSG_RUN_CASE_FINISHED },
	{ "worker_joined", MSG_RUN_WORKER_JOINED },
	{ "worker_left", MSG_RUN_WORKER_LEFT },
	{ "warning", MSG_RUN_WARNING },
	{ "run_finished", MSG_RUN_FINISHED },
	{ "case_listed", MSG_RUN_CASE_LISTED },
	{ "artifact", MSG_RUN_ARTIFACT },
	{ "case_duplicate", MSG_RUN_CASE_DUPLICATE },
	{ "case_slow", MSG_RUN_CASE_SLOW },
};

static void wrong(struct line *line, const char *key, const char *what)
{
	if (line->r == 0)
		line->r = err_set(line->err, -EPROTO, "\"%s\" is not %s", key, what);
}

static struct str text(struct line *line, const char *key, size_t max)
{
	json_t *value = json_object_get(line->root, key);
	if (!value || json_is_null(value) || line->r < 0)
		return (struct str){ 0 };
	if (!json_is_string(value)) {
		wrong(line, key, "a string");
		return (struct str){ 0 };
	}
	struct str found = { json_string_value(value), json_string_length(value) };
	if (found.len > max) {
		line->r = err_set(line->err, -EMSGSIZE, "\"%s\" is longer than %zu bytes", key,
				  max);
		return (struct str){ 0 };
	}
	found.data = arena_copy(line->arena, found);
	if (!found.data)
		line->r = err_errno(line->err, -ENOMEM, "reading an event");
	if (line->r < 0)
		found = (struct str){ 0 };
	return found;
}

static uint64_t number(struct line *line, const char *key, uint64_t max)
{
	json_t *value = json_object_get(line->root, key);
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max) {
		wrong(line, key, "a number within its range");
		return 0;
	}
	return (uint64_t)json_integer_value(value);
}

static bool truth(struct line *line, const char *key)
{
	json_t *value = json_object_get(line->root, key);
	if (value && !json_is_boolean(value))
		wrong(line, key, "true or false");
	return json_is_true(value);
}

static uint64_t outcome(struct line *line)
{
	json_t *value = json_object_get(line->root, "outcome");
	int found = json_is_string(value) ? outcome_parse(json_string_value(value)) : -EINVAL;
	if (found < 0)
		wrong(line, "outcome", "the name of an outcome");
	return found < 0 ? 0 : (uint64_t)found;
}

static int kind_of(struct line *line)
{
	const char *name = json_string_value(json_object_get(line->root, "event"));
	for (size_t i = 0; name && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	if (!name)
		wrong(line, "event", "there: this is no event file of paddock");
	return -ENOENT;
}

static void read_case(struct line *line, struct msg_run_event *event)
{
	event->index = number(line, "index", UINT32_MAX);
	event->attempt = number(line, "attempt", 1000);
	event->estimate_us = number(line, "estimate_us", INT64_MAX);
	event->worker = text(line, "worker", LIMIT_NAME_BYTES);
	event->slot = number(line, "slot", LIMIT_SLOTS);
}

static void read_slow(struct line *line, struct msg_run_event *event)
{
	read_case(line, event);
	event->duration_us = number(line, "duration_us", INT64_MAX);
	event->count = number(line, "times", INT64_MAX);
}

static void read_verdict(struct line *line, struct msg_run_event *event)
{
	read_case(line, event);
	event->outcome = outcome(line);
	event->found = truth(line, "found");
	event->flaky = truth(line, "flaky");
	event->quarantined = truth(line, "quarantined");
	event->duration_us = number(line, "duration_us", INT64_MAX);
	event->cpu_us = number(line, "cpu_us", INT64_MAX);
	event->peak_bytes = number(line, "peak_bytes", INT64_MAX);
	event->signal = number(line, "signal_number", 127);
	event->exit_code = number(line, "exit_code", 255);
	event->out = text(line, "stdout",
			  3 * LIMIT_OUTPUT_BYTES); /* replacing took up to three for one */
	event->err = text(line, "stderr", 3 * LIMIT_OUTPUT_BYTES);
	event->dropped_bytes = number(line, "dropped_bytes", INT64_MAX);
}

static void read_artifact(struct line *line, struct msg_run_event *event)
{
	read_case(line, event);
	event->count = number(line, "cases", LIMIT_SHARD_CASES);
	event->path = text(line, "path", 3 * LIMIT_PATH_BYTES);
	event->offset = number(line, "bytes", INT64_MAX);
}

static void read_started(struct line *line, struct msg_run_event *event)
{
	uint64_t version = number(line, "version", INT64_MAX);
	if (line->r == 0 && version > FORMAT_VERSION)
		line->r = err_set(line->err, -EPROTO,
				  "a newer paddock wrote it (format %llu, this one knows %d)",
				  (unsigned long long)version, FORMAT_VERSION);
	event->name = text(line, "run", LIMIT_NAME_BYTES);
	event->count = number(line, "programs", INT64_MAX);
}

static void read_finished(struct line *line, struct msg_run_event *event)
{
	event->count = number(line, "cases", INT64_MAX);
	event->exit_code = number(line, "exit_code", 255);
	event->makespan_us = number(line, "makespan_us", INT64_MAX);
	event->bound_us = number(line, "bound_us", INT64_MAX);
	event->message = text(line, "bounded_by", LIMIT_TEXT_BYTES);
	event->busy_us = number(line, "busy_us", INT64_MAX);
	event->slots = number(line, "slots", INT64_MAX);
}

static void read_fields(struct line *line, struct msg_run_event *event)
{
	event->at_us = number(line, "at_us", INT64_MAX);
	event->suite = text(line, "suite", LIMIT_NAME_BYTES);
	event->program = text(line, "program", LIMIT_NAME_BYTES);
	event->adapter = text(line, "adapter", 64);
	event->file = text(line, "file", LIMIT_PATH_BYTES);
	event->name = text(line, "case", LIMIT_NAME_BYTES);
	event->message = text(line, "message", 3 * LIMIT_TEXT_BYTES);
	switch (event->kind) {
	case MSG_RUN_STARTED: read_started(line, event); break;
	case MSG_RUN_LISTED: event->count = number(line, "cases", INT64_MAX); break;
	case MSG_RUN_CASE_STARTED:
	case MSG_RUN_CASE_LISTED: read_case(line, event); break;
	case MSG_RUN_CASE_SLOW: read_slow(line, event); break;
	case MSG_RUN_CASE_RETRIED:
	case MSG_RUN_CASE_FINISHED: read_verdict(line, event); break;
	case MSG_RUN_ARTIFACT: read_artifact(line, event); break;
	case MSG_RUN_WORKER_JOINED:
	case MSG_RUN_WORKER_LEFT:
		event->worker = text(line, "worker", LIMIT_NAME_BYTES);
		event->slots = number(line, "slots", INT64_MAX);
		break;
	case MSG_RUN_FINISHED: read_finished(line, event); break;
	default: break;
	}
}

int jsonlread_line(struct str bytes, struct arena *arena, struct msg_run_event *ret_event,
		   struct err *err)
{
	json_error_t why;
	struct msg_run_event event = { 0 };
	struct line line = { .arena = arena, .err = err };
	line.root = json_loadb(bytes.data, bytes.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
			       &why);
	if (!line.root)
		return err_set(err, -EPROTO, "not JSON: %s (column %d)", why.text, why.column);
	int kind = json_is_object(line.root) ? kind_of(&line) : -ENOENT;
	if (!json_is_object(line.root))
		line.r = err_set(err, -EPROTO, "not a JSON object");
	if (line.r == 0 && kind >= 0) {
		event.kind = (uint64_t)kind;
		read_fields(&line, &event);
	}
	json_decref(line.root);
	if (line.r < 0)
		return line.r;
	if (kind < 0)
		return 0;
	*ret_event = event;
	return 1;
}
