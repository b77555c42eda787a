/* A WebSocket server that sends every message back, and its client, made of lib/wire/ws alone: what
 * conformance suites talk to. For test_ws_conform.c, test_ws_text.c and test_ws_large.c. */
#ifndef TESTS_UNIT_WS_ECHO_H
#define TESTS_UNIT_WS_ECHO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/wire/ws.h"

#define ECHO_MAX_FRAME (64 * 1024 * 1024)

/* ---- how bytes arrive ---- */

/* Pieces of one size, or, where that is 0, of sizes that seed leads to: mostly a few bytes. */
struct cuts {
	size_t step;
	uint32_t seed;
};

static const struct cuts echo_cuts[] = {
	{SIZE_MAX, 0}, {1, 0}, {2, 0}, {7, 0}, {997, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}};
#define ECHO_CUTS (sizeof(echo_cuts) / sizeof(echo_cuts[0]))

static inline uint32_t echo_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static inline size_t cuts_next(struct cuts *cuts, size_t left)
{
	size_t n = cuts->step;
	if (n == 0) {
		n = 1 + echo_random(&cuts->seed) % (echo_random(&cuts->seed) % 8 == 0 ? 3000 : 12);
	}
	return n < left ? n : left;
}

/* ---- the client's frames ---- */

struct frame {
	uint8_t first; /* FIN, reserved bits and opcode */
	struct bytes payload;
};

/* Each frame has another mask. */
static inline void put_frame(struct buf *out, uint8_t first, struct bytes payload)
{
	uint32_t seed = (uint32_t)out->len + first;
	const uint8_t mask[4] = {(uint8_t)echo_random(&seed), (uint8_t)echo_random(&seed),
		(uint8_t)echo_random(&seed), (uint8_t)payload.len};
	size_t size = payload.len > 0xffff ? 8 : payload.len > WS_CONTROL_MAX ? 2 : 0;
	buf_append_char(out, (char)first);
	buf_append_char(out, (char)(0x80 | (size == 8 ? 127 : size == 2 ? 126 : payload.len)));
	for (size_t i = size; i > 0; i--) {
		buf_append_char(out, (char)((uint64_t)payload.len >> (8 * (i - 1))));
	}
	buf_append(out, mask, sizeof(mask));
	size_t at = out->len;
	buf_append_bytes(out, payload);
	for (size_t i = 0; i < payload.len; i++) {
		out->data[at + i] = (char)(out->data[at + i] ^ (char)mask[i % 4]);
	}
}

/* A message in frames of at most size bytes; its last one may be empty, as the first of an empty
 * message is. */
static inline void put_message(
	struct buf *out, enum ws_opcode opcode, struct bytes payload, size_t size)
{
	for (size_t at = 0; at == 0 || at < payload.len; at += size) {
		size_t n = payload.len - at < size ? payload.len - at : size;
		uint8_t fin = at + n == payload.len ? 0x80 : 0;
		put_frame(out, (uint8_t)(fin | (at == 0 ? (unsigned)opcode : 0)),
			n > 0 ? bytes_of(payload.ptr + at, n) : BYTES_NONE);
	}
}

/* ---- the server ---- */

struct echo {
	struct ws_reader reader;
	struct buf message; /* under way */
	struct buf out; /* what was sent */
	size_t used; /* bytes read until the end */
	size_t pieces; /* of data messages */
	bool ended;
};

static inline void echo_init(struct echo *echo, uint64_t max_frame)
{
	*echo = (struct echo){.ended = false};
	ws_reader_init(&echo->reader, WS_SERVER, max_frame);
}

static inline void echo_finish(struct echo *echo)
{
	ws_reader_finish(&echo->reader);
	buf_finish(&echo->message);
	buf_finish(&echo->out);
}

static inline void echo_send(struct echo *echo, enum ws_opcode opcode, struct bytes payload)
{
	char header[WS_HEADER_MAX];
	size_t len = ws_write_header(header, opcode, true, payload.len, NULL);
	assert_int_equal(len, ws_header_size(payload.len, false));
	buf_append(&echo->out, header, len);
	buf_append_bytes(&echo->out, payload);
}

static inline void echo_close(struct echo *echo, uint16_t code, struct bytes reason)
{
	char payload[WS_CONTROL_MAX];
	size_t len = code == WS_CODE_NONE ? 0 : ws_write_close(payload, code, reason);
	echo_send(echo, WS_CLOSE, bytes_of(payload, len));
	echo->ended = true;
}

