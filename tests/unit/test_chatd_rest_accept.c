#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "chatd/rest/accept.h"
#include "tests/unit/rest_help.h"

typedef bool (*judge_fn)(const struct http1_headers *headers);

static bool judge(judge_fn ask, const char *lines)
{
	struct rest_request request;
	char head[512];
	snprintf(head, sizeof(head), "GET / HTTP/1.1\nHost: a%s%s", *lines != '\0' ? "\n" : "",
		lines);
	rest_request_open(&request, head, NULL);
	bool answer = ask(&request.exchange.head.headers);
	rest_request_close(&request);
	return answer;
}

struct row {
	const char *lines;
	bool answer;
};

static void check_rows(judge_fn ask, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (judge(ask, rows[i].lines) != rows[i].answer) {
			fail_msg("%s: not %d", rows[i].lines, rows[i].answer);
		}
	}
}

#define CHECK(ask, rows) check_rows(ask, rows, sizeof(rows) / sizeof((rows)[0]))

static void test_accept(void **state)
{
	static const struct row rows[] = {
		{"", true},
		{"Accept:", true},
		{"Accept: application/json", true},
		{"accept: APPLICATION/JSON", true},
		{"Accept: application/json;charset=utf-8", true},
		{"Accept: application/problem+json", true},
		{"Accept: application/*", true},
		{"Accept: */*", true},
		{"Accept: text/html, */*;q=0.1", true},
		{"Accept: text/html\nAccept: application/json", true},
		{"Accept: application/json;q=0.001", true},
		{"Accept: ,, application/json ,", true},
		{"Accept: text/html", false},
		{"Accept: application/json;q=0", false},
		{"Accept: application/json;q=0.000", false},
		{"Accept: application/xml, text/*", false},
		{"Accept: application/jsonx", false},
		/* The nearest range decides. */
		{"Accept: */*, application/json;q=0", false},
		{"Accept: application/*;q=0, */*", false},
		{"Accept: application/*;q=0, application/json", true},
		{"Accept: text/plain;x=\"a,application/json\"", false},
		/* What is no weight is none. */
		{"Accept: application/json;q=2", false},
		{"Accept: application/json;q=x", false},
		{"Accept: application/json;q=1.001", false},
		{"Accept: application/json;q=1.000", true},
		{"Accept: application/json;q=0.0001", false},
	};
	(void)state;
	CHECK(accept_takes_json, rows);
}

static void test_encoding(void **state)
{
	static const struct row rows[] = {
		{"", false},
		{"Accept-Encoding:", false},
		{"Accept-Encoding: gzip", true},
		{"Accept-Encoding: x-gzip", true},
		{"Accept-Encoding: GZIP, deflate, br", true},
		{"Accept-Encoding: gzip;q=0.5", true},
		{"Accept-Encoding: gzip; q=0.5", true},
		{"Accept-Encoding: br\nAccept-Encoding: gzip", true},
		{"Accept-Encoding: *", true},
		{"Accept-Encoding: gzip;q=0.5, identity;q=0.5", true},
		{"Accept-Encoding: gzip;q=0", false},
		{"Accept-Encoding: *, gzip;q=0", false},
		{"Accept-Encoding: *;q=0", false},
		{"Accept-Encoding: identity", false},
		{"Accept-Encoding: gzip;q=0.5, identity;q=0.6", false},
		{"Accept-Encoding: gzip;q=1.5", false},
		{"Accept-Encoding: deflate, br", false},
	};
	(void)state;
	CHECK(accept_takes_gzip, rows);
}

static void test_content_type(void **state)
{
	static const struct row rows[] = {
		{"Content-Type: application/json", true},
		{"Content-Type: Application/JSON", true},
		{"Content-Type: application/json; charset=utf-8", true},
		{"Content-Type: application/json;charset=\"UTF-8\"", true},
		{"Content-Type: application/json; version=1", true},
		{"Content-Type: application/merge-patch+json", true},
		{"Content-Type: application/json\nContent-Encoding: identity", true},
		{"", false},
		{"Content-Type:", false},
		{"Content-Type: text/plain", false},
		{"Content-Type: text/json", false},
		{"Content-Type: +json", false},
		{"Content-Type: application/jsonp", false},
		{"Content-Type: application/json; charset=utf-16", false},
		{"Content-Type: application/json; charset=iso-8859-1", false},
		{"Content-Type: application/json\nContent-Encoding: gzip", false},
		{"Content-Type: application/json\nContent-Type: application/json", false},
		{"Content-Type: application/x-www-form-urlencoded", false},
	};
	(void)state;
	CHECK(accept_is_json, rows);
}

static void test_walk(void **state)
{
	static const char *const wanted[] = {"a", "\"b,c\"", "d;e=\"f,\"", "g"};
	struct rest_request request;
	struct bytes member;
	size_t count = 0;
	(void)state;
	rest_request_open(&request,
		"GET / HTTP/1.1\nHost: a\nX: a, \"b,c\"\nY: no\nx:\nX: , d;e=\"f,\" ,g", NULL);
	struct header_walk walk = {.headers = &request.exchange.head.headers, .name = "x"};
	while (header_walk_next(&walk, &member)) {
		assert_true(count < 4);
		assert_true(bytes_eq(member, bytes_str(wanted[count])));
		count++;
	}
	assert_int_equal(count, 4);
	rest_request_close(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_encoding),
		cmocka_unit_test(test_content_type),
		cmocka_unit_test(test_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
