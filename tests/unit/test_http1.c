/* Request and response heads. Each input is parsed in one piece and byte by byte, always from
 * memory that ends with the input, so that the sanitizer sees a read beyond it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/wire/http1.h"

#define BYTES(s) BYTES_LIT(s)
#define HOST "Host: chat.example\r\n"

struct result {
	int err;
	int status;
	const char *reason;
	size_t consumed;
	char *memory; /* what the views point into */
	struct http1_request request;
};

static char *exact_copy(struct bytes input)
{
	char *copy = malloc(input.len > 0 ? input.len : 1);

	assert_non_null(copy);
	if (input.len > 0) {
		memcpy(copy, input.ptr, input.len);
	}
	return copy;
}

/* Gives input in steps of the size, as a growing buffer that moves each time. */
static void parse(
	struct bytes input, size_t step, const struct http1_limits *limits, struct result *ret)
{
	struct http1_parser parser = {0};
	size_t given = 0;

	*ret = (struct result){.err = ERR_AGAIN};
	while (ret->err == ERR_AGAIN && given < input.len) {
		given = input.len - given > step ? given + step : input.len;
		free(ret->memory);
		ret->memory = exact_copy(bytes_of(input.ptr, given));
		ret->err = http1_request_parse(&parser, bytes_of(ret->memory, given), limits,
			&ret->request, &ret->consumed);
		if (ret->err == ERR_AGAIN) {
			assert_true(parser.scanned + 1 >= given);
			assert_null(parser.reason);
		}
	}
	ret->status = parser.status;
	ret->reason = parser.reason;
	if (ret->err == 0) {
		assert_int_equal(parser.scanned, 0);
		assert_int_equal(parser.lines, 0);
	}
}

static void assert_bytes(struct bytes got, struct bytes wanted)
{
	assert_int_equal(got.len, wanted.len);
	if (got.len > 0) {
		assert_memory_equal(got.ptr, wanted.ptr, got.len);
	}
}

/* Whole and byte by byte; the second result is handed out. */
static void parse_good(struct bytes input, struct result *ret)
{
	struct result whole;

	parse(input, input.len, &http1_limits_default, &whole);
	parse(input, 1, &http1_limits_default, ret);
	if (ret->err != 0 || whole.err != 0) {
		fail_msg("refused: %s", ret->reason != NULL ? ret->reason : "incomplete");
	}
	assert_int_equal(whole.consumed, ret->consumed);
	assert_bytes(whole.request.target, ret->request.target);
	assert_int_equal(whole.request.headers.count, ret->request.headers.count);
	for (size_t i = 0; i < whole.request.headers.count; i++) {
		assert_bytes(
			whole.request.headers.items[i].name, ret->request.headers.items[i].name);
		assert_bytes(
			whole.request.headers.items[i].value, ret->request.headers.items[i].value);
	}
	free(whole.memory);
}

static void test_negotiate_request(void **state)
{
	const struct bytes head =
		BYTES("POST /chat/negotiate?room=1&negotiateVersion=1 HTTP/1.1\r\n"
		      "host: localhost:5000\r\n"
		      "X-Requested-With: XMLHttpRequest\r\n"
		      "Content-Length:  0 \t\r\n"
		      "Empty:\r\n"
		      "\r\n"
		      "tail");
	struct result got;

	(void)state;
	parse_good(head, &got);
	assert_int_equal(got.consumed, head.len - 4);
	assert_int_equal(got.request.method, HTTP1_POST);
	assert_bytes(got.request.method_text, BYTES("POST"));
	assert_bytes(got.request.target, BYTES("/chat/negotiate?room=1&negotiateVersion=1"));
	assert_int_equal(got.request.minor, 1);
	assert_true(got.request.keep_alive);
	assert_false(got.request.expect_continue);
	assert_int_equal(got.request.framing, HTTP1_BODY_NONE);
	assert_int_equal(got.request.headers.count, 4);
	assert_bytes(*http1_header(&got.request.headers, "HOST"), BYTES("localhost:5000"));
	assert_bytes(*http1_header(&got.request.headers, "content-length"), BYTES("0"));
	assert_bytes(*http1_header(&got.request.headers, "Empty"), BYTES(""));
	assert_null(http1_header(&got.request.headers, "Hos"));
	free(got.memory);
}

