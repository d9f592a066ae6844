// SPDX-License-Identifier: Apache-2.0
/* test_log.c - one line per event, levels, and control bytes that cannot forge a line. */
#include "protocol/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What is logged between begin and end, through a pipe. */
static int ends[2];

static void begin(enum log_level lowest, bool json)
{
	assert_int_equal(pipe(ends), 0);
	log_setup("test", ends[1], lowest, json);
}

static const char *end(void)
{
	static char text[8192];
	close(ends[1]);
	log_setup("test", STDERR_FILENO, LOG_LEVEL_INFO, false);
	ssize_t n = read(ends[0], text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(ends[0]);
	return text;
}

static void a_line_names_program_level_and_event(void **state)
{
	(void)state;
	begin(LOG_LEVEL_INFO, false);
	LOG_WARN("worker_lost", "worker=%s slots=%u", "w1", 2u);
	assert_string_equal(end(), "test: warning: worker_lost: worker=w1 slots=2\n");
}

static void lower_levels_are_not_written(void **state)
{
	(void)state;
	begin(LOG_LEVEL_WARN, false);
	assert_false(log_enabled(LOG_LEVEL_INFO));
	assert_true(log_enabled(LOG_LEVEL_ERROR));
	LOG_DEBUG("no", "no");
	LOG_INFO("no", "no");
	LOG_ERROR("yes", "yes");
	assert_string_equal(end(), "test: error: yes: yes\n");
}

static void a_hostile_name_stays_on_its_line(void **state)
{
	(void)state;
	begin(LOG_LEVEL_INFO, false);
	LOG_INFO("case", "name=%s", "a\nfake: error: b\x1b[31m\x7f");
	const char *text = end();
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "a\\x0afake"));
}

static void json_is_escaped(void **state)
{
	(void)state;
	begin(LOG_LEVEL_INFO, true);
	LOG_INFO("case", "name=%s", "quote\" back\\ line\n");
	const char *text = end();
	assert_memory_equal(text, "{\"time\":\"20", 11);
	assert_non_null(strstr(text, "\"level\":\"info\",\"program\":\"test\",\"event\":\"case\""));
	assert_non_null(strstr(text, "\"text\":\"name=quote\\\" back\\\\ line\\u000a\"}\n"));
}

static void a_huge_text_is_cut_to_one_line(void **state)
{
	(void)state;
	char huge[10000];
	memset(huge, '\n', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	for (int json = 0; json < 2; json++) {
		begin(LOG_LEVEL_INFO, json);
		LOG_INFO("huge", "%s", huge);
		const char *text = end();
		size_t len = strlen(text);
		assert_in_range(len, 1000, 5000);
		assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_names_program_level_and_event),
		cmocka_unit_test(lower_levels_are_not_written),
		cmocka_unit_test(a_hostile_name_stays_on_its_line),
		cmocka_unit_test(json_is_escaped),
		cmocka_unit_test(a_huge_text_is_cut_to_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
