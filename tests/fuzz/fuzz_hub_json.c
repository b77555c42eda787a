/* The JSON hub protocol as a peer feeds it: framing, handshake, messages, and writing what was
 * read. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/hubproto/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition) {
		abort();
	}
}

/* Writes a message, and reads what was written. */
static struct hub_message write_and_read(
	struct arena *arena, struct buf *out, const struct hub_message *message)
{
	hub_codec_json.write(out, message);
	require(out->len > 0 && out->data[out->len - 1] == '\x1e');
	require(memchr(out->data, '\x1e', out->len - 1) == NULL);
	struct hub_message again = {.type = HUB_UNKNOWN};
	const char *why = NULL;
	require(hub_codec_json.read(arena, bytes_of(out->data, out->len - 1), &again, &why) == 0);
	require(again.type == message->type);
	return again;
}

/* What was read can be written, and reads as the same again. (Not at the first time: the double
 * -0.0 is written as -0, which is an integer without a sign.) */
static void check_message(struct arena *arena, const struct hub_message *message)
{
	struct buf first = {0}, second = {0}, third = {0};
	struct hub_message again = write_and_read(arena, &first, message);
	again = write_and_read(arena, &second, &again);
	hub_codec_json.write(&third, &again);
	require(bytes_eq(buf_bytes(&second), buf_bytes(&third)));
	buf_finish(&first);
	buf_finish(&second);
	buf_finish(&third);
}

static void check_record(struct bytes record)
{
	struct arena *arena = arena_create(0);
	struct handshake_request request;
	struct hub_message message;
	const char *why = NULL;
	if (hub_codec_json.read(arena, record, &message, &why) != 0) {
		require(why != NULL);
	} else if (message.type != HUB_UNKNOWN) {
		check_message(arena, &message);
	}
	why = NULL;
	require(handshake_read(arena, record, ~0U, true, true, &request, &why) == 0 || why != NULL);
	why = NULL;
	require(handshake_read_response(arena, record, &why) == 0 || why != NULL);
	arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { LIMIT = 4096 };
	struct bytes whole = bytes_of(data, size), record;
	size_t scanned = 0, trickled = 0, end = 0;
	int err;
	while ((err = hub_codec_json.next_record(&whole, LIMIT, &scanned, &record)) == 0) {
		check_record(record);
		/* The same record comes out where its bytes come one by one. */
		const char *start = record.ptr;
		size_t framed = record.len + 1;
		for (end = 0, trickled = 0; end <= framed; end++) {
			struct bytes part = bytes_of(start, end), same;
			int part_err = hub_codec_json.next_record(&part, LIMIT, &trickled, &same);
			require((part_err == 0) == (end == framed));
			require(part_err != 0 || bytes_eq(same, record));
		}
	}
	if (whole.len < LIMIT) {
		check_record(whole);
	}
	return 0;
}
