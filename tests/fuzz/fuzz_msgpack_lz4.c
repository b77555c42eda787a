/* Values in MessagePack, plain and in the LZ4 forms of MessagePack-CSharp: as a peer sends them,
 * and as what such a form holds. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/value/lz4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PLAIN_MAX = 1 << 20,
	ARENA_SLACK = 128 * 1024, /* blocks that are not full */
};

static void require(bool condition)
{
	if (!condition) {
		abort();
	}
}

/* Written in each form it reads as what writes the same plain bytes. */
static void check_value(struct arena *arena, const struct value *value)
{
	struct buf plain = {0};
	msgpack_write(&plain, value, MSGPACK_NAMES_CAMEL);
	for (int form = MSGPACK_LZ4_NONE; form <= MSGPACK_LZ4_BLOCK_ARRAY; form++) {
		struct buf out = {0}, again = {0};
		lz4_write_value(&out, value, MSGPACK_NAMES_CAMEL, (enum msgpack_lz4)form);
		struct bytes input = buf_bytes(&out);
		struct value read;
		size_t left = plain.len;
		require(lz4_read_value(arena, &input, MSGPACK_DEPTH_MAX, &left, &read) == 0);
		require(input.len == 0);
		msgpack_write(&again, &read, MSGPACK_NAMES_CAMEL);
		require(bytes_eq(buf_bytes(&again), buf_bytes(&plain)));
		buf_finish(&out);
		buf_finish(&again);
	}
	buf_finish(&plain);
}

/* The first value of input in whatever form. */
static void check_read(struct bytes input)
{
	struct arena *arena = arena_create(0);
	struct bytes rest = input, skipped = input, whole;
	struct value value;
	size_t left = PLAIN_MAX;
	int err = lz4_read_value(arena, &rest, MSGPACK_DEPTH_MAX, &left, &value);
	require(err == 0 || err == ERR_BAD_REQUEST);
	require(msgpack_skip(&skipped, MSGPACK_DEPTH_MAX, &whole) == err);
	require(rest.ptr == skipped.ptr && left <= PLAIN_MAX);
	/* LZ4 makes a byte 255 at most, and reading some 50 of each. */
	require(PLAIN_MAX - left <= 255 * input.len);
	require(arena_size(arena) <= ARENA_SLACK + 72 * (input.len + PLAIN_MAX - left));
	if (err == 0) {
		check_value(arena, &value);
	}
	arena_destroy(&arena);
}

/* ext 99 around the input as a block. */
static void check_block(struct bytes input)
{
	struct buf packed = {0};
	if (input.len < 2) {
		return;
	}
	/* Its first bytes are the plain length: most of what a fuzzer makes holds little. */
	uint32_t len = (uint8_t)input.ptr[0] | (uint32_t)(uint8_t)input.ptr[1] << 8;
	msgpack_write_ext(&packed, 99, (uint32_t)(5 + input.len - 2));
	const char head[] = {'\xd2', 0, 0, (char)(len >> 8), (char)len};
	buf_append(&packed, head, sizeof(head));
	buf_append(&packed, input.ptr + 2, input.len - 2);
	check_read(buf_bytes(&packed));
	buf_finish(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size);
	check_read(input);
	check_block(input);
	return 0;
}
