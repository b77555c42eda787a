/* Server-sent events: the first byte chooses the size of the pieces, the second the limit. In
 * whatever pieces the stream arrives, the same must come out. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/wire/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_event(struct buf *out, const struct sse_event *event, size_t max)
{
	assert(event->type.len > 0 && event->data.len < max);
	assert(bytes_find_char(event->type, '\n') < 0 && bytes_find_char(event->type, '\r') < 0);
	assert(bytes_find_char(event->data, '\r') < 0);
	buf_printf(out, "%zu ", event->type.len);
	buf_append_bytes(out, event->type);
	buf_printf(out, " %zu ", event->data.len);
	buf_append_bytes(out, event->data);
	buf_append_char(out, '\n');
}

static void read_all(struct bytes input, size_t step, size_t max, struct buf *out)
{
	struct sse_reader reader;
	struct sse_event event;
	int err = ERR_AGAIN;
	sse_reader_init(&reader, max);
	for (size_t at = 0; at < input.len && err == ERR_AGAIN; at += step) {
		size_t len = input.len - at < step ? input.len - at : step;
		char *copy = mem_dup_bytes(bytes_of(input.ptr + at, len));
		struct bytes rest = bytes_of(copy, len);
		while ((err = sse_reader_next(&reader, &rest, &event)) == 0) {
			write_event(out, &event, max);
		}
		assert(err == ERR_TOO_LARGE || (err == ERR_AGAIN && rest.len == 0));
		assert(reader.line.len <= max && reader.data.len <= max && reader.type.len <= max);
		free(copy);
	}
	buf_append_str(out, err == ERR_AGAIN ? "end" : "too large");
	sse_reader_finish(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = {0}, pieces = {0};
	if (size < 3) {
		return 0;
	}
	size_t step = 1 + data[0] % 16;
	size_t max = 1 + data[1] * (size_t)4;
	struct bytes input = bytes_of(data + 2, size - 2);
	read_all(input, input.len, max, &whole);
	read_all(input, step, max, &pieces);
	assert(bytes_eq(buf_bytes(&whole), buf_bytes(&pieces)));
	buf_finish(&whole);
	buf_finish(&pieces);
	return 0;
}
