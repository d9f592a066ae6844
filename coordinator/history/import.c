// SPDX-License-Identifier: Apache-2.0
/*
 * import.c - one small reader per format, all line by line but for JUnit (junitread.c) and
 * pytest-split (one flat JSON object, read here because it is flat). Each sample goes through
 * import_add, which holds the caps. Not for deciding what a sample means: see samples.c.
 */
#include "coordinator/history/import.h"

#include "coordinator/history/junitread.h"
#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/fd.h"
#include "protocol/base/map.h"
#include "protocol/base/vec.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SECONDS_MAX = 1000000000 };

/* A file being read. */
struct reading {
	struct import *import;
	const char *name;
	const struct import_options *options;
	size_t line;
	struct err *err;
};

void import_done(struct import *import)
{
	if (!import)
		return;
	arena_done(&import->arena);
	VEC_DONE(import);
}

int import_add(struct import *import, const struct store_sample *sample)
{
	struct store_sample copy = *sample;
	struct str *texts[] = { &copy.suite, &copy.program, &copy.name };
	if (import->len >= IMPORT_SAMPLES)
		return -EFBIG;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i]->len > LIMIT_NAME_BYTES)
			return -EMSGSIZE;
		texts[i]->data = arena_copy(&import->arena, *texts[i]);
		if (!texts[i]->data)
			return -ENOMEM;
	}
	return VEC_PUSH(import, copy);
}

static int wrong(struct reading *reading, const char *what)
{
	return err_set(reading->err, -EPROTO, "reading %s, line %zu: %s", reading->name,
		       reading->line, what);
}

static int add(struct reading *reading, const struct store_sample *sample)
{
	int r = import_add(reading->import, sample);
	if (r == -EFBIG)
		err_set(reading->err, r, "reading %s: more than %d samples", reading->name,
			IMPORT_SAMPLES);
	else if (r == -EMSGSIZE)
		r = wrong(reading, "a name is too long");
	else if (r < 0)
		err_errno(reading->err, r, "reading %s", reading->name);
	return r;
}

/* Seconds as a fraction, not negative, not absurd. */
static int parse_seconds(struct str text, uint64_t *ret_us)
{
	double seconds;
	if (str_parse_double(text, &seconds) < 0 || !(seconds >= 0) || seconds > SECONDS_MAX)
		return -EINVAL;
	*ret_us = (uint64_t)llround(seconds * 1e6);
	return 0;
}

/* Cut the last word off *text. */
static struct str last_word(struct str *text)
{
	struct str word = str_trim(*text);
	size_t at = word.len;
	while (at && word.data[at - 1] != ' ' && word.data[at - 1] != '\t')
		at--;
	text->data = word.data;
	text->len = at;
	return (struct str){ word.data + at, word.len - at };
}

/* "name runs seconds" */
static int read_cost(struct reading *reading, struct str line, struct map *names)
{
	struct store_sample sample = { .suite = reading->options->suite,
				       .program = reading->options->program };
	uint64_t runs;
	if (parse_seconds(last_word(&line), &sample.duration_us) < 0)
		return wrong(reading, "it does not end in a cost in seconds");
	if (str_parse_u64(last_word(&line), 0, UINT64_MAX, &runs) < 0)
		return wrong(reading, "there is no count of runs before the cost");
	sample.name = str_trim(line);
	if (!sample.name.len)
		return wrong(reading, "there is no name before the numbers");
	if (!sample.program.len)
		sample.program = STR_LIT("ctest");
	if (!runs) /* never run: the cost is a guess */
		return 0;
	if (map_put(names, sample.name, reading->import->len) < 0)
		return err_errno(reading->err, -ENOMEM, "reading %s", reading->name);
	return add(reading, &sample);
}

/* Costs, then "---", then the names of what failed last. */
static int read_ctest(struct reading *reading, struct str bytes)
{
	struct map names = { 0 };
	struct str line;
	bool costs = true;
	int r = 0;
	while (r == 0 && str_line(&bytes, &line)) {
		uint64_t index;
		line = str_trim(line);
		reading->line++;
		if (costs && str_eq(line, STR_LIT("---")))
			costs = false;
		else if (costs && line.len)
			r = read_cost(reading, line, &names);
		else if (!costs && map_get(&names, line, &index))
			reading->import->items[index].failed = true;
	}
	map_done(&names);
	return r;
}

/* "  t/a.t:" or "  't/a b.t':" without quotes and colon; empty when the line is not such a head. */
static struct str prove_head(struct str line)
{
	struct str name = str_trim(line);
	if (!str_starts(line, STR_LIT("  ")) || str_starts(line, STR_LIT("   ")) ||
	    !str_ends(name, STR_LIT(":")))
		return (struct str){ 0 };
	name.len--;
	if (name.len >= 2 && (name.data[0] == '\'' || name.data[0] == '"') &&
	    name.data[name.len - 1] == name.data[0]) {
		name.data++;
		name.len -= 2;
	}
	return name;
}

