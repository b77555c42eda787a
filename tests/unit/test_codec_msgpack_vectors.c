/* The MessagePack hub protocol against what the npm package writes and reads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/hubproto/codec.h"
#include "tests/unit/hex.h"
#include "tests/unit/hub_vector.h"

static struct arena *arena;
static const struct hub_codec *codec;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(0);
	codec = hub_codec_msgpack(MSGPACK_NAMES_PASCAL, MSGPACK_LZ4_NONE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	return 0;
}

/* Cuts and reads the next record of input. */
static int read_next(struct bytes *input, struct hub_message *ret_message)
{
	struct bytes record;
	size_t scanned = 0;
	const char *why = NULL;
	int err = codec->next_record(input, 1 << 20, &scanned, &record);
	if (err != 0) {
		return err;
	}
	err = codec->read(arena, record, ret_message, &why);
	assert_true((err != 0) == (why != NULL));
	return err;
}

/* All that clients write, in one stream that comes byte by byte. */
static void test_what_clients_write(void **state)
{
	(void)state;
	struct value vectors = json_file(arena, "tests/vectors/hub-messages-written.json");
	struct buf stream = {0};
	for (uint32_t i = 0; i < vectors.count; i++) {
		struct bytes hex = json_file_text(&vectors.items[i], "msgpack_hex");
		buf_append_bytes(&stream, hex_bytes(arena, hex));
	}
	size_t start = 0, scanned = 0;
	uint32_t read = 0;
	for (size_t end = 0; end <= stream.len; end++) {
		struct bytes input = bytes_of(stream.data + start, end - start), record;
		int err = codec->next_record(&input, 1 << 20, &scanned, &record);
		if (err != 0) {
			assert_int_equal(err, ERR_AGAIN);
			continue;
		}
		struct hub_message message;
		const char *why = "";
		assert_int_equal(input.len, 0);
		assert_int_equal(codec->read(arena, record, &message, &why), 0);
		assert_message(value_get(&vectors.items[read++], "message"), &message);
		start = end;
	}
	assert_int_equal(read, vectors.count);
	assert_int_equal(start, stream.len);
	assert_true(read >= 23);
	buf_finish(&stream);
}

/* What the JSON codec reads of the same message is the same; and what we write reads as the same
 * again. Where the client writes as the server does, the bytes are the same, too. */
static void test_both_codecs(void **state)
{
	(void)state;
	struct value vectors = json_file(arena, "tests/vectors/hub-messages-written.json");
	size_t same_bytes = 0;
	for (uint32_t i = 0; i < vectors.count; i++) {
		struct bytes packed =
			hex_bytes(arena, json_file_text(&vectors.items[i], "msgpack_hex"));
		struct bytes input = packed, json = json_file_text(&vectors.items[i], "json");
		struct hub_message message, other, again;
		assert_int_equal(read_next(&input, &message), 0);
		const char *why;
		json.len--;
		assert_int_equal(hub_codec_json.read(arena, json, &other, &why), 0);
		struct buf out = {0}, from_json = {0};
		codec->write(&out, &message);
		codec->write(&from_json, &other);
		assert_true(bytes_eq(buf_bytes(&out), buf_bytes(&from_json)));
		same_bytes += bytes_eq(buf_bytes(&out), packed);
		input = buf_bytes(&out);
		assert_int_equal(read_next(&input, &again), 0);
		assert_int_equal(input.len, 0);
		assert_message(value_get(&vectors.items[i], "message"), &again);
		buf_finish(&out);
		buf_finish(&from_json);
	}
	/* The others: calls of five elements or with headers, Close of two. */
	assert_int_equal(same_bytes, vectors.count - 6);
}

static const struct difference differences[] = {
	{"headers nil", ERR_BAD_REQUEST},
	{"completion unknown kind 4", ERR_BAD_REQUEST},
	{"unknown type", 0}, /* HUB_UNKNOWN */
	{"stream invocation towards a client", 0},
	{NULL, 0},
};

