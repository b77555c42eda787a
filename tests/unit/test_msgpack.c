/* Reading MessagePack: golden bytes of @msgpack/msgpack, the examples of the specification, and
 * what peers claim falsely. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/value/msgpack.h"
#include "tests/unit/hex.h"
#include "tests/unit/json_file.h"
#include "tests/unit/same_value.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	return 0;
}

/* All of the bytes as one value, and every beginning of them refused. */
static int read_hex(struct bytes hex, struct value *ret_value)
{
	struct bytes all = hex_alloc(hex), rest = all, skipped = all;
	int err = msgpack_read(arena, &rest, MSGPACK_DEPTH_MAX, ret_value);
	assert_int_equal(msgpack_skip(&skipped, MSGPACK_DEPTH_MAX, &skipped), err);
	if (err == 0) {
		assert_int_equal(rest.len, 0);
	} else {
		assert_ptr_equal(rest.ptr, all.ptr);
		assert_int_equal(rest.len, all.len);
	}
	for (size_t len = 0; err == 0 && len < all.len; len++) {
		char *copy = malloc(len > 0 ? len : 1);
		memcpy(copy, all.ptr, len);
		struct bytes part = bytes_of(copy, len);
		struct value none;
		assert_int_equal(
			msgpack_read(arena, &part, MSGPACK_DEPTH_MAX, &none), ERR_BAD_REQUEST);
		assert_int_equal(part.len, len);
		free(copy);
	}
	free((char *)all.ptr);
	return err;
}

static struct value read_ok(const char *hex)
{
	struct value value;
	if (read_hex(bytes_str(hex), &value) != 0) {
		fail_msg("%s is refused", hex);
	}
	return value;
}

static void assert_refused(const char *hex)
{
	struct value value;
	if (read_hex(bytes_str(hex), &value) != ERR_BAD_REQUEST) {
		fail_msg("%s is not refused", hex);
	}
}

static void assert_unfit(const char *hex)
{
	struct value value = read_ok(hex);
	if (!same_value(&value, &value_unfit)) {
		fail_msg("%s fits", hex);
	}
}

static void assert_json(const char *hex, const char *json)
{
	struct value value = read_ok(hex);
	struct buf out = {0};
	json_write(&out, &value);
	assert_string_equal(buf_cstr(&out), json);
	buf_finish(&out);
}

/* ---- golden values ---- */

/* What the vector's value is here. */
static struct value expected_of(const struct value *vector)
{
	const struct value *value = value_get(vector, "value");
	struct bytes bin = json_file_text(value, "$bin"), date = json_file_text(value, "$date");
	struct bytes name = json_file_text(vector, "name");
	struct value expected = *value;
	if (bin.ptr != NULL) {
		expected = (struct value){.kind = VALUE_BINARY, .text = hex_bytes(arena, bin)};
	} else if (date.ptr != NULL) {
		int64_t ms;
		assert_int_equal(clock_parse(date, &ms), 0);
		expected = value_time(ms);
	} else if (bytes_eq(name, BYTES_LIT("NaN"))) {
		expected = (struct value){.kind = VALUE_DOUBLE, .number = (double)NAN};
	} else if (bytes_eq(name, BYTES_LIT("Infinity"))) {
		expected = (struct value){.kind = VALUE_DOUBLE, .number = (double)INFINITY};
	}
	return expected;
}

static void test_golden_values(void **state)
{
	(void)state;
	struct value vectors = json_file(arena, "tests/vectors/values.json");
	assert_true(vectors.count >= 45);
	for (uint32_t i = 0; i < vectors.count; i++) {
		struct bytes hex = json_file_text(&vectors.items[i], "msgpack_hex");
		struct value expected = expected_of(&vectors.items[i]), value;
		assert_int_equal(read_hex(hex, &value), 0);
		if (!same_value(&value, &expected)) {
			fail_msg("%.*s", BYTES_ARG(hex));
		}
		/* And back, but for the lone surrogate, which is no text here. */
		struct buf out = {0};
		msgpack_write(&out, &value, MSGPACK_NAMES_PASCAL);
		if (!value.bad_text) {
			assert_string_equal(
				hex_text(arena, buf_bytes(&out)), arena_dup(arena, hex).ptr);
		}
		buf_finish(&out);
	}
}

/* ---- each format ---- */

