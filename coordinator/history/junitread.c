// SPDX-License-Identifier: Apache-2.0
/*
 * junitread.c - the only file that reads XML. The reader pulls, so memory does not grow with the
 * file; entities stay unexpanded and nothing is loaded from elsewhere. Not for writing: see
 * report/junit.c.
 */
#include "coordinator/history/junitread.h"

#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <libxml/xmlreader.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 256 };

struct reading {
	xmlTextReaderPtr reader;
	xmlChar *testsuite;
	bool in_case, skipped, timed, seen_any;
	xmlChar *class_name, *name, *file;
	struct junitread_case found;
	char message[MESSAGE_BYTES]; /* of the first error of the library */
	unsigned long line;
};

static void take_error(void *data, xmlErrorPtr error)
{
	struct reading *reading = data;
	if (reading->message[0] || error->level < XML_ERR_ERROR)
		return;
	snprintf(reading->message, sizeof(reading->message), "%s",
		 error->message ? error->message : "not well-formed");
	reading->message[strcspn(reading->message, "\n")] = '\0';
	reading->line = error->line > 0 ? (unsigned long)error->line : 0;
}

static xmlChar *attribute(struct reading *reading, const char *name)
{
	return xmlTextReaderGetAttribute(reading->reader, (const xmlChar *)name);
}

static void clear_case(struct reading *reading)
{
	xmlFree(reading->class_name);
	xmlFree(reading->name);
	xmlFree(reading->file);
	reading->class_name = reading->name = reading->file = NULL;
	reading->in_case = false;
}

/* "0.0012", "1,234.5" (some writers group thousands). */
static bool parse_time(const xmlChar *text, uint64_t *ret_us)
{
	char digits[32];
	size_t n = 0;
	double seconds;
	for (; text && *text && n < sizeof(digits); text++)
		if (*text != ',')
			digits[n++] = (char)*text;
	if (n == sizeof(digits) || str_parse_double((struct str){ digits, n }, &seconds) < 0)
		return false;
	if (seconds < 0 || seconds > 1e9)
		return false;
	*ret_us = (uint64_t)(seconds * 1e6 + 0.5);
	return true;
}

static void open_case(struct reading *reading)
{
	xmlChar *time = attribute(reading, "time");
	clear_case(reading);
	reading->found = (struct junitread_case){ 0 };
	reading->in_case = true;
	reading->skipped = false;
	reading->timed = parse_time(time, &reading->found.duration_us);
	reading->class_name = attribute(reading, "classname");
	reading->name = attribute(reading, "name");
	reading->file = attribute(reading, "file");
	reading->found.line = (unsigned long)xmlTextReaderGetParserLineNumber(reading->reader);
	xmlFree(time);
}

static int close_case(struct reading *reading, int (*each)(void *, const struct junitread_case *),
		      void *data)
{
	int r = 0;
	ASSERT(reading->in_case);
	reading->found.testsuite = str_of((const char *)reading->testsuite);
	reading->found.class_name = str_of((const char *)reading->class_name);
	reading->found.name = str_of((const char *)reading->name);
	reading->found.file = str_of((const char *)reading->file);
	if (!reading->skipped && reading->timed && reading->found.name.len)
		r = each(data, &reading->found);
	clear_case(reading);
	return r;
}

static bool is(const xmlChar *name, const char *wanted)
{
	return strcmp((const char *)name, wanted) == 0;
}

static void open_element(struct reading *reading, const xmlChar *name)
{
	if (is(name, "testsuite") || is(name, "testsuites")) {
		reading->seen_any = true;
		xmlFree(reading->testsuite);
		reading->testsuite = attribute(reading, "name");
	} else if (is(name, "testcase")) {
		open_case(reading);
	} else if (reading->in_case && (is(name, "failure") || is(name, "error"))) {
		reading->found.failed = true;
	} else if (reading->in_case && is(name, "skipped")) {
		reading->skipped = true;
	}
}

static int node(struct reading *reading, int (*each)(void *, const struct junitread_case *),
		void *data)
{
	const xmlChar *name = xmlTextReaderConstLocalName(reading->reader);
	int type = xmlTextReaderNodeType(reading->reader);
	bool opens = type == XML_READER_TYPE_ELEMENT;
	if (!name)
		return 0;
	if (opens)
		open_element(reading, name);
	if (reading->in_case && is(name, "testcase") &&
	    (type == XML_READER_TYPE_END_ELEMENT ||
	     (opens && xmlTextReaderIsEmptyElement(reading->reader))))
		return close_case(reading, each, data);
	return 0;
}

static int fail(struct reading *reading, struct err *err)
{
	int line = xmlTextReaderGetParserLineNumber(reading->reader);
	return err_set(err, -EPROTO, "line %lu: %s",
		       reading->line ? reading->line : (unsigned long)(line > 0 ? line : 1),
		       reading->message[0] ? reading->message : "not well-formed XML");
}

int junitread_parse(struct str bytes, int (*each)(void *data, const struct junitread_case *found),
		    void *data, struct err *err)
{
	struct reading reading = { 0 };
	int options = XML_PARSE_NONET | XML_PARSE_COMPACT | XML_PARSE_NOCDATA, more, r = 0;
	if (bytes.len > INT_MAX)
		return err_set(err, -EFBIG, "the file is larger than %d bytes", INT_MAX);
	reading.reader = xmlReaderForMemory(bytes.data, (int)bytes.len, NULL, NULL, options);
	if (!reading.reader)
		return err_set(err, -ENOMEM, "no memory for the XML reader");
	xmlTextReaderSetStructuredErrorHandler(reading.reader, take_error, &reading);
	while (r == 0 && (more = xmlTextReaderRead(reading.reader)) == 1)
		r = node(&reading, each, data);
	if (r == 0 && (more < 0 || reading.message[0]))
		r = fail(&reading, err);
	else if (r == 0 && !reading.seen_any)
		r = err_set(err, -EPROTO, "line 1: no testsuite element: this is no JUnit file");
	clear_case(&reading);
	xmlFree(reading.testsuite);
	xmlFreeTextReader(reading.reader);
	return r;
}