static void test_what_servers_write(void **state)
{
	(void)state;
	struct value vectors = json_file(arena, "tests/vectors/hub-messages-parsed.json");
	size_t checked = 0;
	for (uint32_t i = 0; i < vectors.count; i++) {
		const struct value *vector = &vectors.items[i];
		if (same_text(vector, "protocol", BYTES_LIT("messagepack"))) {
			check_parsed(vector, hex_bytes(arena, json_file_text(vector, "input_hex")),
				differences, read_next);
			checked++;
		}
	}
	assert_true(checked >= 28);
}

/* ---- framing ---- */

/* [7, text, false] is a message of that length. */
static void check_written_prefix(struct bytes prefix, size_t len)
{
	size_t text_head = len < 36 ? 1 : len < 261 ? 2 : len < 65542 ? 3 : 5;
	if (len < 3 + text_head) {
		return;
	}
	char *letters = arena_alloc(arena, len);
	struct hub_message message = {
		.type = HUB_CLOSE,
		.error = bytes_of(letters, len - 3 - text_head),
	};
	struct buf out = {0};
	buf_append_char(&out, '!');
	codec->write(&out, &message);
	assert_int_equal(out.len, 1 + prefix.len + len);
	assert_memory_equal(out.data + 1, prefix.ptr, prefix.len);
	assert_int_equal((uint8_t)out.data[1 + prefix.len], 0x93);
	assert_int_equal((uint8_t)out.data[out.len - 1], 0xc2);
	buf_finish(&out);
}

static void test_prefixes(void **state)
{
	(void)state;
	struct value root = json_file(arena, "tests/vectors/msgpack-framing.json");
	const struct value *prefixes = value_get(&root, "prefixes");
	assert_true(prefixes->count >= 14);
	for (uint32_t i = 0; i < prefixes->count; i++) {
		size_t len = (size_t)value_get(&prefixes->items[i], "body_length")->integer;
		struct bytes prefix =
			hex_bytes(arena, json_file_text(&prefixes->items[i], "prefix_hex"));
		char *framed = arena_alloc(arena, prefix.len + len + 1);
		memcpy(framed, prefix.ptr, prefix.len);
		struct bytes input = bytes_of(framed, prefix.len + len + 1), record;
		size_t scanned = 0;
		assert_int_equal(
			codec->next_record(&input, prefix.len + len, &scanned, &record), 0);
		assert_int_equal(record.len, len);
		assert_ptr_equal(record.ptr, framed + prefix.len);
		assert_int_equal(input.len, 1);
		check_written_prefix(prefix, len);
	}
}

static void test_frames(void **state)
{
	(void)state;
	static const struct difference frames[] = {
		{"empty frame", ERR_BAD_REQUEST},
		{"length 2 ping", 0},
		{"two frames", 0},
		{"short frame", ERR_AGAIN},
		{"length not finished", ERR_AGAIN},
		{"fifth byte 8", ERR_BAD_REQUEST},
		{"fifth byte 7", ERR_TOO_LARGE},
		{"overlong length of 2", 0},
		{"overlong, five bytes", 0},
	};
	struct value root = json_file(arena, "tests/vectors/msgpack-framing.json");
	const struct value *vectors = value_get(&root, "frames");
	assert_int_equal(vectors->count, sizeof(frames) / sizeof(frames[0]));
	for (uint32_t i = 0; i < vectors->count; i++) {
		struct bytes input =
			hex_bytes(arena, json_file_text(&vectors->items[i], "input_hex"));
		const struct value *parsed = value_get(&vectors->items[i], "parsed");
		assert_true(same_text(&vectors->items[i], "name", bytes_str(frames[i].name)));
		struct hub_message message;
		for (uint32_t j = 0; j < (parsed != NULL ? parsed->count : 1); j++) {
			assert_int_equal(read_next(&input, &message), frames[i].err);
		}
		if (parsed != NULL) {
			assert_int_equal(message.type, HUB_PING);
			assert_int_equal(input.len, 0);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_clients_write),
		TEST(test_both_codecs),
		TEST(test_what_servers_write),
		TEST(test_prefixes),
		TEST(test_frames),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
