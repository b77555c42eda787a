#include "lib/value/lz4.h"

#include <assert.h>
#include <lz4.h>

#include "lib/base/err.h"
#include "lib/value/msgpack_scan.h"

enum {
	EXT_BLOCK_ARRAY = 98,
	EXT_BLOCK = 99,
	LEN_SIZE = 5, /* an int32 that is not shortened */
	PLAIN_MIN = 64, /* shorter values are left alone: numbers and booleans always are */
	RATIO_MAX = 255, /* a byte of a block stands for no more (lz4_Block_format.md) */
};

/* ---- reading ---- */

/* What a value is unpacked into, piece by piece. */
struct unpacking {
	struct buf plain;
	size_t max;
};

/* Appends what block holds; it must be exactly len bytes. ERR_BAD_REQUEST or ERR_NOMEM. */
static int unpack_block(struct unpacking *unpacking, struct bytes block, int64_t len)
{
	struct buf *plain = &unpacking->plain;
	if (len <= 0 || (uint64_t)len > unpacking->max - plain->len ||
		block.len > LZ4_MAX_INPUT_SIZE || (uint64_t)len > block.len * RATIO_MAX ||
		len > LZ4_MAX_INPUT_SIZE) {
		return ERR_BAD_REQUEST;
	}
	int err = buf_try_reserve(plain, (size_t)len);
	if (err != 0) {
		return err;
	}
	int got =
		LZ4_decompress_safe(block.ptr, plain->data + plain->len, (int)block.len, (int)len);
	if (got != len) {
		return ERR_BAD_REQUEST;
	}
	plain->len += (size_t)len;
	return 0;
}

/* An integer of any width at the start of *input. */
static int read_len(struct arena *arena, struct bytes *input, int64_t *ret_len)
{
	struct value len;
	int err = msgpack_read(arena, input, 0, &len);
	if (err != 0) {
		return err;
	}
	*ret_len = len.integer;
	return len.kind == VALUE_INT ? 0 : ERR_BAD_REQUEST;
}

/* The payload of ext 99. */
static int unpack_ext(struct arena *arena, struct unpacking *unpacking, struct bytes payload)
{
	int64_t len;
	int err = read_len(arena, &payload, &len);
	return err == 0 ? unpack_block(unpacking, payload, len) : err;
}

/* The next of the bins behind ext 98. */
static int take_bin(struct bytes *input, struct bytes *ret_bin)
{
	struct msgpack_head head;
	struct bytes bin;
	if (msgpack_skip(input, 0, &bin) != 0 || msgpack_scan_head(bin, &head) != 0 ||
		head.shape != MSGPACK_SHAPE_BLOB) {
		return ERR_BAD_REQUEST;
	}
	*ret_bin = bytes_of(bin.ptr + head.len, head.body);
	return 0;
}

/* lens: the payload of ext 98; bins: the count values behind it. */
static int unpack_array(struct arena *arena, struct unpacking *unpacking, struct bytes lens,
	struct bytes bins, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct bytes block;
		int64_t len;
		int err = read_len(arena, &lens, &len);
		err = err == 0 ? take_bin(&bins, &block) : err;
		err = err == 0 ? unpack_block(unpacking, block, len) : err;
		if (err != 0) {
			return err;
		}
	}
	return lens.len == 0 ? 0 : ERR_BAD_REQUEST;
}

/* Views the payload of the ext of that type at the start of *input, and takes it off. */
static bool take_ext(struct bytes *input, int type, struct bytes *ret_payload)
{
	struct msgpack_head head;
	if (msgpack_scan_head(*input, &head) != 0 || head.shape != MSGPACK_SHAPE_EXT ||
		head.ext != type || head.body > input->len - head.len) {
		return false;
	}
	*ret_payload = bytes_of(input->ptr + head.len, head.body);
	*input = bytes_of(input->ptr + head.len + head.body, input->len - head.len - head.body);
	return true;
}

/* Takes an array's head and its ext 98 off. */
static bool take_array(struct bytes *input, uint32_t *ret_blocks, struct bytes *ret_lens)
{
	struct bytes rest = *input;
	uint32_t count;
	if (msgpack_read_array(&rest, &count) != 0 || count == 0 ||
		!take_ext(&rest, EXT_BLOCK_ARRAY, ret_lens)) {
		return false;
	}
	*input = rest;
	*ret_blocks = count - 1;
	return true;
}

