/* Framing, writing, and the ways of writing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/hubproto/codec.h"
#include "tests/unit/hex.h"

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

/* ---- framing ---- */

static int next_record(const char *hex, size_t max, size_t *ret_len)
{
	struct bytes all = hex_alloc(bytes_str(hex)), input = all, record;
	size_t scanned = 0;
	int err = codec->next_record(&input, max, &scanned, &record);
	assert_true(err != 0 ? input.ptr == all.ptr && input.len == all.len
			     : input.ptr == record.ptr + record.len);
	*ret_len = err == 0 ? record.len : 0;
	free((char *)all.ptr);
	return err;
}

static void test_next_record(void **state)
{
	(void)state;
	size_t len;
	assert_int_equal(next_record("", 100, &len), ERR_AGAIN);
	assert_int_equal(next_record("02 91", 100, &len), ERR_AGAIN);
	assert_int_equal(next_record("02 9106 02", 100, &len), 0);
	assert_int_equal(len, 2);
	assert_int_equal(next_record("00", 100, &len), ERR_BAD_REQUEST);
	assert_int_equal(next_record("8000", 100, &len), ERR_BAD_REQUEST);
	assert_int_equal(next_record("8080808000", 100, &len), ERR_BAD_REQUEST);
	assert_int_equal(next_record("8280808000 9106", 100, &len), 0);
	assert_int_equal(len, 2);
	/* A prefix has five bytes at most, and stands for less than 2 GiB. */
	assert_int_equal(next_record("80808080", 100, &len), ERR_AGAIN);
	assert_int_equal(next_record("8080808008", SIZE_MAX, &len), ERR_BAD_REQUEST);
	assert_int_equal(next_record("8080808080", SIZE_MAX, &len), ERR_BAD_REQUEST);
	assert_int_equal(next_record("ffffffffff", SIZE_MAX, &len), ERR_BAD_REQUEST);
	assert_int_equal(next_record("808080808001", SIZE_MAX, &len), ERR_BAD_REQUEST);
	assert_int_equal(next_record("ffffffff07", SIZE_MAX, &len), ERR_AGAIN);
}

/* The limit counts the prefix, and is looked at before the message has come. */
static void test_record_size(void **state)
{
	(void)state;
	size_t len;
	assert_int_equal(next_record("02 9106", 3, &len), 0);
	assert_int_equal(next_record("02 9106", 2, &len), ERR_TOO_LARGE);
	assert_int_equal(next_record("02", 2, &len), ERR_TOO_LARGE);
	assert_int_equal(next_record("8200 9106", 4, &len), 0);
	assert_int_equal(next_record("8200 9106", 3, &len), ERR_TOO_LARGE);
	assert_int_equal(next_record("feff07", 131073, &len), ERR_AGAIN);
	assert_int_equal(next_record("feff07", 131072, &len), ERR_TOO_LARGE);
	assert_int_equal(next_record("ffffffff07", 64 << 20, &len), ERR_TOO_LARGE);
	assert_int_equal(next_record("ffff", 128, &len), ERR_AGAIN);
}

static void test_byte_by_byte(void **state)
{
	(void)state;
	struct bytes stream = hex_bytes(arena, BYTES_LIT("029106 8200 9106 049307c0c3"));
	size_t start = 0, scanned = 0, records = 0;
	for (size_t end = 0; end <= stream.len; end++) {
		struct bytes input = bytes_of(stream.ptr + start, end - start), record;
		int err = codec->next_record(&input, 5, &scanned, &record);
		if (err == 0) {
			assert_int_equal(input.len, 0);
			assert_int_equal(scanned, 0);
			start = end;
			records++;
		} else {
			assert_int_equal(err, ERR_AGAIN);
		}
	}
	assert_int_equal(records, 3);
	assert_int_equal(start, stream.len);
}

/* ---- writing ---- */

static void assert_written(
	const struct hub_codec *by, const struct hub_message *message, const char *hex)
{
	struct buf out = {0};
	buf_append_str(&out, "before");
	by->write(&out, message);
	assert_string_equal(hex_text(arena, bytes_of(out.data + 6, out.len - 6)), hex);
	buf_finish(&out);
}

static void test_written(void **state)
{
	(void)state;
	struct hub_message message = {
		.type = HUB_INVOCATION,
		.target = BYTES_LIT("Send"),
		.arguments = value_array(arena, 1),
		/* What does not belong to the type is not looked at. */
		.outcome = HUB_OUTCOME_ERROR,
		.error = BYTES_LIT("e"),
		.allow_reconnect = true,
	};
	value_add(&message.arguments, value_time(1704164645678));
	assert_written(codec, &message, "15960180c0a453656e6491d7ffa1a5d60065937d2590");
	message.type = HUB_STREAM_INVOCATION;
	message.invocation_id = BYTES_LIT("5");
	assert_written(codec, &message, "16960480a135a453656e6491d7ffa1a5d60065937d2590");
	assert_written(codec, &(struct hub_message){.type = HUB_PING}, "029106");
	assert_written(codec, &(struct hub_message){.type = HUB_CLOSE}, "049307c0c2");
	assert_written(codec, &(struct hub_message){.type = HUB_CLOSE, .allow_reconnect = true},
		"049307c0c3");
	assert_written(codec, &(struct hub_message){.type = HUB_CLOSE, .error = BYTES_LIT("err")},
		"079307a3657272c2");
	message = (struct hub_message){.type = HUB_COMPLETION, .invocation_id = BYTES_LIT("4")};
	assert_written(codec, &message, "06940380a13402");
	message.outcome = HUB_OUTCOME_RESULT;
	assert_written(codec, &message, "07950380a13403c0");
	/* An error is never empty, for clients would take that for success. */
	message.outcome = HUB_OUTCOME_ERROR;
	assert_written(codec, &message, "15950380a13401ae556e6b6e6f776e206572726f722e");
	assert_written(
		codec, &(struct hub_message){.type = HUB_ACK, .sequence_id = 1394}, "059208cd0572");
	assert_written(
		codec, &(struct hub_message){.type = HUB_SEQUENCE, .sequence_id = 1}, "03920901");
}

