/* The MessagePack hub protocol as a peer feeds it: framing, messages, and writing what was read in
 * every way that there is. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/hubproto/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What values in LZ4 may hold: enough for what is longer than the input. */
enum { LIMIT = 4096, PLAIN_MAX = 64 * 1024 };

static void require(bool condition)
{
	if (!condition) {
		abort();
	}
}

/* Cuts the one record out of what was written. */
static struct bytes unframe(const struct hub_codec *codec, const struct buf *out)
{
	struct bytes input = buf_bytes(out), record = BYTES_NONE;
	size_t scanned = 0;
	require(codec->next_record(&input, out->len, &scanned, &record) == 0);
	require(input.len == 0);
	return record;
}

/* Writes a message, and reads what was written: it writes the same again. */
static void check_written(
	struct arena *arena, const struct hub_codec *codec, const struct hub_message *message)
{
	struct buf first = {0}, second = {0};
	struct hub_message again = {.type = HUB_UNKNOWN};
	const char *why = NULL;
	codec->write(&first, message);
	struct bytes record = unframe(codec, &first);
	/* What binds to nothing is written as U+FFFD, and may be longer than it was. */
	require(codec->read_bounded(arena, record, SIZE_MAX, &again, &why) == 0);
	require(again.type == message->type);
	require(again.arguments.count == message->arguments.count);
	codec->write(&second, &again);
	require(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
	buf_finish(&first);
	buf_finish(&second);
}

/* JSON has the same messages. */
static void check_json(struct arena *arena, const struct hub_message *message)
{
	struct buf out = {0};
	struct hub_message again = {.type = HUB_UNKNOWN};
	const char *why = NULL;
	hub_codec_json.write(&out, message);
	require(hub_codec_json.read(arena, bytes_of(out.data, out.len - 1), &again, &why) == 0);
	require(again.type == message->type);
	require(bytes_eq(again.invocation_id, message->invocation_id));
	require(bytes_eq(again.target, message->target));
	require(again.stream_id_count == message->stream_id_count);
	require(again.arguments.count == message->arguments.count);
	buf_finish(&out);
}

static void check_message(struct arena *arena, const struct hub_message *message)
{
	for (int lz4 = MSGPACK_LZ4_NONE; lz4 <= MSGPACK_LZ4_BLOCK_ARRAY; lz4++) {
		/* All that was read are dictionaries: the names are never respelt. */
		check_written(arena, hub_codec_msgpack(MSGPACK_NAMES_PASCAL, (enum msgpack_lz4)lz4),
			message);
	}
	check_json(arena, message);
}

static void check_record(const struct hub_codec *codec, struct bytes record)
{
	struct arena *arena = arena_create(0);
	struct hub_message message;
	const char *why = NULL;
	if (codec->read_bounded(arena, record, PLAIN_MAX, &message, &why) != 0) {
		require(why != NULL);
	} else if (message.type != HUB_UNKNOWN) {
		check_message(arena, &message);
	}
	/* Memory is in proportion to what came. */
	require(arena_size(arena) < 1 << 26);
	arena_destroy(&arena);
}

/* The same record comes out where its bytes come one by one. */
static void check_trickle(const struct hub_codec *codec, struct bytes framed, struct bytes record)
{
	size_t scanned = 0;
	for (size_t end = 0; end <= framed.len; end++) {
		struct bytes part = bytes_of(framed.ptr, end), same;
		int err = codec->next_record(&part, LIMIT, &scanned, &same);
		require(err == (end == framed.len ? 0 : ERR_AGAIN));
		require(err != 0 || (same.ptr == record.ptr && same.len == record.len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hub_codec *codec = hub_codec_msgpack(MSGPACK_NAMES_PASCAL, MSGPACK_LZ4_NONE);
	struct bytes rest = bytes_of(data, size), record;
	size_t scanned = 0;
	const char *start = rest.ptr;
	while (codec->next_record(&rest, LIMIT, &scanned, &record) == 0) {
		check_record(codec, record);
		check_trickle(codec, bytes_of(start, (size_t)(rest.ptr - start)), record);
		start = rest.ptr;
	}
	/* Without framing, too: the fuzzer has less to guess. */
	if (rest.len < LIMIT) {
		check_record(codec, rest);
	}
	return 0;
}