/* A test's block is over: a sample when it had a time. */
static int prove_flush(struct reading *reading, struct store_sample *sample, bool *timed)
{
	int r = *timed ? add(reading, sample) : 0;
	*timed = false;
	return r;
}

/* The YAML that App::Prove::State writes: tests by name, four spaces deep what is known of each. */
static int read_prove(struct reading *reading, struct str bytes)
{
	struct store_sample sample = { reading->options->suite, { 0 }, STR_LIT("main"), 0, false };
	struct str line;
	bool in_tests = false, timed = false, any = false;
	while (str_line(&bytes, &line)) {
		struct str trimmed = str_trim(line), value;
		reading->line++;
		if (line.len && line.data[0] != ' ') {
			in_tests = str_eq(trimmed, STR_LIT("tests:"));
			any |= in_tests || str_eq(trimmed, STR_LIT("tests: {}"));
		}
		struct str head = in_tests ? prove_head(line) : (struct str){ 0 };
		if (head.len) {
			if (prove_flush(reading, &sample, &timed) < 0)
				return reading->err->code;
			sample.program = head;
			sample.failed = false;
		}
		value = (struct str){ trimmed.data, trimmed.len };
		if (!in_tests || !sample.program.len)
			continue;
		if (str_starts(value, STR_LIT("elapsed:"))) {
			value = str_trim((struct str){ value.data + 8, value.len - 8 });
			if (parse_seconds(value, &sample.duration_us) < 0)
				return wrong(reading, "elapsed is no number of seconds");
			timed = true;
		} else if (str_starts(value, STR_LIT("last_result:"))) {
			value = str_trim((struct str){ value.data + 12, value.len - 12 });
			sample.failed = !str_eq(value, STR_LIT("0"));
		}
	}
	if (!any)
		return wrong(reading, "there was no \"tests:\": this is no state of prove");
	return prove_flush(reading, &sample, &timed);
}

/* "seconds path"; lit writes the time of a failed test negative. */
static int read_lit(struct reading *reading, struct str bytes)
{
	struct str line, seconds;
	while (str_line(&bytes, &line)) {
		struct store_sample sample = { .suite = reading->options->suite,
					       .program = reading->options->program };
		struct str path = str_trim(line);
		reading->line++;
		if (!path.len)
			continue;
		str_split(&path, ' ', &seconds);
		sample.failed = seconds.len && seconds.data[0] == '-';
		if (sample.failed)
			seconds = (struct str){ seconds.data + 1, seconds.len - 1 };
		if (parse_seconds(seconds, &sample.duration_us) < 0)
			return wrong(reading, "it does not begin with a number of seconds");
		path = str_trim(path);
		if (!path.len)
			return wrong(reading, "there is no path behind the seconds");
		sample.name = sample.program.len ? path : STR_LIT("main");
		sample.program = sample.program.len ? sample.program : path;
		if (add(reading, &sample) < 0)
			return reading->err->code;
	}
	return 0;
}

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static void skip_space(struct reading *reading, struct str *rest)
{
	while (rest->len && is_one_of(rest->data[0], " \t\r\n")) {
		reading->line += rest->data[0] == '\n';
		rest->data++;
		rest->len--;
	}
}

static bool take(struct reading *reading, struct str *rest, char wanted)
{
	skip_space(reading, rest);
	if (!rest->len || rest->data[0] != wanted)
		return false;
	rest->data++;
	rest->len--;
	return true;
}

static int put_point(struct buf *buf, unsigned point)
{
	char bytes[3];
	if (point < 0x80)
		return buf_append(buf, (char[]){ (char)point }, 1);
	if (point < 0x800) {
		bytes[0] = (char)(0xc0 | point >> 6);
		bytes[1] = (char)(0x80 | (point & 0x3f));
		return buf_append(buf, bytes, 2);
	}
	bytes[0] = (char)(0xe0 | point >> 12);
	bytes[1] = (char)(0x80 | (point >> 6 & 0x3f));
	bytes[2] = (char)(0x80 | (point & 0x3f));
	return buf_append(buf, bytes, 3);
}

