// SPDX-License-Identifier: Apache-2.0
/*
 * outline.c - one pass over libyaml's events with a stack of what is open. `path` holds the keys
 * from the top down to the thing that comes next; each level remembers how long it was before.
 * Knows no schema.
 */
#include "coordinator/cli/outline.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

struct level {
	bool mapping;
	bool wants_key;	 /* of a mapping: a key comes next, not a value */
	uint64_t n;	 /* of a sequence: items so far */
	size_t path_len; /* of the collection itself */
};

struct reader {
	const char *file;
	yaml_parser_t parser;
	struct outline outline;
	struct level levels[OUTLINE_DEPTH_MAX];
	size_t depth;
	size_t documents;
	struct buf path;
	struct err *err;
};

void outline_done(struct outline *outline)
{
	if (outline)
		map_done(&outline->lines);
}

uint64_t outline_line(const struct outline *outline, struct str path)
{
	uint64_t line;
	while (path.len) {
		if (map_get(&outline->lines, path, &line))
			return line;
		do
			path.len--;
		while (path.len && path.data[path.len] != OUTLINE_SEPARATOR);
	}
	return 1;
}

static uint64_t line_of(const yaml_event_t *event)
{
	return event->start_mark.line + 1;
}

static int refuse(struct reader *reader, uint64_t line, const char *what)
{
	return err_set(reader->err, -EINVAL, "%s:%llu: %s", reader->file, (unsigned long long)line,
		       what);
}

static int no_memory(struct reader *reader)
{
	return err_set(reader->err, -ENOMEM, "%s: out of memory", reader->file);
}

static int push_path(struct reader *reader, struct str key)
{
	char separator = OUTLINE_SEPARATOR;
	int r = reader->path.len ? buf_append(&reader->path, &separator, 1) : 0;
	return r < 0 || buf_put_str(&reader->path, key) < 0 ? no_memory(reader) : 0;
}

static struct level *top(struct reader *reader)
{
	return reader->depth ? &reader->levels[reader->depth - 1] : NULL;
}

static void cut_path(struct reader *reader, size_t len)
{
	ASSERT(len <= reader->path.len);
	reader->path.len = len;
}

/* Remember where the thing at the present path stands. */
static int note(struct reader *reader, uint64_t line)
{
	if (reader->outline.lines.len >= OUTLINE_KEYS_MAX)
		return refuse(reader, line, "more keys than a configuration may have");
	int r = map_put(&reader->outline.lines, buf_str(&reader->path), line);
	if (r < 0)
		return no_memory(reader);
	if (r == 0)
		return refuse(reader, line, "this key was given before; keep one of the two");
	return 0;
}

static int read_key(struct reader *reader, const yaml_event_t *event)
{
	struct str key = { (const char *)event->data.scalar.value, event->data.scalar.length };
	if (!key.len || key.len > OUTLINE_KEY_BYTES)
		return refuse(reader, line_of(event), "a key is empty or far too long");
	for (size_t i = 0; i < key.len; i++)
		if ((unsigned char)key.data[i] < ' ' || key.data[i] == '\x7f')
			return refuse(reader, line_of(event), "a key holds a control byte");
	int r = push_path(reader, key);
	r = r < 0 ? r : note(reader, line_of(event));
	top(reader)->wants_key = false;
	return r;
}

/* Something that is a value starts: in a sequence it is an item with a number of its own. */
static int begin_value(struct reader *reader, const yaml_event_t *event)
{
	struct level *level = top(reader);
	if (!level || level->mapping)
		return 0;
	char number[24];
	int n = snprintf(number, sizeof(number), "%llu", (unsigned long long)++level->n);
	int r = push_path(reader, (struct str){ number, (size_t)n });
	return r < 0 ? r : note(reader, line_of(event));
}

/* A value is over: back to the path of the collection that holds it. */
static void end_value(struct reader *reader)
{
	struct level *level = top(reader);
	if (!level)
		return;
	cut_path(reader, level->path_len);
	level->wants_key = level->mapping;
}

static int open_level(struct reader *reader, const yaml_event_t *event, bool mapping)
{
	struct level *level = top(reader);
	reader->outline.filled = true;
	if (level && level->wants_key)
		return refuse(reader, line_of(event), "a key must be plain text");
	if (reader->depth == OUTLINE_DEPTH_MAX)
		return refuse(reader, line_of(event), "nested too deeply");
	int r = begin_value(reader, event);
	if (r < 0)
		return r;
	reader->levels[reader->depth++] = (struct level){
		.mapping = mapping,
		.wants_key = mapping,
		.path_len = reader->path.len,
	};
	return 0;
}

static void close_level(struct reader *reader)
{
	ASSERT(reader->depth > 0);
	reader->depth--;
	end_value(reader);
}

static int read_scalar(struct reader *reader, const yaml_event_t *event)
{
	struct level *level = top(reader);
	if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
		return refuse(reader, line_of(event), "a text holds a NUL byte");
	if (event->data.scalar.length)
		reader->outline.filled = true;
	if (level && level->wants_key)
		return read_key(reader, event);
	int r = begin_value(reader, event);
	end_value(reader);
	return r;
}

static int read_event(struct reader *reader, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return reader->documents++ ? refuse(reader, line_of(event),
						    "a second document starts here; one is read")
					   : 0;
	case YAML_ALIAS_EVENT:
		return refuse(reader, line_of(event),
			      "aliases are not supported; write it out, or use a profile that "
			      "inherits");
	case YAML_SCALAR_EVENT: return read_scalar(reader, event);
	case YAML_SEQUENCE_START_EVENT: return open_level(reader, event, false);
	case YAML_MAPPING_START_EVENT: return open_level(reader, event, true);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: close_level(reader); return 0;
	default: return 0;
	}
}

static int broken(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	if (parser->error == YAML_MEMORY_ERROR)
		return no_memory(reader);
	const char *problem = parser->problem ? parser->problem : "unreadable";
	unsigned long long line = parser->problem_mark.line + 1;
	if (parser->context)
		return err_set(reader->err, -EINVAL,
			       "%s:%llu: not valid YAML: %s, %s that starts on line %zu",
			       reader->file, line, problem, parser->context,
			       parser->context_mark.line + 1);
	return err_set(reader->err, -EINVAL, "%s:%llu: not valid YAML: %s", reader->file, line,
		       problem);
}

static int read_all(struct reader *reader)
{
	yaml_event_type_t type = YAML_NO_EVENT;
	int r = 0;
	while (r == 0 && type != YAML_STREAM_END_EVENT) {
		yaml_event_t event;
		if (!yaml_parser_parse(&reader->parser, &event))
			return broken(reader);
		type = event.type;
		r = read_event(reader, &event);
		yaml_event_delete(&event);
	}
	return r;
}

int outline_read(struct str text, const char *file, struct outline *ret_outline, struct err *err)
{
	struct reader reader = { .file = file, .err = err };
	if (!yaml_parser_initialize(&reader.parser))
		return no_memory(&reader);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.data, text.len);
	buf_init(&reader.path, (OUTLINE_KEY_BYTES + 1) * (OUTLINE_DEPTH_MAX + 1));
	int r = read_all(&reader);
	yaml_parser_delete(&reader.parser);
	buf_done(&reader.path);
	if (r < 0) {
		outline_done(&reader.outline);
		return r;
	}
	*ret_outline = reader.outline;
	return 0;
}