static void test_upgrade_tokens(void **state)
{
	struct result got;

	(void)state;
	parse_good(BYTES("GET /chathub HTTP/1.1\r\n" HOST "Connection: keep-alive , Upgrade\r\n"
			 "Upgrade: WebSocket\r\nAccept: text/html\r\nAccept: a/b;q=1,, "
			 "text/event-stream\r\n\r\n"),
		&got);
	assert_true(http1_header_has_token(&got.request.headers, "connection", "upgrade"));
	assert_true(http1_header_has_token(&got.request.headers, "upgrade", "websocket"));
	assert_true(http1_header_has_token(&got.request.headers, "Accept", "text/event-stream"));
	assert_false(http1_header_has_token(&got.request.headers, "Accept", "a/b"));
	assert_false(http1_header_has_token(&got.request.headers, "Upgrade", "web"));
	assert_false(http1_header_has_token(&got.request.headers, "Cookie", "a"));
	assert_int_equal(http1_header_count(&got.request.headers, "ACCEPT"), 2);
	free(got.memory);
}

static const struct {
	struct bytes head;
	enum http1_framing framing;
	uint64_t length;
	bool keep_alive;
	bool expect_continue;
} accepted[] = {
	{BYTES("GET / HTTP/1.0\r\n\r\n"), HTTP1_BODY_NONE, 0, false, false},
	{BYTES("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), HTTP1_BODY_NONE, 0, true,
		false},
	{BYTES("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), HTTP1_BODY_NONE, 0,
		false, false},
	{BYTES("GET / HTTP/1.1\r\n" HOST "Connection: Close\r\n\r\n"), HTTP1_BODY_NONE, 0, false,
		false},
	{BYTES("\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), HTTP1_BODY_NONE, 0, true, false},
	{BYTES("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), HTTP1_BODY_NONE, 0, true, false},
	{BYTES("POST / HTTP/1.1\r\n" HOST "Content-Length: 0012\r\n\r\n"), HTTP1_BODY_LENGTH, 12,
		true, false},
	{BYTES("POST / HTTP/1.1\r\n" HOST "Content-Length: 9007199254740992\r\n\r\n"),
		HTTP1_BODY_LENGTH, 9007199254740992, true, false},
	{BYTES("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"), HTTP1_BODY_CHUNKED,
		0, true, false},
	{BYTES("POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n"),
		HTTP1_BODY_LENGTH, 1, true, true},
	{BYTES("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n"), HTTP1_BODY_NONE, 0, true,
		false},
	{BYTES("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n"), HTTP1_BODY_LENGTH, 1,
		false, false},
	{BYTES("GET http://chat.example/x HTTP/1.1\r\n" HOST "\r\n"), HTTP1_BODY_NONE, 0, true,
		false},
	{BYTES("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n"), HTTP1_BODY_NONE, 0, true, false},
	{BYTES("X-y!#$%&'*+.^_`|~9 / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), HTTP1_BODY_NONE, 0, true,
		false},
	{BYTES("GET / HTTP/1.1\r\n" HOST "Name: caf\xc3\xa9 a\tb\r\n\r\n"), HTTP1_BODY_NONE, 0,
		true, false},
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct result got;

		parse_good(accepted[i].head, &got);
		assert_int_equal(got.consumed, accepted[i].head.len);
		assert_int_equal(got.request.framing, accepted[i].framing);
		assert_int_equal(got.request.content_length, accepted[i].length);
		assert_int_equal(got.request.keep_alive, accepted[i].keep_alive);
		assert_int_equal(got.request.expect_continue, accepted[i].expect_continue);
		free(got.memory);
	}
}

#define GET11 "GET / HTTP/1.1\r\n"
#define POST11 "POST / HTTP/1.1\r\n" HOST

static const struct {
	struct bytes head;
	int status;
	const char *reason;
} refused[] = {
	{BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, "HTTP version other than 1.0 and 1.1"},
	{BYTES("GET / HTTP/1.2\r\n"), 505, "HTTP version other than 1.0 and 1.1"},
	{BYTES("GET / HTTP/0.9\r\n"), 505, "HTTP version other than 1.0 and 1.1"},
	{BYTES("GET / HTTP/3.0\r\n"), 505, "HTTP version other than 1.0 and 1.1"},
	{BYTES("GET / HTTP/1\r\n"), 400, "malformed HTTP version"},
	{BYTES("GET / HTTP/1.10\r\n"), 400, "malformed HTTP version"},
	{BYTES("GET / http/1.1\r\n"), 400, "malformed HTTP version"},
	{BYTES("GET / HTTP/x.1\r\n"), 400, "malformed HTTP version"},
	{BYTES("GET / HTTP/1-1\r\n"), 400, "malformed HTTP version"},
	{BYTES("GET / HTTP//.1\r\n"), 400, "malformed HTTP version"},
	{BYTES("GET / HTTP/1./\r\n"), 400, "malformed HTTP version"},
	{BYTES("GET / HTTP/1.x\r\n"), 400, "malformed HTTP version"},
	{BYTES("GET / HTTP/1.1 \r\n"), 400, "malformed HTTP version"},
	{BYTES("GET / HTTP/1.1 x\r\n"), 400, "malformed HTTP version"},
	{BYTES("GET /\r\n"), 400, "malformed request line"},
	{BYTES("GET\r\n"), 400, "malformed request line"},
	{BYTES("GET  / HTTP/1.1\r\n"), 400, "malformed request line"},
	{BYTES(" GET / HTTP/1.1\r\n"), 400, "malformed method"},
	{BYTES("G(T / HTTP/1.1\r\n"), 400, "malformed method"},
	{BYTES("GET\t/ HTTP/1.1\r\n"), 400, "malformed method"},
	{BYTES("GET /\xc3\xa9 HTTP/1.1\r\n"), 400, "forbidden character in the request target"},
	{BYTES("GET /\t HTTP/1.1\r\n"), 400, "forbidden character in the request target"},
	{BYTES("GET /\x7f HTTP/1.1\r\n"), 400, "control character in the head"},
	{BYTES("\x16\x03\x01"), 400, "control character in the head"},
	{BYTES("\r\n\r\n\r\n"), 400, "too many empty lines before the head"},
	{BYTES("\n"), 400, "line ends with a bare LF"},
	{BYTES("GET / HTTP/1.1\n"), 400, "line ends with a bare LF"},
	{BYTES(GET11 HOST "A: b\n\r\n"), 400, "line ends with a bare LF"},
	{BYTES(GET11 HOST "\n"), 400, "line ends with a bare LF"},
	{BYTES(GET11 HOST "A: b\rc\r\n\r\n"), 400, "bare CR in the head"},
	{BYTES(GET11 HOST "A: b\r\r\n\r\n"), 400, "bare CR in the head"},
	{BYTES(GET11 HOST "A: b\0c\r\n\r\n"), 400, "control character in the head"},
	{BYTES(GET11 HOST "A: \x7f\r\n\r\n"), 400, "control character in the head"},
	{BYTES(GET11 HOST "A: \x0b\r\n\r\n"), 400, "control character in the head"},
	{BYTES(GET11 HOST "A: b\r\n c\r\n\r\n"), 400, "folded header line"},
	{BYTES(GET11 HOST "A: b\r\n\tc\r\n\r\n"), 400, "folded header line"},
	{BYTES(GET11 " Host: a\r\n\r\n"), 400, "folded header line"},
	{BYTES(GET11 HOST "A : b\r\n\r\n"), 400, "blank before the colon of a header"},
	{BYTES(GET11 HOST "A\t: b\r\n\r\n"), 400, "blank before the colon of a header"},
	{BYTES(GET11 HOST "A b\r\n\r\n"), 400, "header line without a colon"},
	{BYTES(GET11 HOST ": b\r\n\r\n"), 400, "malformed header name"},
	{BYTES(GET11 HOST "A b: c\r\n\r\n"), 400, "malformed header name"},
	{BYTES(GET11 HOST "\xc3\xa9: c\r\n\r\n"), 400, "malformed header name"},
	{BYTES(GET11 "\r\n"), 400, "no Host header"},
	{BYTES(GET11 HOST HOST "\r\n"), 400, "two Host headers"},
	{BYTES("GET / HTTP/1.0\r\n" HOST "HOST: b\r\n\r\n"), 400, "two Host headers"},
	{BYTES(GET11 "Host: a, b\r\n\r\n"), 400, "malformed Host header"},
	{BYTES(GET11 "Host: a@b\r\n\r\n"), 400, "malformed Host header"},
	{BYTES(GET11 "Host: a/b\r\n\r\n"), 400, "malformed Host header"},
	{BYTES(POST11 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
		"both Transfer-Encoding and Content-Length"},
	{BYTES(POST11 "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), 400,
		"two Content-Length headers"},
	{BYTES(POST11 "Content-Length: 5\r\nCONTENT-LENGTH: 5\r\n\r\n"), 400,
		"two Content-Length headers"},
	{BYTES(POST11 "Content-Length: 5, 5\r\n\r\n"), 400, "malformed Content-Length"},
	{BYTES(POST11 "Content-Length: +5\r\n\r\n"), 400, "malformed Content-Length"},
	{BYTES(POST11 "Content-Length: -5\r\n\r\n"), 400, "malformed Content-Length"},
	{BYTES(POST11 "Content-Length: 0x5\r\n\r\n"), 400, "malformed Content-Length"},
	{BYTES(POST11 "Content-Length: 5 5\r\n\r\n"), 400, "malformed Content-Length"},
	{BYTES(POST11 "Content-Length:\r\n\r\n"), 400, "malformed Content-Length"},
	{BYTES(POST11 "Content-Length: 9007199254740993\r\n\r\n"), 413, "Content-Length too large"},
	{BYTES(POST11 "Content-Length: 99999999999999999999999\r\n\r\n"), 413,
		"Content-Length too large"},
	{BYTES(POST11 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
		"two Transfer-Encoding headers"},
	{BYTES(POST11 "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501,
		"Transfer-Encoding other than chunked"},
	{BYTES(POST11 "Transfer-Encoding: identity\r\n\r\n"), 501,
		"Transfer-Encoding other than chunked"},
	{BYTES(POST11 "Transfer-Encoding:\r\n\r\n"), 501, "Transfer-Encoding other than chunked"},
	{BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
		"Transfer-Encoding in HTTP/1.0"},
	{BYTES(POST11 "Expect: tea\r\n\r\n"), 417, "expectation other than 100-continue"},
	{BYTES(POST11 "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n"), 417,
		"expectation other than 100-continue"},
};

static int error_of(int status)
{
	if (status == 413 || status == 414 || status == 431) {
		return ERR_TOO_LARGE;
	}
	return status == 417 || status > 500 ? ERR_NOT_SUPPORTED : ERR_BAD_REQUEST;
}

static void assert_refused(
	struct bytes head, const struct http1_limits *limits, int status, const char *reason)
{
	const size_t steps[] = {head.len, 1, 2, 7};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct result got;

		parse(head, steps[i], limits, &got);
		if (got.reason == NULL) {
			fail_msg("not refused: %s", reason);
		}
		assert_string_equal(got.reason, reason);
		assert_int_equal(got.status, status);
		assert_int_equal(got.err, error_of(status));
		free(got.memory);
	}
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_refused(refused[i].head, &http1_limits_default, refused[i].status,
			refused[i].reason);
	}
}

static void test_incomplete(void **state)
{
	const struct bytes head = BYTES(GET11 HOST "A: b\r\n\r\n");

	(void)state;
	for (size_t n = 0; n < head.len; n++) {
		struct http1_parser parser = {0};
		struct http1_request request;
		char *memory = exact_copy(bytes_of(head.ptr, n));
		size_t consumed = 77;

		assert_int_equal(http1_request_parse(&parser, bytes_of(memory, n),
					 &http1_limits_default, &request, &consumed),
			ERR_AGAIN);
		assert_int_equal(consumed, 77);
		free(memory);
	}
}

static void test_limits(void **state)
{
	const struct bytes head = BYTES("GET /1234 HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n");
	struct http1_limits limits = {.head_max = head.len, .line_max = 18, .headers_max = 2};
	struct result got;

	(void)state;
	parse(head, 1, &limits, &got);
	assert_int_equal(got.err, 0);
	free(got.memory);
	limits.headers_max = 1;
	assert_refused(head, &limits, 431, "too many headers");
	limits.headers_max = 2;
	limits.head_max = head.len - 1;
	assert_refused(head, &limits, 431, "head too large");
	limits.head_max = 24;
	assert_refused(head, &limits, 431, "head too large");
	limits.line_max = 17;
	assert_refused(head, &limits, 414, "first line too long");
	limits.line_max = 6;
	assert_refused(bytes_of(head.ptr, 15), &limits, 414, "first line too long");
}

/* The defaults against a peer that never ends its line. */
static void test_default_limits(void **state)
{
	struct buf buf = {0};
	struct result got;

	(void)state;
	buf_append_str(&buf, "GET /");
	while (buf.len < 20000) {
		buf_append_char(&buf, 'a');
	}
	parse(buf_bytes(&buf), 1000, &http1_limits_default, &got);
	assert_int_equal(got.status, 414);
	free(got.memory);
	buf_clear(&buf);
	buf_append_str(&buf, GET11 "A: ");
	while (buf.len < 20000) {
		buf_append_char(&buf, 'a');
	}
	parse(buf_bytes(&buf), 1000, &http1_limits_default, &got);
	assert_int_equal(got.status, 431);
	free(got.memory);
	buf_clear(&buf);
	buf_append_str(&buf, GET11 HOST);
	for (size_t i = 1; i < HTTP1_HEADERS_MAX; i++) {
		buf_append_str(&buf, "A: b\r\n");
	}
	buf_append_str(&buf, "\r\n");
	parse(buf_bytes(&buf), buf.len, &http1_limits_default, &got);
	assert_int_equal(got.err, 0);
	assert_int_equal(got.request.headers.count, HTTP1_HEADERS_MAX);
	free(got.memory);
	buf.len -= 2;
	buf_append_str(&buf, "A: b\r\n\r\n");
	assert_refused(buf_bytes(&buf), &http1_limits_default, 431, "too many headers");
	buf_finish(&buf);
}

static void test_pipelined(void **state)
{
	struct bytes input = BYTES("GET /1 HTTP/1.1\r\n" HOST "\r\nPUT /2 HTTP/1.0\r\n\r\nDELETE");
	struct http1_parser parser = {0};
	struct http1_request request;
	size_t consumed;

	(void)state;
	assert_int_equal(
		http1_request_parse(&parser, input, &http1_limits_default, &request, &consumed), 0);
	assert_bytes(request.target, BYTES("/1"));
	input = bytes_of(input.ptr + consumed, input.len - consumed);
	assert_int_equal(
		http1_request_parse(&parser, input, &http1_limits_default, &request, &consumed), 0);
	assert_bytes(request.target, BYTES("/2"));
	assert_int_equal(request.method, HTTP1_PUT);
	input = bytes_of(input.ptr + consumed, input.len - consumed);
	assert_int_equal(
		http1_request_parse(&parser, input, &http1_limits_default, &request, &consumed),
		ERR_AGAIN);
}

static void test_methods(void **state)
{
	(void)state;
	assert_int_equal(http1_method_find(BYTES("GET")), HTTP1_GET);
	assert_int_equal(http1_method_find(BYTES("HEAD")), HTTP1_HEAD);
	assert_int_equal(http1_method_find(BYTES("DELETE")), HTTP1_DELETE);
	assert_int_equal(http1_method_find(BYTES("PATCH")), HTTP1_PATCH);
	assert_int_equal(http1_method_find(BYTES("OPTIONS")), HTTP1_OPTIONS);
	assert_int_equal(http1_method_find(BYTES("CONNECT")), HTTP1_CONNECT);
	assert_int_equal(http1_method_find(BYTES("TRACE")), HTTP1_TRACE);
	assert_int_equal(http1_method_find(BYTES("get")), HTTP1_OTHER);
	assert_true(http1_is_token(BYTES("a-b")));
	assert_false(http1_is_token(BYTES("")));
	assert_false(http1_is_token(BYTES("a,b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiate_request),
		cmocka_unit_test(test_upgrade_tokens),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_default_limits),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