static int put_escape(struct buf *buf, struct str *rest)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = rest->data[0];
	const char *at = c ? strchr(from, c) : NULL;
	if (at) {
		*rest = (struct str){ rest->data + 1, rest->len - 1 };
		return buf_append(buf, &to[at - from], 1);
	}
	unsigned point = 0;
	if (c != 'u' || rest->len < 5)
		return -EINVAL;
	for (int i = 1; i <= 4; i++) {
		char d = rest->data[i];
		if (!is_one_of(d, "0123456789abcdefABCDEF"))
			return -EINVAL;
		point = point * 16 + (unsigned)(d <= '9' ? d - '0' : (d | 32) - 'a' + 10);
	}
	*rest = (struct str){ rest->data + 5, rest->len - 5 };
	return put_point(buf,
			 point); /* halves of a pair stay apart: the name is a key, not a text */
}

/* A JSON string into buf. */
static int take_string(struct reading *reading, struct str *rest, struct buf *buf)
{
	buf_clear(buf);
	if (!take(reading, rest, '"'))
		return wrong(reading, "a name in quotes was expected");
	while (rest->len && rest->data[0] != '"') {
		bool escape = rest->data[0] == '\\' && rest->len > 1;
		char c = rest->data[0];
		*rest = (struct str){ rest->data + 1, rest->len - 1 };
		int r = escape ? put_escape(buf, rest) : buf_append(buf, &c, 1);
		if (r < 0)
			return wrong(reading, r == -ENOBUFS ? "a name is too long"
							    : "a bad escape in a name");
	}
	return take(reading, rest, '"') ? 0 : wrong(reading, "a name does not end");
}

static int take_duration(struct reading *reading, struct str *rest, uint64_t *ret_us)
{
	size_t n = 0;
	skip_space(reading, rest);
	while (n < rest->len && is_one_of(rest->data[n], "0123456789+-.eE"))
		n++;
	if (parse_seconds((struct str){ rest->data, n }, ret_us) < 0)
		return wrong(reading, "a number of seconds was expected");
	*rest = (struct str){ rest->data + n, rest->len - n };
	return 0;
}

/* "tests/a.py::TestX::test_y" is the program and, behind the first "::", the case. */
static int add_node(struct reading *reading, struct str id, uint64_t duration_us)
{
	struct store_sample sample = { .suite = reading->options->suite,
				       .duration_us = duration_us };
	ptrdiff_t at = str_find(id, STR_LIT("::"));
	if (at <= 0)
		return wrong(reading, "a name is not file::test");
	sample.program = (struct str){ id.data, (size_t)at };
	sample.name = (struct str){ id.data + at + 2, id.len - (size_t)at - 2 };
	return add(reading, &sample);
}

static int read_pytest_split(struct reading *reading, struct str rest)
{
	struct buf name;
	uint64_t duration_us = 0;
	int r = 0;
	reading->line = 1;
	buf_init(&name, 2 * LIMIT_NAME_BYTES);
	if (!take(reading, &rest, '{'))
		return wrong(reading, "a JSON object was expected");
	bool more = !take(reading, &rest, '}');
	while (r == 0 && more) {
		r = take_string(reading, &rest, &name);
		if (r == 0 && !take(reading, &rest, ':'))
			r = wrong(reading, "a colon was expected behind a name");
		if (r == 0)
			r = take_duration(reading, &rest, &duration_us);
		if (r == 0)
			r = add_node(reading, buf_str(&name), duration_us);
		if (r < 0)
			break;
		more = take(reading, &rest, ',');
		if (!more && !take(reading, &rest, '}'))
			r = wrong(reading, "a comma or the end of the object was expected");
	}
	skip_space(reading, &rest);
	if (r == 0 && rest.len)
		r = wrong(reading, "there is more behind the object");
	buf_done(&name);
	return r;
}

/* "tests/a.py" and "tests.a.TestX": what of the class lies within the file, as pytest's node ids
 * say it. */
static int put_class_within(struct buf *buf, struct str class_name, struct str file)
{
	size_t stem = str_ends(file, STR_LIT(".py")) ? file.len - 3 : file.len;
	if (class_name.len <= stem + 1 || class_name.data[stem] != '.')
		return 0;
	for (size_t i = 0; i < stem; i++)
		if (class_name.data[i] != (file.data[i] == '/' ? '.' : file.data[i]))
			return 0;
	struct str rest = { class_name.data + stem + 1, class_name.len - stem - 1 }, part;
	int r = 0;
	while (r == 0 && str_split(&rest, '.', &part)) {
		r = buf_put_str(buf, part);
		r = r == 0 ? buf_puts(buf, "::") : r;
	}
	return r;
}

static int put_junit_name(struct buf *buf, const struct junitread_case *found)
{
	bool gtest = found->class_name.len && !str_eq(found->class_name, found->name) &&
		     str_eq(found->class_name, found->testsuite) &&
		     str_find(found->class_name, STR_LIT("::")) < 0;
	int r = 0;
	if (str_ends(found->file, STR_LIT(".py")))
		r = put_class_within(buf, found->class_name, found->file);
	else if (gtest)
		r = buf_printf(buf, "%.*s.", STR_ARG(found->class_name));
	return r == 0 ? buf_put_str(buf, found->name) : r;
}

