#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "chatd/auth/cors.h"
#include "chatd/auth/origin.h"
#include "lib/base/err.h"
#include "lib/conf/load.h"
#include "tests/unit/rest_help.h"

#define ANSWER(origin) \
	"Access-Control-Allow-Origin: " origin "\r\nAccess-Control-Allow-Credentials: true\r\n"
#define EXPOSE "Access-Control-Expose-Headers: ETag, Location, Retry-After, Link\r\n"

static struct conf *conf;
static struct buf out;

static void use(const char *text)
{
	const struct conf_load_params params = {.default_path = "/nonexistent"};
	struct conf_report report = {0};
	conf_unref(&conf);
	assert_int_equal(conf_load_text(&params, "test", bytes_str(text), &conf, &report), 0);
	conf_report_finish(&report);
}

static int teardown(void **state)
{
	(void)state;
	conf_unref(&conf);
	buf_finish(&out);
	return 0;
}

/* What an answer to a request with these header lines says. */
static const char *answer(const char *lines)
{
	struct rest_request request;
	char head[512];
	snprintf(head, sizeof(head), "GET / HTTP/1.1\nHost: chat.example:5000%s%s",
		*lines != '\0' ? "\n" : "", lines);
	rest_request_open(&request, head, NULL);
	buf_clear(&out);
	cors_write_answer(conf, &request.exchange.head.headers, &out);
	rest_request_close(&request);
	return buf_cstr(&out);
}

static void test_answer(void **state)
{
	(void)state;
	use("[server]\nallowed_origins = https://app.example\n");
	assert_string_equal(answer(""), "");
	assert_string_equal(answer("Origin:"), "");
	assert_string_equal(
		answer("Origin: https://app.example"), ANSWER("https://app.example") EXPOSE);
	assert_string_equal(answer("origin: http://chat.example:5000"),
		ANSWER("http://chat.example:5000") EXPOSE);
	static const char *const refused[] = {"Origin: https://evil.example", "Origin: null",
		"Origin: https://app.example.evil", "Origin: http://app.example",
		"Origin: https://app.example:444", "Origin: http://localhost:3000",
		"Origin: http://chat.example",
		"Origin: https://app.example\nOrigin: https://app.example"};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_string_equal(answer(refused[i]), "");
	}
}

static void test_development(void **state)
{
	(void)state;
	use("[server]\nenvironment = Development\n");
	assert_string_equal(
		answer("Origin: http://localhost:3000"), ANSWER("http://localhost:3000") EXPOSE);
	assert_string_equal(answer("Origin: http://[::1]:80"), ANSWER("http://[::1]:80") EXPOSE);
	assert_string_equal(answer("Origin: http://localhost.evil"), "");
}

static int preflight(const char *lines)
{
	struct rest_request request;
	char head[512];
	snprintf(head, sizeof(head), "OPTIONS / HTTP/1.1\nHost: a%s", lines);
	rest_request_open(&request, head, NULL);
	buf_clear(&out);
	int answer = cors_is_preflight(&request.exchange.head)
			     ? cors_write_preflight(
				       conf, &request.exchange.head.headers, "GET, POST", &out)
			     : ERR_NOT_FOUND;
	rest_request_close(&request);
	return answer;
}

static void test_preflight(void **state)
{
	(void)state;
	use("[server]\nallowed_origins = https://app.example\n");
	assert_int_equal(preflight(""), ERR_NOT_FOUND);
	assert_int_equal(preflight("\nOrigin: https://app.example"), ERR_NOT_FOUND);
	assert_int_equal(preflight("\nAccess-Control-Request-Method: GET"), ERR_NOT_FOUND);
	assert_int_equal(
		preflight("\nOrigin: https://evil.example\nAccess-Control-Request-Method: GET"),
		ERR_FORBIDDEN);
	assert_int_equal(out.len, 0);
	assert_int_equal(
		preflight("\nOrigin: https://app.example\nAccess-Control-Request-Method: GET"), 0);
	assert_string_equal(buf_cstr(&out),
		ANSWER("https://app.example") "Access-Control-Allow-Methods: GET, POST\r\n"
					      "Access-Control-Allow-Headers: authorization, "
					      "content-type, idempotency-key, if-match, "
					      "if-none-match, x-requested-with, "
					      "x-signalr-user-agent\r\n"
					      "Access-Control-Max-Age: 600\r\n");
}

static void test_any_origin(void **state)
{
	(void)state;
	use("[server]\nallowed_origins = *\n");
	assert_true(origin_allowed(conf, BYTES_LIT("https://any.example"), BYTES_LIT("a")));
	assert_string_equal(answer("Origin: null"), ANSWER("null") EXPOSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_development),
		cmocka_unit_test(test_preflight),
		cmocka_unit_test(test_any_origin),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
