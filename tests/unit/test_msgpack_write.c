#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/value/msgpack.h"
#include "tests/unit/hex.h"
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

static void assert_written_as(struct value value, enum msgpack_names names, const char *hex)
{
	struct buf out = {0};
	buf_append_str(&out, "before");
	msgpack_write(&out, &value, names);
	assert_memory_equal(out.data, "before", 6);
	assert_string_equal(hex_text(arena, bytes_of(out.data + 6, out.len - 6)), hex);
	struct bytes input = bytes_of(out.data + 6, out.len - 6);
	struct value again;
	assert_int_equal(msgpack_read(arena, &input, MSGPACK_DEPTH_MAX, &again), 0);
	assert_int_equal(input.len, 0);
	buf_finish(&out);
}

static void assert_written(struct value value, const char *hex)
{
	assert_written_as(value, MSGPACK_NAMES_PASCAL, hex);
}

static void test_integers(void **state)
{
	(void)state;
	static const struct {
		int64_t n;
		const char *hex;
	} rows[] = {
		{0, "00"},
		{127, "7f"},
		{128, "cc80"},
		{255, "ccff"},
		{256, "cd0100"},
		{65535, "cdffff"},
		{65536, "ce00010000"},
		{4294967295, "ceffffffff"},
		{4294967296, "cf0000000100000000"},
		{INT64_MAX, "cf7fffffffffffffff"},
		{-1, "ff"},
		{-32, "e0"},
		{-33, "d0df"},
		{-128, "d080"},
		{-129, "d1ff7f"},
		{-32768, "d18000"},
		{-32769, "d2ffff7fff"},
		{INT32_MIN, "d280000000"},
		{(int64_t)INT32_MIN - 1, "d3ffffffff7fffffff"},
		{INT64_MIN, "d38000000000000000"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_written(value_int(rows[i].n), rows[i].hex);
		struct buf out = {0};
		msgpack_write_int(&out, rows[i].n);
		assert_string_equal(hex_text(arena, buf_bytes(&out)), rows[i].hex);
		buf_finish(&out);
	}
}

static void test_scalars(void **state)
{
	(void)state;
	assert_written(value_null, "c0");
	assert_written(value_bool(false), "c2");
	assert_written(value_bool(true), "c3");
	assert_written((struct value){.kind = VALUE_DOUBLE, .number = 1.0}, "cb3ff0000000000000");
	assert_written((struct value){.kind = VALUE_DOUBLE, .number = -0.1}, "cbbfb999999999999a");
	assert_written(value_text(BYTES_NONE), "a0");
	assert_written(value_str("ab"), "a26162");
	assert_written(
		(struct value){.kind = VALUE_BINARY, .text = BYTES_LIT("\xff\x00")}, "c402ff00");
	assert_written((struct value){.kind = VALUE_BINARY}, "c400");
	assert_written(value_unfit, "a3efbfbd");
	assert_written(value_time(1704164645000), "d6ff65937d25");
	assert_written(value_time(1704164645678), "d7ffa1a5d60065937d25");
	assert_written(value_time(-500), "c70cff1dcd6500ffffffffffffffff");
	assert_written(value_time(0), "d6ff00000000");
	assert_written(value_time(4294967296000), "d7ff0000000100000000");
	assert_written(value_time(17179869184000), "c70cff000000000000000400000000");
}

/* Each length in its shortest form, and read again. */
static void test_lengths(void **state)
{
	(void)state;
	static const struct {
		uint32_t len;
		const char *text, *binary, *array, *map;
	} rows[] = {
		{15, "af", "c40f", "9f", "8f"},
		{16, "b0", "c410", "dc0010", "de0010"},
		{31, "bf", "c41f", "dc001f", "de001f"},
		{32, "d920", "c420", "dc0020", "de0020"},
		{255, "d9ff", "c4ff", "dc00ff", "de00ff"},
		{256, "da0100", "c50100", "dc0100", "de0100"},
		{65535, "daffff", "c5ffff", "dcffff", "deffff"},
		{65536, "db00010000", "c600010000", "dd00010000", "df00010000"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t len = rows[i].len;
		char *letters = arena_alloc(arena, len);
		memset(letters, 'x', len);
		struct value values[] = {value_text(bytes_of(letters, len)),
			{.kind = VALUE_BINARY, .text = bytes_of(letters, len)},
			value_array(arena, len), value_object(arena, len)};
		for (uint32_t item = 0; item < len; item++) {
			value_add(&values[2], value_int(1));
			value_put(&values[3], arena_printf(arena, "%u", item), value_null);
		}
		values[3].dictionary = true;
		const char *heads[] = {rows[i].text, rows[i].binary, rows[i].array, rows[i].map};
		for (size_t kind = 0; kind < 4; kind++) {
			struct buf out = {0};
			msgpack_write(&out, &values[kind], MSGPACK_NAMES_PASCAL);
			char *hex = hex_text(arena, buf_bytes(&out));
			assert_memory_equal(hex, heads[kind], strlen(heads[kind]));
			struct bytes input = buf_bytes(&out);
			struct value again;
			assert_int_equal(msgpack_read(arena, &input, 1, &again), 0);
			assert_true(same_value(&values[kind], &again));
			buf_finish(&out);
		}
	}
}

/* Fields are respelt, dictionaries not, and what lies in a dictionary may be either. */
static void test_names(void **state)
{
	(void)state;
	struct value inner = value_object(arena, 1);
	value_put(&inner, "b", value_int(1));
	struct value dictionary = value_object(arena, 2);
	dictionary.dictionary = true;
	value_put(&dictionary, "c", inner);
	value_put(&dictionary, "Dd", value_null);
	struct value list = value_array(arena, 1);
	value_add(&list, inner);
	struct value outer = value_object(arena, 7);
	value_put(&outer, "roomId", dictionary);
	value_put(&outer, "E", list);
	value_put(&outer, "", value_null);
	value_put(&outer, "_a", value_null);
	value_put(&outer, "\xc3\xa9", value_null);
	value_put(&outer, "z", value_null);
	value_put(&outer, "{", value_null);
	assert_written_as(outer, MSGPACK_NAMES_PASCAL,
		"87a6526f6f6d4964"
		"82a16381a14201a24464c0"
		"a14591"
		"81a14201"
		"a0c0a25f61c0a2c3a9c0a15ac0a17bc0");
	assert_written_as(outer, MSGPACK_NAMES_CAMEL,
		"87a6726f6f6d4964"
		"82a16381a16201a24464c0"
		"a14591"
		"81a16201"
		"a0c0a25f61c0a2c3a9c0a17ac0a17bc0");
}

static void test_pieces(void **state)
{
	(void)state;
	struct buf out = {0};
	msgpack_write_array(&out, 5);
	msgpack_write_nil(&out);
	msgpack_write_text(&out, BYTES_LIT("a"));
	msgpack_write_map(&out, 1);
	msgpack_write_int(&out, 1);
	msgpack_write_int(&out, 2);
	msgpack_write_ext(&out, 99, 4);
	buf_append_str(&out, "abcd");
	msgpack_write_ext(&out, -1, 5);
	buf_append_str(&out, "efghi");
	assert_string_equal(
		hex_text(arena, buf_bytes(&out)), "95c0a161810102d66361626364c705ff6566676869");
	buf_finish(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_integers),
		TEST(test_scalars),
		TEST(test_lengths),
		TEST(test_names),
		TEST(test_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
