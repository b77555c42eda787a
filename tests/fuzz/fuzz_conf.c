/* Settings from a file, and where the input begins with "env:" from environment variables, one a
 * line. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/conf/load.h"
#include "lib/conf/loader.h"
#include "lib/conf/print.h"

#define VARIABLES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_problems(const struct conf_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		assert(report->problems[i].text[0] != '\0');
		for (const char *p = report->problems[i].text; *p != '\0'; p++) {
			assert((unsigned char)*p >= 0x20 && *p != 0x7f);
		}
	}
}

/* What was taken is within what the table allows. */
static void check_conf(const struct conf *conf)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		const void *field = conf_field(conf, key);
		if (key->type == CONF_INT || key->type == CONF_SIZE || key->type == CONF_DURATION) {
			uint64_t n = *(const uint64_t *)field;
			assert(n >= key->min && n <= key->max);
		} else if (key->type == CONF_LIST || key->type == CONF_ADDRESSES) {
			const struct conf_list *list = field;
			assert(list->count >= key->min && list->count <= key->max);
		} else if (key->type == CONF_TEXT || key->type == CONF_PATH) {
			size_t len = strlen(*(const char *const *)field);
			assert(len >= key->min && (key->max == 0 || len <= key->max));
		}
		assert(conf_same(conf, conf, key));
	}
	assert(!conf->hub.detailed_errors || conf->server.environment == CONF_DEVELOPMENT);
	struct buf out = {0};
	conf_print_effective(conf, &out);
	buf_finish(&out);
}

static size_t split_variables(char *text, size_t size, char **variables)
{
	size_t count = 0;
	char *end = text + size;
	while (text < end && count < VARIABLES_MAX) {
		variables[count++] = text;
		char *line_end = memchr(text, '\n', (size_t)(end - text));
		if (line_end == NULL) {
			break;
		}
		*line_end = '\0';
		text = line_end + 1;
	}
	variables[count] = NULL;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size);
	char *variables[VARIABLES_MAX + 1] = {NULL};
	char *copy = mem_dup_bytes(input);
	/* Names of files are opened: not devices, which may block. */
	if (memmem(data, size, "/dev", 4) != NULL || memmem(data, size, "/proc", 5) != NULL) {
		free(copy);
		return 0;
	}
	if (bytes_starts(input, BYTES_LIT("env:"))) {
		split_variables(copy + 4, size - 4, variables);
		input = BYTES_NONE;
	}
	const struct conf_load_params params = {.environment = variables};
	struct conf *conf = NULL;
	struct conf_report report = {0};
	int err = conf_load_text(&params, "fuzz", input, &conf, &report);
	assert((err == 0) == (report.errors == 0) && (err == 0) == (conf != NULL));
	check_problems(&report);
	if (err == 0) {
		check_conf(conf);
	}
	conf_report_finish(&report);
	conf_unref(&conf);
	free(copy);
	return 0;
}
