#include "lib/value/msgpack_scan.h"

#include <assert.h>

#include "lib/base/err.h"
#include "lib/value/msgpack.h"

/* Of the bytes c0 to df. */
static const struct format {
	enum msgpack_shape shape;
	uint8_t width; /* bytes of the length that follows; 0: it is fixed */
	uint8_t body; /* then so many bytes */
	bool invalid;
} formats[32] = {
	[0x00] = {.shape = MSGPACK_SHAPE_SCALAR},
	[0x01] = {.invalid = true},
	[0x02] = {.shape = MSGPACK_SHAPE_SCALAR},
	[0x03] = {.shape = MSGPACK_SHAPE_SCALAR},
	[0x04] = {.shape = MSGPACK_SHAPE_BLOB, .width = 1},
	[0x05] = {.shape = MSGPACK_SHAPE_BLOB, .width = 2},
	[0x06] = {.shape = MSGPACK_SHAPE_BLOB, .width = 4},
	[0x07] = {.shape = MSGPACK_SHAPE_EXT, .width = 1},
	[0x08] = {.shape = MSGPACK_SHAPE_EXT, .width = 2},
	[0x09] = {.shape = MSGPACK_SHAPE_EXT, .width = 4},
	[0x0a] = {.shape = MSGPACK_SHAPE_SCALAR, .body = 4},
	[0x0b] = {.shape = MSGPACK_SHAPE_SCALAR, .body = 8},
	[0x0c] = {.shape = MSGPACK_SHAPE_SCALAR, .body = 1},
	[0x0d] = {.shape = MSGPACK_SHAPE_SCALAR, .body = 2},
	[0x0e] = {.shape = MSGPACK_SHAPE_SCALAR, .body = 4},
	[0x0f] = {.shape = MSGPACK_SHAPE_SCALAR, .body = 8},
	[0x10] = {.shape = MSGPACK_SHAPE_SCALAR, .body = 1},
	[0x11] = {.shape = MSGPACK_SHAPE_SCALAR, .body = 2},
	[0x12] = {.shape = MSGPACK_SHAPE_SCALAR, .body = 4},
	[0x13] = {.shape = MSGPACK_SHAPE_SCALAR, .body = 8},
	[0x14] = {.shape = MSGPACK_SHAPE_EXT, .body = 1},
	[0x15] = {.shape = MSGPACK_SHAPE_EXT, .body = 2},
	[0x16] = {.shape = MSGPACK_SHAPE_EXT, .body = 4},
	[0x17] = {.shape = MSGPACK_SHAPE_EXT, .body = 8},
	[0x18] = {.shape = MSGPACK_SHAPE_EXT, .body = 16},
	[0x19] = {.shape = MSGPACK_SHAPE_BLOB, .width = 1},
	[0x1a] = {.shape = MSGPACK_SHAPE_BLOB, .width = 2},
	[0x1b] = {.shape = MSGPACK_SHAPE_BLOB, .width = 4},
	[0x1c] = {.shape = MSGPACK_SHAPE_ARRAY, .width = 2},
	[0x1d] = {.shape = MSGPACK_SHAPE_ARRAY, .width = 4},
	[0x1e] = {.shape = MSGPACK_SHAPE_MAP, .width = 2},
	[0x1f] = {.shape = MSGPACK_SHAPE_MAP, .width = 4},
};

/* Big-endian. */
static uint32_t read_length(const uint8_t *at, unsigned width)
{
	uint32_t length = 0;
	for (unsigned i = 0; i < width; i++) {
		length = length << 8 | at[i];
	}
	return length;
}

static void set_size(struct msgpack_head *head, uint32_t size)
{
	if (head->shape == MSGPACK_SHAPE_ARRAY || head->shape == MSGPACK_SHAPE_MAP) {
		head->items = size;
	} else {
		head->body = size;
	}
}

static int scan_long_head(struct bytes input, struct msgpack_head *ret_head)
{
	const uint8_t *at = (const uint8_t *)input.ptr;
	const struct format *format = &formats[at[0] & 0x1f];
	struct msgpack_head head = {.shape = format->shape, .len = 1U + format->width};
	head.len += format->shape == MSGPACK_SHAPE_EXT;
	if (format->invalid || head.len > input.len) {
		return ERR_BAD_REQUEST;
	}
	set_size(&head, format->width > 0 ? read_length(at + 1, format->width) : format->body);
	head.ext = format->shape == MSGPACK_SHAPE_EXT ? (int8_t)at[head.len - 1] : 0;
	*ret_head = head;
	return 0;
}

int msgpack_scan_head(struct bytes input, struct msgpack_head *ret_head)
{
	if (input.len == 0) {
		return ERR_BAD_REQUEST;
	}
	uint8_t first = (uint8_t)input.ptr[0];
	if (first >= 0xc0 && first < 0xe0) {
		return scan_long_head(input, ret_head);
	}
	*ret_head = (struct msgpack_head){.shape = MSGPACK_SHAPE_SCALAR, .len = 1};
	if (first >= 0xa0 && first < 0xc0) {
		ret_head->shape = MSGPACK_SHAPE_BLOB;
		ret_head->body = first & 0x1f;
	} else if (first >= 0x80 && first < 0xa0) {
		ret_head->shape = first < 0x90 ? MSGPACK_SHAPE_MAP : MSGPACK_SHAPE_ARRAY;
		ret_head->items = first & 0x0f;
	}
	return 0;
}

int msgpack_scan(struct bytes input, unsigned depth, size_t *ret_len)
{
	uint64_t left[MSGPACK_DEPTH_MAX]; /* values that the open arrays and maps still lack */
	unsigned open = 0;
	struct bytes rest = input;
	assert(depth <= MSGPACK_DEPTH_MAX);
	do {
		struct msgpack_head head;
		int err = msgpack_scan_head(rest, &head);
		if (err != 0 || head.body > rest.len - head.len) {
			return ERR_BAD_REQUEST;
		}
		rest = bytes_of(rest.ptr + head.len + head.body, rest.len - head.len - head.body);
		if (head.shape == MSGPACK_SHAPE_ARRAY || head.shape == MSGPACK_SHAPE_MAP) {
			uint64_t items = head.items;
			items *= head.shape == MSGPACK_SHAPE_MAP ? 2 : 1;
			/* Each takes a byte or more. */
			if (open == depth || items > rest.len) {
				return ERR_BAD_REQUEST;
			}
			left[open++] = items + 1;
		}
		while (open > 0 && --left[open - 1] == 0) {
			open--;
		}
	} while (open > 0);
	*ret_len = input.len - rest.len;
	return 0;
}
