/* HTTP heads and bodies: a connection full of requests, or of responses where the first bit is set.
 * Whatever the pieces in which it arrives (the other bits), the outcome must be the same. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/wire/http1.h"
#include "lib/wire/http1_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGES_MAX 20

struct head {
	int err;
	int status;
	const char *reason;
	size_t consumed;
	enum http1_framing framing;
	uint64_t content_length;
	bool keep_alive;
	size_t header_count;
};

static bool inside(struct bytes part, struct bytes whole)
{
	return part.len == 0 ||
	       (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void check_headers(const struct http1_headers *headers, struct bytes input)
{
	assert(headers->count <= HTTP1_HEADERS_MAX);
	for (size_t i = 0; i < headers->count; i++) {
		const struct http1_header *header = &headers->items[i];

		assert(inside(header->name, input) && inside(header->value, input));
		assert(http1_is_token(header->name));
		for (size_t k = 0; k < header->value.len; k++) {
			assert(strchr("\r\n", header->value.ptr[k]) == NULL);
		}
	}
}

static int request_step(struct http1_parser *parser, struct bytes input, struct head *head)
{
	struct http1_request request;
	int err = http1_request_parse(
		parser, input, &http1_limits_default, &request, &head->consumed);

	if (err == 0) {
		check_headers(&request.headers, input);
		assert(inside(request.target, input) && request.target.len > 0);
		assert(request.framing != HTTP1_BODY_UNTIL_CLOSE);
		head->framing = request.framing;
		head->content_length = request.content_length;
		head->keep_alive = request.keep_alive;
		head->header_count = request.headers.count;
	}
	return err;
}

static int response_step(struct http1_parser *parser, struct bytes input, struct head *head)
{
	struct http1_response response;
	int err = http1_response_parse(
		parser, input, &http1_limits_default, false, &response, &head->consumed);

	if (err == 0) {
		check_headers(&response.headers, input);
		assert(inside(response.reason, input));
		head->framing = response.framing;
		head->content_length = response.content_length;
		head->keep_alive = response.keep_alive;
		head->header_count = response.headers.count;
	}
	return err;
}

static struct head head_parse(struct bytes input, size_t step, bool response)
{
	struct http1_parser parser = {0};
	struct head head = {.err = ERR_AGAIN};
	size_t given = 0;

	while (head.err == ERR_AGAIN && given < input.len) {
		struct bytes part;

		given = input.len - given > step ? given + step : input.len;
		part = bytes_of(input.ptr, given);
		head.err = response ? response_step(&parser, part, &head)
				    : request_step(&parser, part, &head);
	}
	head.status = parser.status;
	head.reason = parser.reason;
	assert((head.reason != NULL) == (head.err != 0 && head.err != ERR_AGAIN));
	return head;
}

struct outcome {
	int err;
	size_t used;
	struct buf payload;
};

static struct outcome body_parse(struct bytes input, size_t step, const struct head *head)
{
	struct outcome got = {.err = ERR_AGAIN};
	struct http1_body body;

	http1_body_init(&body, head->framing, head->content_length);
	while (!http1_body_done(&body) && got.used < input.len &&
		(got.err == ERR_AGAIN || got.err == 0)) {
		size_t n = input.len - got.used < step ? input.len - got.used : step;
		struct bytes part = bytes_of(input.ptr + got.used, n), piece = BYTES_NONE;

		got.err = http1_body_feed(&body, &part, &piece);
		assert(inside(piece, input));
		buf_append_bytes(&got.payload, piece);
		got.used += n - part.len;
	}
	if (http1_body_done(&body)) {
		got.err = 0;
	} else if (got.err == 0) {
		got.err = ERR_AGAIN;
	}
	assert((got.err == ERR_BAD_REQUEST) == (body.reason != NULL));
	return got;
}

/* Answers the length of the body, or 0 where it has no end here. */
static size_t check_body(struct bytes input, size_t step, const struct head *head)
{
	struct outcome whole = body_parse(input, SIZE_MAX, head);
	struct outcome pieces = body_parse(input, step, head);
	size_t used = whole.err == 0 ? whole.used : 0;

	assert(whole.err == pieces.err && whole.used == pieces.used);
	assert(bytes_eq(buf_bytes(&whole.payload), buf_bytes(&pieces.payload)));
	buf_finish(&whole.payload);
	buf_finish(&pieces.payload);
	return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input;
	bool response;
	size_t step, used;

	if (size < 2) {
		return 0;
	}
	response = (data[0] & 1) != 0;
	step = (size_t)(data[0] >> 1) % 64 + 1;
	input = bytes_of(data + 1, size - 1);
	for (size_t i = 0; i < MESSAGES_MAX && input.len > 0; i++) {
		struct head whole = head_parse(input, SIZE_MAX, response);
		struct head pieces = head_parse(input, step, response);

		assert(whole.err == pieces.err && whole.status == pieces.status);
		assert(whole.reason == pieces.reason && whole.consumed == pieces.consumed);
		assert(whole.framing == pieces.framing && whole.keep_alive == pieces.keep_alive);
		assert(whole.content_length == pieces.content_length);
		assert(whole.header_count == pieces.header_count);
		if (whole.err != 0) {
			return 0;
		}
		input = bytes_of(input.ptr + whole.consumed, input.len - whole.consumed);
		used = check_body(input, step, &whole);
		if (used == 0 && whole.framing != HTTP1_BODY_NONE) {
			return 0;
		}
		input = bytes_of(input.ptr + used, input.len - used);
	}
	return 0;
}