static void test_numbers(void **state)
{
	(void)state;
	/* Any width will do. */
	static const char *const ones[] = {"01", "cc01", "cd0001", "ce00000001",
		"cf0000000000000001", "d001", "d10001", "d200000001", "d30000000000000001"};
	for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
		assert_json(ones[i], "1");
	}
	assert_json("d0ff", "-1");
	assert_json("d1ffff", "-1");
	assert_json("d2ffffffff", "-1");
	assert_json("d3ffffffffffffffff", "-1");
	assert_json("cf7fffffffffffffff", "9223372036854775807");
	assert_json("d38000000000000000", "-9223372036854775808");
	/* Beyond int64 as in JSON. */
	struct value value = read_ok("cf8000000000000000");
	assert_int_equal(value.kind, VALUE_DOUBLE);
	assert_true(same_number(value.number, 9223372036854775808.0));
	value = read_ok("cfffffffffffffffff");
	assert_true(same_number(value.number, 18446744073709551616.0));
	value = read_ok("ca3fc00000");
	assert_int_equal(value.kind, VALUE_DOUBLE);
	assert_true(same_number(value.number, 1.5));
	value = read_ok("cb8000000000000000");
	assert_true(same_number(value.number, -0.0));
}

static void test_texts(void **state)
{
	(void)state;
	static const char *const forms[] = {"a161", "d90161", "da000161", "db0000000161"};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_json(forms[i], "\"a\"");
	}
	static const char *const empty[] = {"a0", "d900", "da0000", "db00000000"};
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct value value = read_ok(empty[i]);
		assert_int_equal(value.text.len, 0);
		assert_int_equal(value.text.ptr[0], '\0');
	}
	/* NUL-terminated, and U+0000 is kept. */
	struct value value = read_ok("93 a3610062 a2 6364 a165");
	assert_int_equal(value.items[0].text.len, 3);
	assert_memory_equal(value.items[0].text.ptr, "a\0b", 4);
	assert_string_equal(value.items[1].text.ptr, "cd");
	assert_unfit("a1ff");
	assert_unfit("a3eda080");
	assert_unfit("a2c080");
	assert_unfit("a1c3");
	assert_json("93 a161 a1ff a162", "[\"a\",\"\xef\xbf\xbd\",\"b\"]");
}

static void test_binaries(void **state)
{
	(void)state;
	static const char *const forms[] = {"c40161", "c5000161", "c60000000161"};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_json(forms[i], "\"YQ==\"");
		assert_int_equal(read_ok(forms[i]).kind, VALUE_BINARY);
	}
	assert_json("c400", "\"\"");
	/* Any bytes. */
	assert_int_equal(read_ok("c402ff00").text.len, 2);
}

static void test_times(void **state)
{
	(void)state;
	assert_json("d6ff65937d25", "\"2024-01-02T03:04:05.000Z\"");
	/* The same in the longest form. */
	assert_json("c70cff 00000000 0000000065937d25", "\"2024-01-02T03:04:05.000Z\"");
	assert_json("c800 0cff 00000000 0000000065937d25", "\"2024-01-02T03:04:05.000Z\"");
	/* Rounded down to milliseconds, also before 1970. */
	assert_int_equal(read_ok("c70cff 3b9ac9ff ffffffffffffffff").time_ms, -1);
	assert_int_equal(read_ok("d7ff ee6b27fc 00000000").time_ms, 999);
	/* The first and the last moment. */
	assert_json("c70cff 00000000 fffffff1886e0900", "\"0001-01-01T00:00:00.000Z\"");
	assert_json("c70cff 3b9ac9ff 0000003afff4417f", "\"9999-12-31T23:59:59.999Z\"");
	assert_unfit("c70cff 3b9ac9ff fffffff1886e08ff");
	assert_unfit("c70cff 00000000 0000003afff44180");
	assert_unfit("c70cff 00000000 7fffffffffffffff");
	assert_unfit("c70cff 00000000 8000000000000000");
	/* A second's worth of nanoseconds. */
	assert_unfit("c70cff 3b9aca00 0000000000000000");
	assert_unfit("d7ff ee6b2800 00000000");
	assert_unfit("c70cff ffffffff 0000000000000000");
	/* Other lengths. */
	assert_unfit("d4ff00");
	assert_unfit("d5ff0000");
	assert_unfit("c700ff");
	assert_unfit("c708 64 0000000000000000");
	/* DateTimeOffset stays an array. */
	assert_json("92 d6ff65937d25 3c", "[\"2024-01-02T03:04:05.000Z\",60]");
}

static void test_extensions(void **state)
{
	(void)state;
	static const char *const forms[] = {"d40100", "d5010000", "d60100000000",
		"d7010000000000000000", "d80100000000000000000000000000000000", "c70001",
		"c7010100", "c80000 01", "c80001 01 00", "c900000000 01", "c900000001 01 00",
		"d46400" /* typeless */, "c70164a1", "d46300", "d46200", "d48000"};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_unfit(forms[i]);
	}
	assert_json("92 d464ff 01", "[\"\xef\xbf\xbd\",1]");
}

