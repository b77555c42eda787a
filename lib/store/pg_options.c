#include "lib/store/pg_options.h"

#include <stdint.h>
#include <stdlib.h>

struct option {
	const char *keyword, *value;
};

/* libpq takes the last of several. A peer that vanished is noticed within half a minute where
 * nothing is sent, within ten seconds where something is. */
static const struct option before[] = {
	{"fallback_application_name", "chatd"},
	{"keepalives_idle", "10"},
	{"keepalives_interval", "5"},
	{"keepalives_count", "3"},
	{"tcp_user_timeout", "10000"},
	{"gssencmode", "disable"},
};
static const struct option after[] = {
	{"client_encoding", "UTF8"},
};
enum {
	BEFORE = sizeof(before) / sizeof(before[0]),
	AFTER = sizeof(after) / sizeof(after[0]),
};

/* Lists with a place for each host. */
static const char *const lists[] = {"host", "hostaddr", "port"};
enum { LISTS = sizeof(lists) / sizeof(lists[0]) };

static int find_list(const char *keyword)
{
	for (int i = 0; i < LISTS; i++) {
		if (strcmp(keyword, lists[i]) == 0) {
			return i;
		}
	}
	return -1;
}

static size_t count_items(const char *list)
{
	size_t n = 1;
	for (; *list != '\0'; list++) {
		n += *list == ',';
	}
	return n;
}

size_t pg_options_hosts(const struct pg_url *url)
{
	size_t most = 1;
	for (size_t i = 0; i < url->count; i++) {
		if (find_list(url->keywords[i]) >= 0) {
			size_t n = count_items(url->values[i]);
			most = n > most ? n : most;
		}
	}
	return most;
}

static char *rotate(const char *list, size_t first)
{
	struct bytes rest = bytes_str(list);
	struct buf out = {0};
	for (size_t i = 0; i < first; i++) {
		bytes_split(&rest, ',');
	}
	buf_append_bytes(&out, rest);
	buf_append_char(&out, ',');
	buf_append(&out, list, (size_t)(rest.ptr - list) - 1);
	return (char *)(uintptr_t)buf_cstr(&out);
}

void pg_options_init(struct pg_options *options, const struct pg_url *url, size_t first)
{
	size_t most = BEFORE + url->count + AFTER + 1, n = 0;
	size_t hosts = pg_options_hosts(url);
	*options = (struct pg_options){.keywords = mem_zalloc(most * sizeof(char *)),
		.values = mem_zalloc(most * sizeof(char *))};
	for (size_t i = 0; i < BEFORE; i++, n++) {
		options->keywords[n] = before[i].keyword;
		options->values[n] = before[i].value;
	}
	for (size_t i = 0; i < url->count; i++, n++) {
		int list = find_list(url->keywords[i]);
		options->keywords[n] = url->keywords[i];
		options->values[n] = url->values[i];
		/* One port may stand for all hosts. */
		if (list >= 0 && first % hosts > 0 && count_items(url->values[i]) == hosts) {
			free(options->rotated[list]);
			options->rotated[list] = rotate(url->values[i], first % hosts);
			options->values[n] = options->rotated[list];
		}
	}
	for (size_t i = 0; i < AFTER; i++, n++) {
		options->keywords[n] = after[i].keyword;
		options->values[n] = after[i].value;
	}
}

void pg_options_finish(struct pg_options *options)
{
	for (int i = 0; i < LISTS; i++) {
		free(options->rotated[i]);
	}
	free(options->keywords);
	free(options->values);
	*options = (struct pg_options){0};
}
