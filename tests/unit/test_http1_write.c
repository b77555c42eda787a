/* What is written as HTTP, and response heads as clients read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/wire/http1.h"

static void assert_bytes(struct bytes got, struct bytes wanted)
{
	assert_int_equal(got.len, wanted.len);
	if (got.len > 0) {
		assert_memory_equal(got.ptr, wanted.ptr, got.len);
	}
}

static void test_response_head(void **state)
{
	const struct http1_header headers[] = {
		{BYTES_LIT("Content-Type"), BYTES_LIT("text/plain")},
		{BYTES_LIT("X-Evil"), BYTES_LIT("a\r\nSet-Cookie: b\0\x7f\tc")},
	};
	struct buf out = {0};

	(void)state;
	http1_write_head(&out, 404, headers, 2);
	assert_bytes(
		buf_bytes(&out), BYTES_LIT("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n"
					   "X-Evil: a  Set-Cookie: b  \tc\r\n\r\n"));
	buf_clear(&out);
	http1_write_status(&out, 299);
	http1_write_header(&out, "Empty", BYTES_NONE);
	http1_write_header(&out, "A", BYTES_LIT("x\ny"));
	http1_write_header_u64(&out, "Content-Length", UINT64_MAX);
	http1_write_end(&out);
	assert_bytes(buf_bytes(&out), BYTES_LIT("HTTP/1.1 299 Unknown\r\nEmpty: \r\nA: x y\r\n"
						"Content-Length: 18446744073709551615\r\n\r\n"));
	buf_finish(&out);
}

static void test_request_head(void **state)
{
	struct buf out = {0};
	struct http1_parser parser = {0};
	struct http1_request request;
	size_t consumed;

	(void)state;
	http1_write_request_line(&out, "GET", BYTES_LIT("/a b\r\n\xc3\xa9?x=%20"));
	assert_bytes(buf_bytes(&out), BYTES_LIT("GET /a%20b%0D%0A%C3%A9?x=%20 HTTP/1.1\r\n"));
	http1_write_header(&out, "Host", BYTES_LIT("a"));
	http1_write_end(&out);
	assert_int_equal(http1_request_parse(&parser, buf_bytes(&out), &http1_limits_default,
				 &request, &consumed),
		0);
	assert_int_equal(consumed, out.len);
	buf_finish(&out);
}

static void test_chunks(void **state)
{
	struct buf out = {0};

	(void)state;
	http1_write_chunk(&out, BYTES_LIT("0123456789abcdefXYZ"));
	http1_write_chunk(&out, BYTES_NONE);
	http1_write_last_chunk(&out);
	assert_bytes(buf_bytes(&out), BYTES_LIT("13\r\n0123456789abcdefXYZ\r\n0\r\n\r\n"));
	buf_finish(&out);
}

static void test_status_text(void **state)
{
	(void)state;
	assert_string_equal(http1_status_text(101), "Switching Protocols");
	assert_string_equal(http1_status_text(200), "OK");
	assert_string_equal(http1_status_text(431), "Request Header Fields Too Large");
	assert_string_equal(http1_status_text(507), "Insufficient Storage");
	assert_string_equal(http1_status_text(0), "Unknown");
}

struct result {
	int err;
	int status;
	const char *reason;
	size_t consumed;
	char *memory;
	struct http1_response response;
};

static void parse(struct bytes input, size_t step, bool head_request, struct result *ret)
{
	struct http1_parser parser = {0};
	size_t given = 0;

	*ret = (struct result){.err = ERR_AGAIN};
	while (ret->err == ERR_AGAIN && given < input.len) {
		given = input.len - given > step ? given + step : input.len;
		free(ret->memory);
		ret->memory = malloc(given);
		assert_non_null(ret->memory);
		memcpy(ret->memory, input.ptr, given);
		ret->err = http1_response_parse(&parser, bytes_of(ret->memory, given),
			&http1_limits_default, head_request, &ret->response, &ret->consumed);
		if (ret->err == ERR_AGAIN) {
			assert_int_equal(parser.status, 0);
		}
	}
	ret->status = parser.status;
	ret->reason = parser.reason;
}

static const struct {
	struct bytes head;
	bool head_request;
	int status;
	const char *reason;
	enum http1_framing framing;
	uint64_t length;
	bool keep_alive;
} accepted[] = {
	{BYTES_LIT("HTTP/1.1 200 OK\r\nContent-Length: 316\r\n\r\n"), false, 200, "OK",
		HTTP1_BODY_LENGTH, 316, true},
	{BYTES_LIT("HTTP/1.1 200 OK\r\nContent-Length: 316\r\n\r\n"), true, 200, "OK",
		HTTP1_BODY_NONE, 0, true},
	{BYTES_LIT("HTTP/1.1 202 \r\nContent-Length: 0\r\n\r\n"), false, 202, "", HTTP1_BODY_NONE,
		0, true},
	{BYTES_LIT("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"), false, 200, "",
		HTTP1_BODY_CHUNKED, 0, true},
	{BYTES_LIT("HTTP/1.1 200 Very well\r\n\r\n"), false, 200, "Very well",
		HTTP1_BODY_UNTIL_CLOSE, 0, false},
	{BYTES_LIT("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n"), false,
		200, "OK", HTTP1_BODY_LENGTH, 2, true},
	{BYTES_LIT("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"), false, 101,
		"Switching Protocols", HTTP1_BODY_NONE, 0, true},
	{BYTES_LIT("HTTP/1.1 204 No Content\r\n\r\n"), false, 204, "No Content", HTTP1_BODY_NONE, 0,
		true},
	{BYTES_LIT("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nConnection: close\r\n\r\n"),
		false, 304, "Not Modified", HTTP1_BODY_NONE, 0, false},
	{BYTES_LIT("HTTP/1.1 100 Continue\r\n\r\n"), false, 100, "Continue", HTTP1_BODY_NONE, 0,
		true},
};

static void test_responses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		const size_t steps[] = {accepted[i].head.len, 1};

		for (size_t k = 0; k < 2; k++) {
			struct result got;

			parse(accepted[i].head, steps[k], accepted[i].head_request, &got);
			assert_int_equal(got.err, 0);
			assert_int_equal(got.consumed, accepted[i].head.len);
			assert_int_equal(got.response.status, accepted[i].status);
			assert_bytes(got.response.reason, bytes_str(accepted[i].reason));
			assert_int_equal(got.response.framing, accepted[i].framing);
			assert_int_equal(got.response.content_length, accepted[i].length);
			assert_int_equal(got.response.keep_alive, accepted[i].keep_alive);
			free(got.memory);
		}
	}
}

static const struct {
	struct bytes head;
	int err;
	const char *reason;
} refused[] = {
	{BYTES_LIT("HTTP/2.0 200 OK\r\n"), ERR_NOT_SUPPORTED,
		"HTTP version other than 1.0 and 1.1"},
	{BYTES_LIT("SSH-2.0-OpenSSH_9.2\r\n"), ERR_BAD_REQUEST, "malformed HTTP version"},
	{BYTES_LIT("HTTP/1.1 20 OK\r\n"), ERR_BAD_REQUEST, "malformed status code"},
	{BYTES_LIT("HTTP/1.1 099 OK\r\n"), ERR_BAD_REQUEST, "malformed status code"},
	{BYTES_LIT("HTTP/1.1 600 OK\r\n"), ERR_BAD_REQUEST, "malformed status code"},
	{BYTES_LIT("HTTP/1.1 2x0 OK\r\n"), ERR_BAD_REQUEST, "malformed status code"},
	{BYTES_LIT("HTTP/1.1  200 OK\r\n"), ERR_BAD_REQUEST, "malformed status code"},
	{BYTES_LIT("HTTP/1.1 200 OK\n"), ERR_BAD_REQUEST, "line ends with a bare LF"},
	{BYTES_LIT("HTTP/1.1 200 OK\r\nA\r\n\r\n"), ERR_BAD_REQUEST, "header line without a colon"},
	{BYTES_LIT("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
		ERR_BAD_REQUEST, "two Content-Length headers"},
	{BYTES_LIT("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
		ERR_BAD_REQUEST, "both Transfer-Encoding and Content-Length"},
	{BYTES_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), ERR_NOT_SUPPORTED,
		"Transfer-Encoding other than chunked"},
	{BYTES_LIT("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), ERR_BAD_REQUEST,
		"Transfer-Encoding in HTTP/1.0"},
};

static void test_responses_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const size_t steps[] = {refused[i].head.len, 1};

		for (size_t k = 0; k < 2; k++) {
			struct result got;

			parse(refused[i].head, steps[k], false, &got);
			assert_int_equal(got.err, refused[i].err);
			assert_int_equal(got.status, 502);
			assert_string_equal(got.reason, refused[i].reason);
			free(got.memory);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_response_head),
		cmocka_unit_test(test_request_head),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_status_text),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_responses_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
