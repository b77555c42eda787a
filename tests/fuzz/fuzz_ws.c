/* WebSocket frames: the first byte chooses role and size of the pieces, the second the longest
 * frame. In whatever pieces the frames arrive, the same must come out. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"
#include "lib/wire/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct transcript {
	struct buf events; /* all whole frames, one line each */
	struct buf message; /* of the text message under way */
	bool ended;
};

static void data_event(struct transcript *t, const struct ws_event *event)
{
	assert(event->opcode == WS_TEXT || event->opcode == WS_BINARY);
	assert(event->payload.len > 0 || event->frame_end);
	assert(event->frame_end || !event->message_end);
	buf_append_bytes(&t->message, event->payload);
	if (event->frame_end) {
		buf_printf(&t->events, "data %d %d %zu\n", event->opcode, event->message_end,
			t->message.len);
	}
	if (event->message_end) {
		assert(event->opcode == WS_BINARY || utf8_valid(buf_bytes(&t->message)));
		buf_append_bytes(&t->events, buf_bytes(&t->message));
		buf_clear(&t->message);
	}
}

static void write_event(struct transcript *t, const struct ws_event *event)
{
	assert(!t->ended);
	if (event->type == WS_EVENT_DATA) {
		data_event(t, event);
		return;
	}
	assert(event->payload.len <= WS_CONTROL_MAX);
	buf_printf(&t->events, "%d %d ", event->type, event->code);
	buf_append_bytes(&t->events, event->payload);
	t->ended = event->type == WS_EVENT_CLOSE || event->type == WS_EVENT_ERROR;
	if (event->type == WS_EVENT_CLOSE) {
		assert(event->code == WS_CODE_NONE || ws_close_code_valid(event->code));
		assert(utf8_valid(event->payload));
	}
}

static void read_all(struct bytes input, size_t step, enum ws_role role, uint64_t max_frame,
	struct transcript *t)
{
	struct ws_reader reader;
	struct ws_event event;

	ws_reader_init(&reader, role, max_frame);
	while (input.len > 0) {
		size_t n = input.len < step ? input.len : step, len = n;
		char *memory = malloc(n), *at = memory;
		int err;

		assert(memory != NULL);
		memcpy(memory, input.ptr, n);
		while ((err = ws_reader_next(&reader, &at, &len, &event)) == 0) {
			write_event(t, &event);
		}
		assert(len == 0 && err == (t->ended ? ERR_CLOSED : ERR_AGAIN));
		free(memory);
		input = bytes_of(input.ptr + n, input.len - n);
	}
	ws_reader_finish(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transcript whole = {0}, pieces = {0};
	enum ws_role role;
	uint64_t max_frame;
	size_t step;

	if (size < 3) {
		return 0;
	}
	role = (data[0] & 1) != 0 ? WS_CLIENT : WS_SERVER;
	step = (size_t)(data[0] >> 1) % 32 + 1;
	max_frame = data[1] == 255 ? UINT64_MAX : (uint64_t)data[1] * 16;
	read_all(bytes_of(data + 2, size - 2), size, role, max_frame, &whole);
	read_all(bytes_of(data + 2, size - 2), step, role, max_frame, &pieces);
	assert(bytes_eq(buf_bytes(&whole.events), buf_bytes(&pieces.events)));
	buf_finish(&whole.events);
	buf_finish(&whole.message);
	buf_finish(&pieces.events);
	buf_finish(&pieces.message);
	return 0;
}
