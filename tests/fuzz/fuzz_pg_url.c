/* Where a PostgreSQL database is: URLs and Npgsql's connection strings, and what is shown of them.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/conf/mask.h"
#include "lib/store/pg_fault.h"
#include "lib/store/pg_options.h"
#include "lib/store/pg_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_in(struct bytes text, struct bytes part)
{
	size_t n = 0;
	for (size_t i = 0; i + part.len <= text.len; i++) {
		n += memcmp(text.ptr + i, part.ptr, part.len) == 0;
	}
	return n;
}

static struct bytes value_of(const struct pg_url *url, const char *keyword)
{
	for (size_t i = 0; i < url->count; i++) {
		if (strcmp(url->keywords[i], keyword) == 0) {
			return bytes_str(url->values[i]);
		}
	}
	return BYTES_NONE;
}

/* A password that stands in the text as it is stands there less often when it is shown. */
static void check_mask(struct bytes text, const struct pg_url *url)
{
	static const char *const keywords[] = {"password", "sslpassword"};
	struct buf shown = {0};
	mask_url(text, &shown);
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		struct bytes password = value_of(url, keywords[i]);
		/* Short ones may come about by chance. */
		if (password.len < 6 || bytes_find_char(password, '*') >= 0) {
			continue;
		}
		size_t before = count_in(text, password);
		assert(before == 0 || count_in(buf_bytes(&shown), password) < before);
	}
	buf_finish(&shown);
}

static void check_options(const struct pg_url *url)
{
	struct pg_options options;
	size_t hosts = pg_options_hosts(url);
	assert(hosts >= 1);
	for (size_t first = 0; first <= hosts && first < 5; first++) {
		size_t count = 0;
		pg_options_init(&options, url, first);
		while (options.keywords[count] != NULL) {
			assert(options.values[count] != NULL);
			count++;
		}
		assert(count > url->count);
		pg_options_finish(&options);
	}
}

static void check_good(struct bytes text, struct pg_url *url)
{
	struct pg_url other;
	assert(pg_url_is(text));
	assert(url->place != NULL && url->place[0] != '\0');
	for (size_t i = 0; i < url->count; i++) {
		assert(url->keywords[i][0] != '\0');
		for (size_t k = 0; k < i; k++) {
			assert(strcmp(url->keywords[i], url->keywords[k]) != 0);
		}
	}
	assert(url->count == 0 ||
		(url->keywords[url->count] == NULL && url->values[url->count] == NULL));
	check_mask(text, url);
	check_options(url);
	assert(pg_url_with_database(url, "other", &other) == 0);
	assert(bytes_eq(value_of(&other, "dbname"), BYTES_LIT("other")));
	assert(bytes_eq(value_of(&other, "password"), value_of(url, "password")));
	pg_url_finish(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = bytes_of(data, size);
	struct pg_url url;
	struct buf why = {0}, line = {0};
	if (size > 4096) {
		return 0;
	}
	int err = pg_url_parse(text, &url, &why);
	assert(err == 0 || err == ERR_CONFIG);
	if (err == 0) {
		check_good(text, &url);
		pg_url_finish(&url);
	} else {
		assert(why.len > 0);
	}
	/* And what libpq might say of it. */
	err = pg_fault_of_connect(text, &line);
	assert(err == ERR_UNAVAILABLE || err == ERR_CONFIG);
	assert(bytes_find_char(buf_bytes(&line), '\n') < 0);
	buf_finish(&line);
	buf_finish(&why);
	return 0;
}