static void test_arrays(void **state)
{
	(void)state;
	assert_json("90", "[]");
	assert_json("dc0000", "[]");
	assert_json("dd00000000", "[]");
	assert_json("93 01 a2 6162 c0", "[1,\"ab\",null]");
	assert_json("dc0003 01 92c2c3 c0", "[1,[false,true],null]");
	assert_json("dd00000001 90", "[[]]");
	assert_json("93 90 9190 80", "[[],[[]],{}]");
}

static void test_maps(void **state)
{
	(void)state;
	assert_json("80", "{}");
	assert_json("de0000", "{}");
	assert_json("df00000000", "{}");
	assert_json("82 a161 01 a0 82a16202a16303", "{\"a\":1,\"\":{\"b\":2,\"c\":3}}");
	struct value value = read_ok("81a161 81a16280");
	assert_true(value.dictionary && value.members[0].value.dictionary);
	assert_int_equal(value.cap, 0);
	/* Keys are text. */
	assert_unfit("810102");
	assert_unfit("81c002");
	assert_unfit("81c4016102");
	assert_unfit("81a1ff02");
	assert_unfit("81a2610002");
	assert_unfit("81d6ff65937d2502");
	assert_unfit("819002");
	assert_unfit("8181a1610102");
	/* A bad one spoils its own map only. */
	assert_json("92 83a16101 0203 a16202 05", "[\"\xef\xbf\xbd\",5]");
}

/* Of repeated names the last counts, at the place of the first, as in JSON. */
static void test_repeated_names(void **state)
{
	(void)state;
	assert_json("82 a16101 a16102", "{\"a\":2}");
	assert_json("85 a16101 a16202 a16103 a16304 a16205", "{\"a\":3,\"b\":5,\"c\":4}");
	assert_json("83 a16101 a16102 a16103", "{\"a\":3}");
	/* Many, each four times, against what the JSON reader makes of it. */
	struct buf json = {0}, packed = {0};
	msgpack_write_map(&packed, 4000);
	for (unsigned i = 0; i < 4000; i++) {
		unsigned name = i * 7919 % 1000;
		buf_printf(&json, "%s\"%u\":%u", i > 0 ? "," : "{", name, i);
		msgpack_write_text(&packed, bytes_str(arena_printf(arena, "%u", name)));
		msgpack_write_int(&packed, i);
	}
	buf_append_char(&json, '}');
	struct value expected, value;
	assert_int_equal(json_read(arena, buf_bytes(&json), &expected, NULL), 0);
	struct bytes input = buf_bytes(&packed);
	assert_int_equal(msgpack_read(arena, &input, 1, &value), 0);
	assert_int_equal(value.count, 1000);
	assert_true(same_value(&value, &expected));
	buf_finish(&json);
	buf_finish(&packed);
}

/* ---- false claims ---- */

static void test_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "c1", "91c1", "81a161c1", "a2 61", "d9", "d902 61",
		"da00", "da0002 61", "db000000", "dbffffffff 61", "c4ff", "c5ffff", "c6ffffffff 00",
		"c7", "c701", "c70101", "c8ffff01", "c9ffffffff01", "c9fffffffe0100", "d4", "d401",
		"d801", "ca000000", "cb", "cc", "cd00", "ce000000", "cf00000000000000", "d0", "d1",
		"d2", "d3", "91", "92 01", "dcffff", "dc0002 01", "ddffffffff 01", "dd7fffffff 01",
		"81", "81a161", "82a16101", "deffff a16101", "dfffffffff a16101",
		"df80000000 a16101"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_refused(texts[i]);
	}
}

/* Arrays within arrays that each claim all the bytes there are: memory is taken for none of them.
 */
static void test_claims_take_no_memory(void **state)
{
	(void)state;
	enum { SIZE = 300000 };
	char *bytes = calloc(1, SIZE);
	for (size_t i = 0; i < 60; i++) {
		memcpy(bytes + 5 * i, "\xdd\x00\x04\x00\x00", 5);
	}
	struct bytes input = bytes_of(bytes, SIZE);
	struct value value;
	size_t before = arena_size(arena);
	assert_int_equal(msgpack_read(arena, &input, MSGPACK_DEPTH_MAX, &value), ERR_BAD_REQUEST);
	assert_int_equal(arena_size(arena), before);
	free(bytes);
}

/* What comes takes some fifty times its size at most. */
static void test_memory_is_in_proportion(void **state)
{
	(void)state;
	enum { ITEMS = 100000 };
	static const uint8_t kinds[] = {0xc0, 0x90, 0x80, 0xa0};
	for (size_t i = 0; i < sizeof(kinds); i++) {
		struct buf packed = {0};
		msgpack_write_array(&packed, ITEMS);
		for (size_t j = 0; j < ITEMS; j++) {
			buf_append_char(&packed, (char)kinds[i]);
		}
		struct bytes input = buf_bytes(&packed);
		struct value value;
		size_t before = arena_size(arena);
		assert_int_equal(msgpack_read(arena, &input, 2, &value), 0);
		assert_int_equal(value.count, ITEMS);
		assert_true(arena_size(arena) - before <= 56 * (size_t)ITEMS);
		buf_finish(&packed);
	}
}