static bool is_packed(struct bytes value)
{
	struct bytes payload;
	uint32_t blocks;
	return take_ext(&value, EXT_BLOCK, &payload) || take_array(&value, &blocks, &payload);
}

/* Unpacks one whole value that is_packed(). */
static int unpack(struct arena *arena, struct unpacking *unpacking, struct bytes value)
{
	struct bytes payload;
	uint32_t blocks;
	if (take_ext(&value, EXT_BLOCK, &payload)) {
		return unpack_ext(arena, unpacking, payload);
	}
	bool array = take_array(&value, &blocks, &payload);
	assert(array);
	return array ? unpack_array(arena, unpacking, payload, value, blocks) : ERR_BAD_REQUEST;
}

static int read_plain(
	struct arena *arena, struct bytes plain, unsigned depth, struct value *ret_value)
{
	if (is_packed(plain)) {
		return ERR_BAD_REQUEST;
	}
	struct value value;
	int err = msgpack_read(arena, &plain, depth, &value);
	if (err != 0 || plain.len > 0) {
		return err != 0 ? err : ERR_BAD_REQUEST;
	}
	*ret_value = value;
	return 0;
}

int lz4_read_value(struct arena *arena, struct bytes *input, unsigned depth, size_t *plain_left,
	struct value *ret_value)
{
	if (!is_packed(*input)) {
		return msgpack_read(arena, input, depth, ret_value);
	}
	struct bytes packed;
	int err = msgpack_skip(input, depth, &packed);
	if (err != 0) {
		return err;
	}
	struct unpacking unpacking = {.max = *plain_left};
	err = unpack(arena, &unpacking, packed);
	*plain_left -= unpacking.plain.len;
	if (err == 0) {
		err = read_plain(arena, buf_bytes(&unpacking.plain), depth, ret_value);
	}
	buf_finish(&unpacking.plain);
	if (err == ERR_BAD_REQUEST) {
		*ret_value = value_unfit;
		err = 0;
	}
	return err;
}

/* ---- writing ---- */

/* int32 and bin 32 heads, not shortened. */
static void append_u32(struct buf *out, char format, uint32_t n)
{
	const char bytes[LEN_SIZE] = {
		format, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
	buf_append(out, bytes, sizeof(bytes));
}

/* Bytes of n as MessagePack. */
static uint32_t int_size(uint32_t n)
{
	return n < 0x80 ? 1 : n < 0x100 ? 2 : n < 0x10000 ? 3 : 5;
}

static void append_packed(
	struct buf *out, enum msgpack_lz4 form, uint32_t plain_len, struct bytes block)
{
	if (form == MSGPACK_LZ4_BLOCK) {
		msgpack_write_ext(out, EXT_BLOCK, LEN_SIZE + (uint32_t)block.len);
		append_u32(out, '\xd2', plain_len);
	} else {
		msgpack_write_array(out, 2);
		msgpack_write_ext(out, EXT_BLOCK_ARRAY, int_size(plain_len));
		msgpack_write_int(out, plain_len);
		append_u32(out, '\xc6', (uint32_t)block.len);
	}
	buf_append_bytes(out, block);
}

void lz4_write_value(
	struct buf *out, const struct value *value, enum msgpack_names names, enum msgpack_lz4 form)
{
	size_t start = out->len;
	msgpack_write(out, value, names);
	size_t len = out->len - start;
	if (form == MSGPACK_LZ4_NONE || len < PLAIN_MIN || len > LZ4_MAX_INPUT_SIZE) {
		return;
	}
	struct buf block = {0};
	int room = LZ4_compressBound((int)len);
	buf_reserve(&block, (size_t)room);
	int packed = LZ4_compress_default(out->data + start, block.data, (int)len, room);
	assert(packed > 0); /* there is room for the worst case */
	block.len = (size_t)packed;
	out->len = start;
	append_packed(out, form, (uint32_t)len, buf_bytes(&block));
	buf_finish(&block);
}
