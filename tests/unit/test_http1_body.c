/* Bodies, each in one piece and in steps down to single bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/wire/http1_body.h"

struct result {
	int err; /* 0: done; ERR_AGAIN: more is wanted */
	size_t left; /* input behind the end of the body */
	size_t pieces;
	const char *reason;
	struct buf payload;
	bool may_close;
};

/* One step of input, from memory of its exact size. */
static int feed_step(struct http1_body *body, struct bytes step, struct result *ret)
{
	char *memory = malloc(step.len);
	struct bytes input, piece;
	int err = 0;

	assert_non_null(memory);
	memcpy(memory, step.ptr, step.len);
	input = bytes_of(memory, step.len);
	while (!http1_body_done(body) && err == 0) {
		err = http1_body_feed(body, &input, &piece);
		if (err == 0) {
			assert_true(piece.len > 0 || http1_body_done(body));
			buf_append_bytes(&ret->payload, piece);
			ret->pieces++;
		}
	}
	ret->left = input.len;
	free(memory);
	return err;
}

static void feed(struct http1_body *body, struct bytes input, size_t step, struct result *ret)
{
	size_t n;

	*ret = (struct result){.err = ERR_AGAIN};
	while (input.len > 0 && ret->err == ERR_AGAIN) {
		n = input.len < step ? input.len : step;
		ret->err = feed_step(body, bytes_of(input.ptr, n), ret);
		input = bytes_of(input.ptr + n, input.len - n);
	}
	ret->left += input.len;
	ret->reason = body->reason;
	ret->may_close = http1_body_may_close(body);
}

static void assert_payload(struct result *got, struct bytes wanted)
{
	assert_int_equal(got->payload.len, wanted.len);
	if (wanted.len > 0) {
		assert_memory_equal(got->payload.data, wanted.ptr, wanted.len);
	}
	buf_finish(&got->payload);
}

static const size_t steps[] = {1, 2, 3, 5, 1000000};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void test_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < STEPS; i++) {
		struct http1_body body;
		struct result got;

		http1_body_init(&body, HTTP1_BODY_LENGTH, 5);
		assert_false(http1_body_may_close(&body));
		feed(&body, BYTES_LIT("HelloGET"), steps[i], &got);
		assert_int_equal(got.err, 0);
		assert_int_equal(got.left, 3);
		assert_true(got.may_close);
		assert_payload(&got, BYTES_LIT("Hello"));
		http1_body_init(&body, HTTP1_BODY_LENGTH, 6);
		feed(&body, BYTES_LIT("Hello"), steps[i], &got);
		assert_int_equal(got.err, ERR_AGAIN);
		assert_false(got.may_close);
		assert_payload(&got, BYTES_LIT("Hello"));
	}
}

static void test_none_and_close(void **state)
{
	struct http1_body body;
	struct result got;

	(void)state;
	http1_body_init(&body, HTTP1_BODY_NONE, 0);
	assert_true(http1_body_done(&body));
	http1_body_init(&body, HTTP1_BODY_LENGTH, 0);
	assert_true(http1_body_done(&body));
	http1_body_init(&body, HTTP1_BODY_UNTIL_CLOSE, 0);
	assert_true(http1_body_may_close(&body));
	feed(&body, BYTES_LIT("all of it"), 4, &got);
	assert_int_equal(got.err, ERR_AGAIN);
	assert_false(http1_body_done(&body));
	assert_payload(&got, BYTES_LIT("all of it"));
}

static const struct {
	struct bytes input;
	struct bytes payload;
	size_t left;
} chunked[] = {
	{BYTES_LIT("0\r\n\r\n"), BYTES_LIT(""), 0},
	{BYTES_LIT("5\r\nHello\r\n0\r\n\r\nGET"), BYTES_LIT("Hello"), 3},
	{BYTES_LIT("a\r\n0123456789\r\nA\r\nabcdefghij\r\n000\r\n\r\n"),
		BYTES_LIT("0123456789abcdefghij"), 0},
	{BYTES_LIT("0000000000000001\r\n\n\r\n0\r\n\r\n"), BYTES_LIT("\n"), 0},
	{BYTES_LIT("1;a=b;c=\"d; e\"\r\nx\r\n0;\tlast\r\n\r\n"), BYTES_LIT("x"), 0},
	{BYTES_LIT("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n\r\n"), BYTES_LIT("x"), 2},
};

static void test_chunked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(chunked) / sizeof(chunked[0]); i++) {
		for (size_t k = 0; k < STEPS; k++) {
			struct http1_body body;
			struct result got;

			http1_body_init(&body, HTTP1_BODY_CHUNKED, 0);
			feed(&body, chunked[i].input, steps[k], &got);
			assert_int_equal(got.err, 0);
			assert_int_equal(got.left, chunked[i].left);
			assert_payload(&got, chunked[i].payload);
		}
	}
}

