#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "chatd/rest/etag.h"
#include "tests/unit/rest_help.h"

/* SHA-256 of "abc" begins with ba7816bf 8f01cfea (FIPS 180-2). */
#define ABC "ba7816bf8f01cfea"

static void test_write(void **state)
{
	char tag[ETAG_SIZE];
	(void)state;
	etag_write(0, BYTES_LIT("abc"), false, tag);
	assert_string_equal(tag, "\"" ABC "\"");
	etag_write(17, BYTES_LIT("abc"), false, tag);
	assert_string_equal(tag, "\"17-" ABC "\"");
	etag_write(UINT64_MAX, BYTES_LIT("abc"), true, tag);
	assert_string_equal(tag, "\"18446744073709551615-" ABC "-gzip\"");
}

static bool ask(bool (*judge)(const struct http1_headers *, const char *), const char *line,
	const char *tag)
{
	struct rest_request request;
	char head[256];
	snprintf(head, sizeof(head), "GET / HTTP/1.1\nHost: a\n%s", line);
	rest_request_open(&request, head, NULL);
	bool answer = judge(&request.exchange.head.headers, tag);
	rest_request_close(&request);
	return answer;
}

static void test_none_match(void **state)
{
	static const char plain[] = "\"1-a\"", packed[] = "\"1-a-gzip\"";
	(void)state;
	assert_false(ask(etag_none_match, "X: y", plain));
	assert_true(ask(etag_none_match, "If-None-Match: \"1-a\"", plain));
	assert_true(ask(etag_none_match, "If-None-Match: W/\"1-a\"", plain));
	assert_true(ask(etag_none_match, "If-None-Match: *", plain));
	assert_true(ask(etag_none_match, "If-None-Match: \"x\", W/\"y,\" , \"1-a\"", plain));
	assert_true(ask(etag_none_match, "If-None-Match: \"x\"\nIf-None-Match: \"1-a\"", plain));
	/* The other coding of the same body. */
	assert_true(ask(etag_none_match, "If-None-Match: \"1-a-gzip\"", plain));
	assert_true(ask(etag_none_match, "If-None-Match: \"1-a\"", packed));
	assert_false(ask(etag_none_match, "If-None-Match: \"2-a\"", plain));
	assert_false(ask(etag_none_match, "If-None-Match: 1-a", plain));
	assert_false(ask(etag_none_match, "If-None-Match: \"1-a", plain));
	assert_false(ask(etag_none_match, "If-None-Match: w/\"1-a\"", plain));
	assert_false(ask(etag_none_match, "If-None-Match: \"\"", plain));
	assert_false(ask(etag_none_match, "If-None-Match: \"-gzip\"", plain));
}

static void test_matches(void **state)
{
	static const char plain[] = "\"1-a\"";
	(void)state;
	assert_true(ask(etag_matches, "X: y", plain));
	assert_true(ask(etag_matches, "If-Match: *", plain));
	assert_true(ask(etag_matches, "If-Match: \"b\", \"1-a\"", plain));
	assert_true(ask(etag_matches, "If-Match: \"1-a-gzip\"", plain));
	/* Weak tags match nothing here. */
	assert_false(ask(etag_matches, "If-Match: W/\"1-a\"", plain));
	assert_false(ask(etag_matches, "If-Match: \"1-b\"", plain));
	assert_false(ask(etag_matches, "If-Match:", plain));
}

static enum etag_demand demand(const char *line, uint64_t *ret_version)
{
	struct rest_request request;
	char head[256];
	snprintf(head, sizeof(head), "PATCH / HTTP/1.1\nHost: a\n%s", line);
	rest_request_open(&request, head, NULL);
	enum etag_demand answer = etag_read_match(&request.exchange.head.headers, ret_version);
	rest_request_close(&request);
	return answer;
}

static void test_demand(void **state)
{
	uint64_t version = 99;
	(void)state;
	assert_int_equal(demand("X: y", &version), ETAG_ANY);
	assert_int_equal(demand("If-Match: *", &version), ETAG_ANY);
	assert_int_equal(demand("If-Match: \"4-a\", *", &version), ETAG_ANY);
	assert_int_equal(version, 99);
	assert_int_equal(demand("If-Match: \"4-" ABC "\"", &version), ETAG_VERSION);
	assert_int_equal(version, 4);
	assert_int_equal(demand("If-Match: \"x\", \"5-a-gzip\", \"5-b\"", &version), ETAG_VERSION);
	assert_int_equal(version, 5);
	assert_int_equal(demand("If-Match: \"18446744073709551615-a\"", &version), ETAG_VERSION);
	assert_true(version == UINT64_MAX);
	static const char *const impossible[] = {
		"If-Match: \"4-a\", \"5-a\"",
		"If-Match: W/\"4-a\"",
		"If-Match: \"" ABC "\"",
		/* No version, though it looks like one. */
		"If-Match: \"1234567812345678-gzip\"",
		"If-Match: \"0-a\"",
		"If-Match: \"-1-a\"",
		"If-Match: \"18446744073709551616-a\"",
		"If-Match: \"4-\"",
		"If-Match: 4-a",
		"If-Match: \"",
		"If-Match:",
	};
	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
		if (demand(impossible[i], &version) != ETAG_IMPOSSIBLE) {
			fail_msg("%s", impossible[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_none_match),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_demand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