/* ---- the ways of writing ---- */

static void test_instances(void **state)
{
	(void)state;
	struct value object = value_object(arena, 2), other = value_object(arena, 1);
	other.dictionary = true;
	value_put(&other, "c", value_null);
	value_put(&object, "a", value_int(1));
	value_put(&object, "b", other);
	struct hub_message message = {
		.type = HUB_STREAM_ITEM, .invocation_id = BYTES_LIT("1"), .item = object};
	for (int lz4 = MSGPACK_LZ4_NONE; lz4 <= MSGPACK_LZ4_BLOCK_ARRAY; lz4++) {
		assert_written(hub_codec_msgpack(MSGPACK_NAMES_PASCAL, (enum msgpack_lz4)lz4),
			&message, "0f940280a13182a14101a14281a163c0");
		assert_written(hub_codec_msgpack(MSGPACK_NAMES_CAMEL, (enum msgpack_lz4)lz4),
			&message, "0f940280a13182a16101a16281a163c0");
	}
	for (int names = MSGPACK_NAMES_PASCAL; names <= MSGPACK_NAMES_CAMEL; names++) {
		for (int lz4 = MSGPACK_LZ4_NONE; lz4 <= MSGPACK_LZ4_BLOCK_ARRAY; lz4++) {
			const struct hub_codec *each =
				hub_codec_msgpack((enum msgpack_names)names, (enum msgpack_lz4)lz4);
			assert_int_equal(each->id, HUB_CODEC_MSGPACK);
			assert_string_equal(each->name, "messagepack");
			assert_true(each->binary);
			assert_int_equal(each->max_version, 2);
		}
	}
	assert_ptr_equal(hub_codec_find(BYTES_LIT("MessagePack")), codec);
	assert_ptr_equal(hub_codec_find(BYTES_LIT("messagepack")), codec);
	assert_null(hub_codec_find(BYTES_LIT("messagepac")));
	assert_int_equal(hub_codec_json.id, HUB_CODEC_JSON);
}

/* Each value by itself is packed, the message around it never; each form reads as the same. */
static void test_lz4(void **state)
{
	(void)state;
	char letters[70];
	memset(letters, 'a', sizeof(letters));
	struct hub_message message = {
		.type = HUB_INVOCATION,
		.target = bytes_of(letters, sizeof(letters)),
		.arguments = value_array(arena, 3),
	};
	value_add(&message.arguments, value_text(message.target));
	value_add(&message.arguments, value_int(7));
	value_add(&message.arguments, value_text(message.target));
	static const char *const firsts[] = {"d946", "c712", "92d4"};
	struct bytes plain = BYTES_NONE;
	for (int lz4 = MSGPACK_LZ4_NONE; lz4 <= MSGPACK_LZ4_BLOCK_ARRAY; lz4++) {
		struct buf out = {0};
		hub_codec_msgpack(MSGPACK_NAMES_PASCAL, (enum msgpack_lz4)lz4)
			->write(&out, &message);
		struct bytes input = buf_bytes(&out), record;
		size_t scanned = 0;
		assert_int_equal(codec->next_record(&input, 4096, &scanned, &record), 0);
		assert_int_equal(input.len, 0);
		/* [1, {}, nil, target, [argument, … */
		assert_memory_equal(
			hex_text(arena, bytes_of(record.ptr + 4 + 72 + 1, 2)), firsts[lz4], 4);
		struct hub_message again;
		const char *why;
		assert_int_equal(codec->read(arena, record, &again, &why), 0);
		struct buf plainly = {0};
		codec->write(&plainly, &again);
		if (lz4 == MSGPACK_LZ4_NONE) {
			plain = arena_dup(arena, buf_bytes(&plainly));
		}
		assert_true(bytes_eq(buf_bytes(&plainly), plain));
		/* Two values of 72 bytes; without room for the second it binds to nothing. */
		assert_int_equal(codec->read_bounded(arena, record, 143, &again, &why), 0);
		assert_false(again.arguments.items[0].bad_text);
		assert_int_equal(again.arguments.items[2].bad_text, lz4 != MSGPACK_LZ4_NONE);
		assert_int_equal(codec->read_bounded(arena, record, 144, &again, &why), 0);
		assert_false(again.arguments.items[2].bad_text);
		buf_finish(&plainly);
		buf_finish(&out);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_next_record),
		TEST(test_record_size),
		TEST(test_byte_by_byte),
		TEST(test_written),
		TEST(test_instances),
		TEST(test_lz4),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