static const struct {
	struct bytes input;
	size_t fails_at; /* bytes up to and with the one that is refused */
	const char *reason;
} refused[] = {
	{BYTES_LIT("\r\n"), 1, "malformed chunk size"},
	{BYTES_LIT(";a\r\n"), 1, "malformed chunk size"},
	{BYTES_LIT("+5\r\nHello"), 1, "malformed chunk size"},
	{BYTES_LIT("-5\r\nHello"), 1, "malformed chunk size"},
	{BYTES_LIT("0x5\r\nHello"), 2, "malformed chunk size"},
	{BYTES_LIT(" 5\r\nHello"), 1, "malformed chunk size"},
	{BYTES_LIT("5 \r\nHello"), 2, "malformed chunk size"},
	{BYTES_LIT("5\nHello"), 2, "malformed chunk size"},
	{BYTES_LIT("g\r\n"), 1, "malformed chunk size"},
	{BYTES_LIT("00000000000000001\r\n"), 17, "chunk size with too many digits"},
	{BYTES_LIT("20000000000001\r\n"), 14, "chunk too large"},
	{BYTES_LIT("ffffffffffffffff\r\n"), 14, "chunk too large"},
	{BYTES_LIT("5;a\nHello"), 4, "control character in a chunk extension"},
	{BYTES_LIT("5;a\0\r\nHello"), 4, "control character in a chunk extension"},
	{BYTES_LIT("5;\x7f\r\nHello"), 3, "control character in a chunk extension"},
	{BYTES_LIT("5\rHello"), 3, "bare CR behind a chunk size"},
	{BYTES_LIT("5;a\rb"), 5, "bare CR behind a chunk size"},
	{BYTES_LIT("5\r\nHello!\r\n"), 9, "chunk longer than its size"},
	{BYTES_LIT("5\r\nHello\n"), 9, "chunk longer than its size"},
	{BYTES_LIT("5\r\nHello\r0"), 10, "bare CR behind a chunk"},
	{BYTES_LIT("0\r\n\rX"), 5, "bare CR behind the trailers"},
	{BYTES_LIT("0\r\n\n"), 4, "malformed trailer name"},
	{BYTES_LIT("0\r\n: b\r\n"), 4, "malformed trailer name"},
	{BYTES_LIT("0\r\n a: b\r\n"), 4, "malformed trailer name"},
	{BYTES_LIT("0\r\nabc\r\n"), 7, "malformed trailer name"},
	{BYTES_LIT("0\r\na : b\r\n"), 5, "malformed trailer name"},
	{BYTES_LIT("0\r\na: b\n"), 8, "control character in a trailer"},
	{BYTES_LIT("0\r\na: b\rc"), 9, "bare CR in a trailer"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		for (size_t k = 0; k < STEPS; k++) {
			struct http1_body body;
			struct result got;

			http1_body_init(&body, HTTP1_BODY_CHUNKED, 0);
			feed(&body, refused[i].input, steps[k], &got);
			assert_int_equal(got.err, ERR_BAD_REQUEST);
			assert_string_equal(got.reason, refused[i].reason);
			assert_int_equal(refused[i].input.len - got.left, refused[i].fails_at);
			assert_false(got.may_close);
			buf_finish(&got.payload);
			/* It stays refused. */
			feed(&body, BYTES_LIT("0\r\n\r\n"), 1, &got);
			assert_int_equal(got.err, ERR_BAD_REQUEST);
			buf_finish(&got.payload);
			struct bytes nothing = BYTES_NONE, piece;
			assert_int_equal(http1_body_feed(&body, &nothing, &piece), ERR_BAD_REQUEST);
		}
	}
}

static void append_many(struct buf *buf, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_append_str(buf, text);
	}
}

/* Feeds what head, count times middle, and tail give. */
static void assert_bounded(
	const char *head, const char *middle, size_t count, const char *tail, const char *reason)
{
	struct buf input = {0};
	struct http1_body body;
	struct result got;

	buf_append_str(&input, head);
	append_many(&input, middle, count);
	buf_append_str(&input, tail);
	http1_body_init(&body, HTTP1_BODY_CHUNKED, 0);
	feed(&body, buf_bytes(&input), 100, &got);
	if (reason == NULL) {
		assert_int_equal(got.err, 0);
		assert_null(got.reason);
	} else {
		assert_int_equal(got.err, ERR_BAD_REQUEST);
		assert_string_equal(got.reason, reason);
	}
	buf_finish(&got.payload);
	buf_finish(&input);
}

static void test_bounds(void **state)
{
	(void)state;
	/* One line of 256 characters with its size digit, and one more. */
	assert_bounded("0;", "x", HTTP1_CHUNK_LINE_MAX - 1, "\r\n\r\n", NULL);
	assert_bounded("0;", "x", HTTP1_CHUNK_LINE_MAX, "\r\n\r\n", "chunk extensions too long");
	/* Many small ones. */
	assert_bounded("", "1;ab\r\nx\r\n", HTTP1_CHUNK_EXTENSIONS_MAX / 2, "0\r\n\r\n", NULL);
	assert_bounded("", "1;ab\r\nx\r\n", HTTP1_CHUNK_EXTENSIONS_MAX / 2 + 1, "0\r\n\r\n",
		"chunk extensions too long");
	/* Counted up to the last CR. */
	assert_bounded("0\r\na:", "x", HTTP1_TRAILERS_MAX - 5, "\r\n\r\n", NULL);
	assert_bounded("0\r\na:", "x", HTTP1_TRAILERS_MAX - 4, "\r\n\r\n", "trailers too long");
	assert_bounded("0\r\n", "a:b\r\n", HTTP1_TRAILERS_MAX / 5 + 1, "\r\n", "trailers too long");
	/* Chunks without extensions are not counted. */
	assert_bounded("", "1\r\nx\r\n", 100000, "0\r\n\r\n", NULL);
}

/* The largest size is taken, and nothing is allocated for it. */
static void test_huge_chunk(void **state)
{
	struct http1_body body;
	struct result got;

	(void)state;
	http1_body_init(&body, HTTP1_BODY_CHUNKED, 0);
	feed(&body, BYTES_LIT("20000000000000\r\nxyz"), 1000, &got);
	assert_int_equal(got.err, ERR_AGAIN);
	assert_true(body.left == HTTP1_LENGTH_MAX - 3);
	assert_int_equal(got.pieces, 1);
	assert_payload(&got, BYTES_LIT("xyz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_none_and_close),
		cmocka_unit_test(test_chunked),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_huge_chunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
