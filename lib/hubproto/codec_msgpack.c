/* The MessagePack hub protocol (HubProtocol.md, "MessagePack Encoding"): framing and writing, as
 * ASP.NET Core's server does it. Reading is in codec_msgpack_read.c. */
#include "lib/hubproto/codec_msgpack.h"

#include <assert.h>

#include "lib/base/err.h"
#include "lib/hubproto/codec.h"

/* ---- framing: lengths as little-endian base-128 varints ---- */

enum { PREFIX_MAX = 5 };

/* 0 and the prefix's own length; ERR_AGAIN, or ERR_BAD_REQUEST for lengths of 2 GiB and more. */
static int read_prefix(struct bytes input, size_t *ret_prefix, size_t *ret_len)
{
	size_t len = 0;
	for (size_t i = 0; i < PREFIX_MAX; i++) {
		if (i == input.len) {
			return ERR_AGAIN;
		}
		uint8_t byte = (uint8_t)input.ptr[i];
		len |= (size_t)(byte & 0x7f) << (7 * i);
		if (i == PREFIX_MAX - 1 && byte > 7) {
			break;
		}
		if (byte < 0x80) {
			*ret_prefix = i + 1;
			*ret_len = len;
			return 0;
		}
	}
	return ERR_BAD_REQUEST;
}

static int msgpack_next_record(
	struct bytes *input, size_t max, size_t *scanned, struct bytes *ret_record)
{
	size_t prefix, len;
	int err = read_prefix(*input, &prefix, &len);
	if (err == 0 && len == 0) {
		err = ERR_BAD_REQUEST;
	} else if (err == 0 && prefix + len > max) {
		err = ERR_TOO_LARGE;
	} else if (err == 0 && prefix + len > input->len) {
		err = ERR_AGAIN;
	}
	/* It costs nothing to look at a prefix again. */
	*scanned = err == ERR_AGAIN ? input->len : 0;
	if (err != 0) {
		return err;
	}
	*ret_record = bytes_of(input->ptr + prefix, len);
	*input = bytes_of(input->ptr + prefix + len, input->len - prefix - len);
	return 0;
}

/* ---- reading ---- */

static int msgpack_read_message(struct arena *arena, struct bytes record,
	struct hub_message *ret_message, const char **ret_why)
{
	return codec_msgpack_read(arena, record, HUB_PLAIN_MAX, ret_message, ret_why);
}

/* ---- writing ---- */

struct style {
	enum msgpack_names names;
	enum msgpack_lz4 lz4;
};

static void write_value(struct buf *out, const struct value *value, struct style style)
{
	lz4_write_value(out, value, style.names, style.lz4);
}

/* An array of so many elements, its type, and where it has them the headers: never any. */
static void write_start(struct buf *out, uint32_t count, enum hub_type type)
{
	msgpack_write_array(out, count);
	msgpack_write_int(out, type);
	if (type <= HUB_CANCEL_INVOCATION) {
		msgpack_write_map(out, 0);
	}
}

static void write_optional_text(struct buf *out, struct bytes text)
{
	if (text.len > 0) {
		msgpack_write_text(out, text);
	} else {
		msgpack_write_nil(out);
	}
}

static void write_call(struct buf *out, const struct hub_message *message, struct style style)
{
	const struct value *arguments = &message->arguments;
	assert(arguments->kind == VALUE_ARRAY);
	write_start(out, 6, message->type);
	write_optional_text(out, message->invocation_id);
	msgpack_write_text(out, message->target);
	msgpack_write_array(out, arguments->count);
	for (uint32_t i = 0; i < arguments->count; i++) {
		write_value(out, &arguments->items[i], style);
	}
	msgpack_write_array(out, message->stream_id_count);
	for (uint32_t i = 0; i < message->stream_id_count; i++) {
		msgpack_write_text(out, message->stream_ids[i]);
	}
}

static void write_item(struct buf *out, const struct hub_message *message, struct style style)
{
	write_start(out, 4, message->type);
	msgpack_write_text(out, message->invocation_id);
	write_value(out, &message->item, style);
}

static void write_completion(struct buf *out, const struct hub_message *message, struct style style)
{
	enum hub_outcome outcome = message->outcome;
	write_start(out, outcome == HUB_OUTCOME_VOID ? 4 : 5, message->type);
	msgpack_write_text(out, message->invocation_id);
	switch (outcome) {
	case HUB_OUTCOME_ERROR:
		msgpack_write_int(out, CODEC_MSGPACK_ERROR);
		/* JavaScript clients take an empty error for success. */
		msgpack_write_text(
			out, message->error.len > 0 ? message->error : BYTES_LIT("Unknown error."));
		break;
	case HUB_OUTCOME_RESULT:
		msgpack_write_int(out, CODEC_MSGPACK_RESULT);
		write_value(out, &message->item, style);
		break;
	case HUB_OUTCOME_VOID:
		msgpack_write_int(out, CODEC_MSGPACK_VOID);
		break;
	}
}