static int add_junit(void *data, const struct junitread_case *found)
{
	struct reading *reading = data;
	struct store_sample sample = {
		.suite = reading->options->suite,
		.program = reading->options->program,
		.duration_us = found->duration_us,
		.failed = found->failed,
	};
	struct buf name;
	ptrdiff_t at = str_find(found->testsuite, STR_LIT("::"));
	reading->line = found->line;
	buf_init(&name, 3 * LIMIT_NAME_BYTES);
	int r = put_junit_name(&name, found);
	sample.name = buf_str(&name);
	if (at > 0) { /* our own, or one that names as we do */
		sample.suite = (struct str){ found->testsuite.data, (size_t)at };
		sample.program = (struct str){ found->testsuite.data + at + 2,
					       found->testsuite.len - (size_t)at - 2 };
	} else if (!sample.program.len && str_ends(found->file, STR_LIT(".py"))) {
		sample.program = found->file;
	} else if (!sample.program.len) {
		sample.program = found->testsuite.len ? found->testsuite : STR_LIT("junit");
	}
	r = r < 0 ? wrong(reading, "a name is too long") : add(reading, &sample);
	buf_done(&name);
	return r;
}

static int read_junit(struct reading *reading, struct str bytes)
{
	struct err why = { 0 };
	int r = junitread_parse(bytes, add_junit, reading, &why);
	if (r < 0 && why.code)
		return err_set(reading->err, r, "reading %s, %s", reading->name, why.text);
	return r;
}

static const struct {
	const char *name;
	int (*read)(struct reading *reading, struct str bytes);
} formats[IMPORT_FORMAT_MAX] = {
	[IMPORT_AUTO] = { "auto", NULL },
	[IMPORT_JUNIT] = { "junit", read_junit },
	[IMPORT_CTEST] = { "ctest", read_ctest },
	[IMPORT_PROVE] = { "prove", read_prove },
	[IMPORT_LIT] = { "lit", read_lit },
	[IMPORT_PYTEST_SPLIT] = { "pytest-split", read_pytest_split },
};

const char *import_format_name(enum import_format format)
{
	return format < IMPORT_FORMAT_MAX ? formats[format].name : NULL;
}

int import_format_parse(struct str name)
{
	for (int i = 0; i < IMPORT_FORMAT_MAX; i++)
		if (str_eq(str_of(formats[i].name), name))
			return i;
	return -EINVAL;
}

/* CTest's and lit's files are told by where their first line has its number. */
static enum import_format detect(struct str bytes)
{
	struct str rest = bytes, line = STR_LIT("");
	uint64_t us;
	while (str_line(&rest, &line) && !str_trim(line).len)
		continue;
	line = str_trim(line);
	if (str_starts(line, STR_LIT("<")) || str_starts(line, STR_LIT("\xef\xbb\xbf<")))
		return IMPORT_JUNIT;
	if (str_starts(line, STR_LIT("{")))
		return IMPORT_PYTEST_SPLIT;
	if (str_find(bytes, STR_LIT("\ntests:")) >= 0)
		return IMPORT_PROVE;
	struct str words = line, word = last_word(&words);
	if (parse_seconds(word, &us) == 0 && str_trim(words).len)
		return IMPORT_CTEST;
	if (line.len && is_one_of(line.data[0], "0123456789-"))
		return IMPORT_LIT;
	return IMPORT_AUTO;
}

int import_bytes(struct import *import, const char *name, struct str bytes,
		 const struct import_options *options, struct err *err)
{
	struct err local = { 0 };
	struct reading reading = { import, name, options, 0, err ? err : &local };
	enum import_format format = options->format;
	ASSERT(options->suite.len > 0);
	if (!bytes.data)
		bytes = STR_LIT("");
	if (format == IMPORT_AUTO)
		format = detect(bytes);
	if (format == IMPORT_AUTO)
		return err_set(err, -EPROTO,
			       "reading %s: it is in no format known here; say which with --format"
			       " (junit, "
			       "ctest, prove, lit, pytest-split)",
			       name);
	return formats[format].read(&reading, bytes);
}

int import_file(struct import *import, const char *path, const struct import_options *options,
		struct err *err)
{
	struct buf bytes;
	int r = fd_read_file(path, IMPORT_FILE_BYTES, &bytes);
	if (r < 0)
		return err_errno(err, r, "reading %s", path);
	r = import_bytes(import, path, buf_str(&bytes), options, err);
	buf_done(&bytes);
	return r;
}
