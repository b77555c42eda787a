/* What the tests of the settings share: loading from a text, from files in a folder of the test's
 * own, and environments. */
#ifndef TESTS_UNIT_CONF_HELP_H
#define TESTS_UNIT_CONF_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/conf/load.h"
#include "lib/conf/print.h"

/* A folder of its own for each test; its files are removed with it. */
static char folder[64];

static inline int folder_setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_conf.XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static inline const char *in_folder(const char *name)
{
	static char path[4][256];
	static size_t turn;
	char *out = path[turn++ % 4];
	snprintf(out, sizeof(path[0]), "%s/%s", folder, name);
	return out;
}

static inline const char *write_file(const char *name, const char *text)
{
	const char *path = in_folder(name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

static inline int folder_teardown(void **state)
{
	static const char *const names[] = {"chatd.conf", "secret", "pem", "url", "auth_jwt_secret",
		"auth_jwt_public_key", "database_url"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unlink(in_folder(names[i]));
	}
	return rmdir(folder);
}

static inline const struct conf_key *key_of(const char *section, const char *key)
{
	const struct conf_key *found = conf_key_find(bytes_str(section), bytes_str(key));
	assert_non_null(found);
	return found;
}

static inline void assert_origin(
	const struct conf *conf, const char *section, const char *key, const char *wanted)
{
	struct buf out = {0};
	conf_origin_text(conf, key_of(section, key), &out);
	assert_string_equal(buf_cstr(&out), wanted);
	buf_finish(&out);
}

/* Loads what must be good. */
static inline struct conf *load_good(const char *text, const char *const *environment)
{
	const struct conf_load_params params = {
		.environment = (char *const *)(uintptr_t)environment};
	struct conf *conf = NULL;
	struct conf_report report = {0};
	int err = conf_load_text(&params, "chatd.conf", bytes_str(text), &conf, &report);
	if (err < 0) {
		fail_msg("%s", report.problems[0].text);
	}
	assert_int_equal(report.errors, 0);
	conf_report_finish(&report);
	return conf;
}

/* Loads what must be refused, with exactly these problems. */
static inline void assert_refused(
	const char *text, const char *const *environment, size_t count, ...)
{
	const struct conf_load_params params = {
		.environment = (char *const *)(uintptr_t)environment};
	struct conf *conf = NULL;
	struct conf_report report = {0};
	va_list ap;
	assert_int_equal(
		conf_load_text(&params, "chatd.conf", bytes_str(text), &conf, &report), ERR_CONFIG);
	assert_null(conf);
	va_start(ap, count);
	for (size_t i = 0; i < count && i < report.count; i++) {
		assert_string_equal(report.problems[i].text, va_arg(ap, const char *));
	}
	va_end(ap);
	assert_int_equal(report.errors, count);
	conf_report_finish(&report);
}

#endif