static void write_close(struct buf *out, const struct hub_message *message)
{
	const struct value allow_reconnect = value_bool(message->allow_reconnect);
	write_start(out, 3, message->type);
	write_optional_text(out, message->error);
	msgpack_write(out, &allow_reconnect, MSGPACK_NAMES_CAMEL);
}

static void write_body(struct buf *out, const struct hub_message *message, struct style style)
{
	switch (message->type) {
	case HUB_INVOCATION:
	case HUB_STREAM_INVOCATION:
		write_call(out, message, style);
		break;
	case HUB_STREAM_ITEM:
		write_item(out, message, style);
		break;
	case HUB_COMPLETION:
		write_completion(out, message, style);
		break;
	case HUB_CANCEL_INVOCATION:
		write_start(out, 3, message->type);
		msgpack_write_text(out, message->invocation_id);
		break;
	case HUB_CLOSE:
		write_close(out, message);
		break;
	case HUB_ACK:
	case HUB_SEQUENCE:
		write_start(out, 2, message->type);
		msgpack_write_int(out, message->sequence_id);
		break;
	case HUB_PING:
	case HUB_UNKNOWN:
		write_start(out, 1, message->type);
		break;
	}
}

/* The shortest prefix; gives its length. */
static size_t format_prefix(size_t len, char prefix[PREFIX_MAX])
{
	size_t count = 0;
	for (; len >= 0x80; len >>= 7) {
		prefix[count++] = (char)(len | 0x80);
	}
	prefix[count++] = (char)len;
	return count;
}

static void write_message(struct buf *out, const struct hub_message *message, struct style style)
{
	enum { USUAL_PREFIX = 2 }; /* of 128 to 16,383 bytes */
	size_t start = out->len;
	assert(message->type >= HUB_INVOCATION && message->type <= HUB_SEQUENCE);
	buf_reserve(out, PREFIX_MAX);
	out->len += USUAL_PREFIX;
	write_body(out, message, style);
	size_t len = out->len - start - USUAL_PREFIX;
	assert(len <= INT32_MAX);
	char prefix[PREFIX_MAX];
	size_t prefix_len = format_prefix(len, prefix);
	if (prefix_len != USUAL_PREFIX) {
		buf_reserve(out, PREFIX_MAX);
		memmove(out->data + start + prefix_len, out->data + start + USUAL_PREFIX, len);
		out->len = start + prefix_len + len;
	}
	memcpy(out->data + start, prefix, prefix_len);
}

/* ---- the ways of writing ---- */

#define WRITER(name, names_, lz4_) \
	static void write_##name(struct buf *out, const struct hub_message *message) \
	{ \
		write_message(out, message, (struct style){.names = (names_), .lz4 = (lz4_)}); \
	}

WRITER(pascal, MSGPACK_NAMES_PASCAL, MSGPACK_LZ4_NONE)
WRITER(pascal_block, MSGPACK_NAMES_PASCAL, MSGPACK_LZ4_BLOCK)
WRITER(pascal_block_array, MSGPACK_NAMES_PASCAL, MSGPACK_LZ4_BLOCK_ARRAY)
WRITER(camel, MSGPACK_NAMES_CAMEL, MSGPACK_LZ4_NONE)
WRITER(camel_block, MSGPACK_NAMES_CAMEL, MSGPACK_LZ4_BLOCK)
WRITER(camel_block_array, MSGPACK_NAMES_CAMEL, MSGPACK_LZ4_BLOCK_ARRAY)

#undef WRITER

#define CODEC(writer) \
	{ \
		.id = HUB_CODEC_MSGPACK, .name = "messagepack", .binary = true, .max_version = 2, \
		.next_record = msgpack_next_record, .read = msgpack_read_message, \
		.read_bounded = codec_msgpack_read, .write = (writer), \
	}

static const struct hub_codec codecs[][3] = {
	[MSGPACK_NAMES_PASCAL] =
		{
			[MSGPACK_LZ4_NONE] = CODEC(write_pascal),
			[MSGPACK_LZ4_BLOCK] = CODEC(write_pascal_block),
			[MSGPACK_LZ4_BLOCK_ARRAY] = CODEC(write_pascal_block_array),
		},
	[MSGPACK_NAMES_CAMEL] =
		{
			[MSGPACK_LZ4_NONE] = CODEC(write_camel),
			[MSGPACK_LZ4_BLOCK] = CODEC(write_camel_block),
			[MSGPACK_LZ4_BLOCK_ARRAY] = CODEC(write_camel_block_array),
		},
};

#undef CODEC

const struct hub_codec *hub_codec_msgpack(enum msgpack_names names, enum msgpack_lz4 lz4)
{
	assert(names <= MSGPACK_NAMES_CAMEL && lz4 <= MSGPACK_LZ4_BLOCK_ARRAY);
	return &codecs[names][lz4];
}