static inline void echo_event(struct echo *echo, const struct ws_event *event)
{
	switch (event->type) {
	case WS_EVENT_DATA:
		echo->pieces++;
		assert_true(event->payload.len > 0 || event->frame_end);
		assert_true(event->frame_end || !event->message_end);
		buf_append_bytes(&echo->message, event->payload);
		if (event->message_end) {
			echo_send(echo, event->opcode, buf_bytes(&echo->message));
			buf_clear(&echo->message);
			assert_true(ws_reader_idle(&echo->reader));
		}
		break;
	case WS_EVENT_PING:
		echo_send(echo, WS_PONG, event->payload);
		break;
	case WS_EVENT_PONG:
		break;
	case WS_EVENT_CLOSE:
	case WS_EVENT_ERROR:
		echo_close(echo, event->code, event->payload);
		break;
	}
}

/* One arrival, from memory of exactly its size. */
static inline void echo_take(struct echo *echo, struct bytes piece)
{
	char *memory = malloc(piece.len);
	char *data = memory;
	size_t len = piece.len;
	struct ws_event event;
	int err;
	assert_non_null(memory);
	memcpy(memory, piece.ptr, piece.len);
	while (!echo->ended && (err = ws_reader_next(&echo->reader, &data, &len, &event)) == 0) {
		echo_event(echo, &event);
	}
	assert_true(echo->ended || (err == ERR_AGAIN && len == 0));
	echo->used += piece.len - len;
	/* Whatever follows is dropped. */
	if (echo->ended) {
		assert_int_equal(ws_reader_next(&echo->reader, &data, &len, &event), ERR_CLOSED);
		assert_int_equal(len, 0);
	}
	free(memory);
}

static inline void echo_take_all(struct echo *echo, struct bytes input, struct cuts cuts)
{
	while (input.len > 0 && !echo->ended) {
		size_t n = cuts_next(&cuts, input.len);
		echo_take(echo, bytes_of(input.ptr, n));
		input = bytes_of(input.ptr + n, input.len - n);
	}
}

/* ---- what the client sees ---- */

static inline const char *frame_name(const struct ws_event *event)
{
	switch (event->type) {
	case WS_EVENT_DATA:
		return event->opcode == WS_TEXT ? "text" : "binary";
	case WS_EVENT_PING:
		return "ping";
	case WS_EVENT_PONG:
		return "pong";
	case WS_EVENT_CLOSE:
		return "close";
	case WS_EVENT_ERROR:
		break;
	}
	return "BROKEN";
}

/* A line per frame: "text[Hello]", "pong[]", "close 1002[reserved opcode]". */
static inline void view_frames(struct buf *frames, struct buf *ret_lines)
{
	struct ws_reader reader;
	struct ws_event event;
	char *data = frames->data;
	size_t len = frames->len;
	ws_reader_init(&reader, WS_CLIENT, ECHO_MAX_FRAME);
	while (ws_reader_next(&reader, &data, &len, &event) == 0) {
		buf_append_str(ret_lines, frame_name(&event));
		if (event.type == WS_EVENT_CLOSE) {
			buf_printf(ret_lines, " %d", event.code);
		}
		buf_append_char(ret_lines, '[');
		buf_append_bytes(ret_lines, event.payload);
		buf_append_str(ret_lines, "]\n");
	}
	assert_int_equal(len, 0);
	ws_reader_finish(&reader);
}

static inline void assert_sees(const char *name, struct buf *frames, struct bytes expected)
{
	struct buf lines = {0};
	view_frames(frames, &lines);
	if (!bytes_eq(buf_bytes(&lines), expected)) {
		fail_msg("%s: the client saw\n%.*s\nnot\n%.*s", name,
			(int)(lines.len < 500 ? lines.len : 500), buf_cstr(&lines),
			(int)(expected.len < 500 ? expected.len : 500), expected.ptr);
	}
	buf_finish(&lines);
}

/* Feeds the input in every way. unread: how many bytes of it are not looked at any more when they
 * come one by one. */
static inline void assert_echo(
	const char *name, struct bytes input, struct bytes expected, size_t unread)
{
	for (size_t i = 0; i < ECHO_CUTS; i++) {
		struct echo echo;
		echo_init(&echo, ECHO_MAX_FRAME);
		echo_take_all(&echo, input, echo_cuts[i]);
		assert_sees(name, &echo.out, expected);
		if (echo_cuts[i].step == 1 && echo.used != input.len - unread) {
			fail_msg("%s: ended after %zu of %zu bytes, not with %zu left", name,
				echo.used, input.len, unread);
		}
		echo_finish(&echo);
	}
}

#endif