static void assert_depth(uint8_t level, size_t levels, unsigned depth, int expected)
{
	char *bytes = malloc(levels * 2 + 1);
	size_t len = 0;
	for (size_t i = 0; i < levels; i++) {
		bytes[len++] = (char)level;
		if (level == 0x81) {
			bytes[len++] = '\xa0';
		}
	}
	bytes[len++] = '\xc0';
	struct bytes input = bytes_of(bytes, len);
	struct value value;
	assert_int_equal(msgpack_read(arena, &input, depth, &value), expected);
	free(bytes);
}

static void test_depth(void **state)
{
	(void)state;
	assert_depth(0x91, 64, 64, 0);
	assert_depth(0x81, 64, 64, 0);
	assert_depth(0x91, 65, 64, ERR_BAD_REQUEST);
	assert_depth(0x81, 65, 64, ERR_BAD_REQUEST);
	assert_depth(0x91, 100000, 64, ERR_BAD_REQUEST);
	assert_depth(0x81, 100000, 64, ERR_BAD_REQUEST);
	assert_depth(0x91, 1, 0, ERR_BAD_REQUEST);
	assert_depth(0x91, 3, 3, 0);
	assert_depth(0x91, 4, 3, ERR_BAD_REQUEST);
	assert_depth(0x91, 0, 0, 0);
	/* Empty ones count too. */
	struct bytes input = BYTES_LIT("\x90");
	struct value value;
	assert_int_equal(msgpack_read(arena, &input, 0, &value), ERR_BAD_REQUEST);
}

/* ---- one after another ---- */

static void test_piece_by_piece(void **state)
{
	(void)state;
	struct bytes input = hex_bytes(arena, BYTES_LIT("93 07 82a16101a16202 d9026162 ff"));
	struct bytes skipped;
	struct value value;
	uint32_t count;
	assert_int_equal(msgpack_read_map(&input, &count), ERR_BAD_REQUEST);
	assert_int_equal(msgpack_read_array(&input, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(msgpack_read_array(&input, &count), ERR_BAD_REQUEST);
	assert_int_equal(msgpack_read(arena, &input, 1, &value), 0);
	assert_int_equal(value.integer, 7);
	struct bytes again = input;
	assert_int_equal(msgpack_read_map(&again, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(msgpack_skip(&input, 1, &skipped), 0);
	assert_string_equal(hex_text(arena, skipped), "82a16101a16202");
	assert_int_equal(msgpack_read(arena, &input, 1, &value), 0);
	assert_string_equal(value.text.ptr, "ab");
	assert_int_equal(input.len, 1);
	/* More than can have come. */
	input = BYTES_LIT("\xdc\x00\x03\x00\x00");
	assert_int_equal(msgpack_read_array(&input, &count), ERR_BAD_REQUEST);
	input = BYTES_LIT("\x82\x00\x00\x00");
	assert_int_equal(msgpack_read_map(&input, &count), ERR_BAD_REQUEST);
	input = BYTES_LIT("\xdc\x00");
	assert_int_equal(msgpack_read_array(&input, &count), ERR_BAD_REQUEST);
	input = BYTES_NONE;
	assert_int_equal(msgpack_read_array(&input, &count), ERR_BAD_REQUEST);
}

/* Every byte as a start: read and skip agree, and nothing is read behind the end. */
static void test_every_start(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		for (size_t len = 1; len < 24; len++) {
			char *bytes = calloc(1, len);
			bytes[0] = (char)first;
			struct bytes input = bytes_of(bytes, len), again = input, skipped;
			struct value value;
			int err = msgpack_read(arena, &input, 2, &value);
			assert_int_equal(msgpack_skip(&again, 2, &skipped), err);
			assert_int_equal(input.len, again.len);
			assert_true(err == 0 || err == ERR_BAD_REQUEST);
			free(bytes);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_golden_values),
		TEST(test_numbers),
		TEST(test_texts),
		TEST(test_binaries),
		TEST(test_times),
		TEST(test_extensions),
		TEST(test_arrays),
		TEST(test_maps),
		TEST(test_repeated_names),
		TEST(test_refused),
		TEST(test_claims_take_no_memory),
		TEST(test_memory_is_in_proportion),
		TEST(test_depth),
		TEST(test_piece_by_piece),
		TEST(test_every_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
