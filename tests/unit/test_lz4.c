#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/value/lz4.h"
#include "tests/unit/hex.h"
#include "tests/unit/json_file.h"
#include "tests/unit/same_value.h"

enum { BOUND = 1 << 20 };

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

/* The bytes as one value, with so much to spare for what it holds. */
static int read_bytes(struct bytes from, size_t bound, struct value *ret_value, size_t *ret_left)
{
	/* A block of its own, so that a sanitizer sees a byte read behind it. */
	char *copy = malloc(from.len > 0 ? from.len : 1);
	if (from.len > 0) {
		memcpy(copy, from.ptr, from.len);
	}
	struct bytes input = bytes_of(copy, from.len);
	*ret_left = bound;
	int err = lz4_read_value(arena, &input, 8, ret_left, ret_value);
	assert_int_equal(input.len, err == 0 ? 0 : from.len);
	free(copy);
	return err;
}

static void assert_unfit(struct bytes from)
{
	struct value value;
	size_t left;
	assert_int_equal(read_bytes(from, BOUND, &value, &left), 0);
	if (!same_value(&value, &value_unfit)) {
		fail_msg("%s fits", hex_text(arena, from));
	}
}

static void assert_unfit_hex(const char *hex)
{
	assert_unfit(hex_bytes(arena, bytes_str(hex)));
}

/* ---- vectors ---- */

/* The form reads as the plain value; no beginning of it reads as anything. */
static void check_form(struct bytes plain, struct bytes form)
{
	struct value expected, value;
	struct bytes input = plain;
	size_t left;
	assert_int_equal(msgpack_read(arena, &input, 8, &expected), 0);
	assert_int_equal(read_bytes(form, plain.len, &value, &left), 0);
	assert_true(same_value(&value, &expected));
	assert_int_equal(left, 0);
	/* One byte less than it needs. */
	assert_int_equal(read_bytes(form, plain.len - 1, &value, &left), 0);
	assert_true(same_value(&value, &value_unfit));
	for (size_t len = 0; len < form.len; len++) {
		assert_int_equal(
			read_bytes(bytes_of(form.ptr, len), BOUND, &value, &left), ERR_BAD_REQUEST);
	}
}

static void test_vectors_read(void **state)
{
	(void)state;
	struct value vectors = json_file(arena, "tests/vectors/msgpack-lz4.json");
	size_t forms = 0;
	for (uint32_t i = 0; i < vectors.count; i++) {
		const struct value *vector = &vectors.items[i];
		struct bytes plain = hex_bytes(arena, json_file_text(vector, "plain_msgpack_hex"));
		static const char *const names[] = {"ext99_hex", "ext98_array_hex"};
		for (size_t j = 0; j < 2; j++) {
			struct bytes hex = json_file_text(vector, names[j]);
			if (hex.ptr != NULL) {
				check_form(plain, hex_bytes(arena, hex));
				forms++;
			}
		}
	}
	assert_int_equal(forms, 7);
}

static void assert_written(const struct value *vector, const struct value *value,
	enum msgpack_lz4 form, const char *name)
{
	struct buf out = {0};
	buf_append_str(&out, "before");
	lz4_write_value(&out, value, MSGPACK_NAMES_PASCAL, form);
	assert_memory_equal(out.data, "before", 6);
	assert_string_equal(hex_text(arena, bytes_of(out.data + 6, out.len - 6)),
		json_file_text(vector, name).ptr);
	buf_finish(&out);
}

/* What was compressed by liblz4 in one block we write in the same bytes. */
static void test_vectors_written(void **state)
{
	(void)state;
	struct value vectors = json_file(arena, "tests/vectors/msgpack-lz4.json");
	for (uint32_t i = 1; i <= 2; i++) {
		const struct value *vector = &vectors.items[i];
		struct bytes plain = hex_bytes(arena, json_file_text(vector, "plain_msgpack_hex"));
		struct value value;
		assert_int_equal(msgpack_read(arena, &plain, 8, &value), 0);
		assert_written(vector, &value, MSGPACK_LZ4_NONE, "plain_msgpack_hex");
		assert_written(vector, &value, MSGPACK_LZ4_BLOCK, "ext99_hex");
		assert_written(vector, &value, MSGPACK_LZ4_BLOCK_ARRAY, "ext98_array_hex");
	}
	struct value text = value_str("short");
	assert_written(&vectors.items[4], &text, MSGPACK_LZ4_BLOCK, "written_hex");
	assert_written(&vectors.items[4], &text, MSGPACK_LZ4_BLOCK_ARRAY, "written_hex");
}

/* ---- writing and reading again ---- */

static void test_threshold(void **state)
{
	(void)state;
	char letters[63];
	memset(letters, 'a', sizeof(letters));
	for (int form = MSGPACK_LZ4_BLOCK; form <= MSGPACK_LZ4_BLOCK_ARRAY; form++) {
		/* With their heads of two bytes 63 and 64 bytes long. */
		for (size_t len = 61; len <= 62; len++) {
			struct value text = value_text(bytes_of(letters, len)), again;
			struct buf out = {0};
			size_t left;
			lz4_write_value(&out, &text, MSGPACK_NAMES_PASCAL, (enum msgpack_lz4)form);
			assert_int_equal((uint8_t)out.data[0] == 0xd9, len == 61);
			assert_int_equal(read_bytes(buf_bytes(&out), 64, &again, &left), 0);
			assert_int_equal(left, len == 61 ? 64 : 0);
			assert_true(same_value(&text, &again));
			buf_finish(&out);
		}
	}
}

/* From what compresses best to what does not compress at all, of all lengths of the lengths. */
static void test_round_trips(void **state)
{
	(void)state;
	static const size_t lens[] = {
		62, 100, 124, 125, 126, 200, 253, 254, 255, 256, 1000, 65532, 65533, 65536, 300000};
	uint32_t random = 1;
	for (size_t i = 0; i < 2 * sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len = lens[i / 2];
		char *bytes = arena_alloc(arena, len);
		for (size_t j = 0; j < len && i % 2 == 0; j++) {
			random = random * 1664525 + 1013904223;
			bytes[j] = (char)(random >> 24);
		}
		struct value value = {.kind = VALUE_BINARY, .text = bytes_of(bytes, len)}, again;
		for (int form = MSGPACK_LZ4_BLOCK; form <= MSGPACK_LZ4_BLOCK_ARRAY; form++) {
			struct buf out = {0};
			size_t left;
			lz4_write_value(&out, &value, MSGPACK_NAMES_PASCAL, (enum msgpack_lz4)form);
			assert_int_not_equal((uint8_t)out.data[0], 0xc4);
			assert_int_equal(read_bytes(buf_bytes(&out), BOUND, &again, &left), 0);
			assert_true(same_value(&value, &again));
			buf_finish(&out);
		}
	}
}

/* ---- what is not taken ---- */

/* ext 99 around a block of plain, or around any bytes. */
static struct bytes pack_block(uint32_t claim, struct bytes block)
{
	struct buf out = {0};
	msgpack_write_ext(&out, 99, 5 + (uint32_t)block.len);
	buf_append_char(&out, '\xd2');
	for (int shift = 24; shift >= 0; shift -= 8) {
		buf_append_char(&out, (char)(claim >> shift));
	}
	buf_append_bytes(&out, block);
	struct bytes packed = arena_dup(arena, buf_bytes(&out));
	buf_finish(&out);
	return packed;
}

/* A block that consists of literals only. */
static struct bytes literal_block(struct bytes plain)
{
	struct buf out = {0};
	assert_true(plain.len >= 15 && plain.len < 15 + 255);
	buf_append_char(&out, '\xf0');
	buf_append_char(&out, (char)(plain.len - 15));
	buf_append_bytes(&out, plain);
	struct bytes block = arena_dup(arena, buf_bytes(&out));
	buf_finish(&out);
	return block;
}

static struct bytes pack_literal(struct bytes plain)
{
	return pack_block((uint32_t)plain.len, literal_block(plain));
}

static void test_bad_blocks(void **state)
{
	(void)state;
	struct bytes plain = BYTES_LIT("\xb2"
				       "eighteen letters :");
	struct value value;
	size_t left;
	assert_int_equal(read_bytes(pack_literal(plain), BOUND, &value, &left), 0);
	assert_string_equal(value.text.ptr, "eighteen letters :");
	assert_int_equal(left, BOUND - 19);
	struct bytes block = literal_block(plain);
	/* Another length than it claims. */
	assert_unfit(pack_block(18, block));
	assert_unfit(pack_block(20, block));
	assert_unfit(pack_block(0, block));
	assert_unfit(pack_block(0x80000000, block));
	assert_unfit(pack_block(0xffffffff, block));
	/* It ends within its literals; no block at all. */
	assert_unfit(pack_block(19, bytes_of(block.ptr, block.len - 1)));
	assert_unfit(pack_block(19, BYTES_NONE));
	/* A match before the beginning. */
	assert_unfit(pack_block(19, BYTES_LIT("\x10\xa1\xff\x7f\x10xxxxxxxxxxxxxxxx")));
	/* No length. */
	assert_unfit_hex("d463a1");
	assert_unfit_hex("c70063");
	assert_unfit_hex("d663ca000000");
	assert_unfit_hex("d86391 0000001300000000000000000000 00");
	assert_unfit_hex("d463c0");
}

/* Gigabytes are claimed, and no memory is taken for them. */
static void test_claims(void **state)
{
	(void)state;
	struct value value;
	size_t left;
	struct bytes small = pack_block(0x7fffffff, BYTES_LIT("\x1f\x61\x01\x00\xff\xff\xff\xff"));
	assert_int_equal(read_bytes(small, SIZE_MAX, &value, &left), 0);
	assert_true(same_value(&value, &value_unfit));
	assert_true(left == SIZE_MAX);
	/* All that a block of that size can be is within the bound, or it is not tried. */
	struct bytes claim = pack_block(8 * 255, BYTES_LIT("\x1f\x61\x01\x00\xff\xff\xff\xff"));
	assert_int_equal(read_bytes(claim, 8 * 255 - 1, &value, &left), 0);
	assert_true(same_value(&value, &value_unfit));
	/* n blocks of the array are claimed, and n lengths. */
	assert_unfit_hex("92 d562ce ff c400");
	assert_unfit_hex("92 d662ce7fffff c400");
	assert_unfit_hex("92 c70562ce7fffffff c403000000");
	assert_unfit_hex("92 c70962cf7fffffffffffffff c403000000");
	assert_unfit_hex("92 c70962cfffffffffffffffff c403000000");
	assert_unfit_hex("92 c70962d3ffffffffffffffff c403000000");
	assert_unfit_hex("91 d46201");
	assert_unfit_hex("91 c70062");
	assert_unfit_hex("92 d46201 01");
	assert_unfit_hex("92 d46201 90");
	assert_unfit_hex("92 d5620101 c40110");
	assert_unfit_hex("93 d46201 c4021061 c4021061");
	assert_unfit_hex("94 d5620101 c4021061 c4021061 c0");
	/* Lengths whose sum is beyond 64 bits. */
	assert_unfit_hex("93 c71262 cf8000000000000000 cf8000000000000000 c4021061 c4021061");
	/* The array's own count is no matter of LZ4. */
	struct bytes cut = hex_bytes(arena, BYTES_LIT("ddffffffff d46201 c4021061"));
	assert_int_equal(read_bytes(cut, BOUND, &value, &left), ERR_BAD_REQUEST);
}

/* Several blocks share the bound. */
static void test_shared_bound(void **state)
{
	(void)state;
	/* "\x92ab" in two blocks: two bytes and one. */
	struct bytes two = hex_bytes(arena, BYTES_LIT("93 d5620201 c4032092 01 c4021002"));
	struct value value;
	size_t left;
	assert_int_equal(read_bytes(two, 3, &value, &left), 0);
	assert_int_equal(value.kind, VALUE_ARRAY);
	assert_int_equal(value.items[1].integer, 2);
	assert_int_equal(left, 0);
	assert_int_equal(read_bytes(two, 2, &value, &left), 0);
	assert_true(same_value(&value, &value_unfit));
	/* The next value has what the first one left. */
	struct bytes input = two;
	left = 5;
	assert_int_equal(lz4_read_value(arena, &input, 8, &left, &value), 0);
	assert_int_equal(left, 2);
	input = two;
	assert_int_equal(lz4_read_value(arena, &input, 8, &left, &value), 0);
	assert_true(same_value(&value, &value_unfit));
}

/* What is in there is one value, plain and not too deep. */
static void test_contents(void **state)
{
	(void)state;
	struct bytes plain =
		BYTES_LIT("\x9f\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e");
	assert_unfit(pack_literal(plain)); /* it lacks an item */
	plain = BYTES_LIT("\x9e\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f");
	assert_unfit(pack_literal(plain)); /* one is too many */
	plain = BYTES_LIT("\x91\x91\x91\x91\x91\x91\x91\x91\xafxxxxxxxxxxxxxxx");
	struct value value;
	size_t left;
	assert_int_equal(read_bytes(pack_literal(plain), BOUND, &value, &left), 0);
	assert_int_equal(value.kind, VALUE_ARRAY);
	plain = BYTES_LIT("\x91\x91\x91\x91\x91\x91\x91\x91\x91\xafxxxxxxxxxxxxxxx");
	assert_unfit(pack_literal(plain));
	/* LZ4 within LZ4, in each form. */
	struct bytes inner = pack_literal(BYTES_LIT("\xb2"
						    "eighteen letters ."));
	assert_unfit(pack_literal(inner));
	inner = hex_bytes(
		arena, BYTES_LIT("92 d46213 c41510 0000000000000000000000000000000000000000"));
	assert_unfit(pack_literal(inner));
	/* Elsewhere than at the top it is an extension like others, which spoils only itself. */
	plain = BYTES_LIT("\x92\xd6\x63\xd2\x00\x00\x00\xafxxxxxxxxxxxxxxx");
	assert_int_equal(read_bytes(plain, BOUND, &value, &left), 0);
	assert_true(same_value(&value.items[0], &value_unfit));
	assert_int_equal(value.items[1].text.len, 15);
	assert_int_equal(read_bytes(pack_literal(plain), BOUND, &value, &left), 0);
	assert_true(same_value(&value.items[0], &value_unfit));
}

/* Other values pass as they are. */
static void test_plain(void **state)
{
	(void)state;
	struct value value;
	size_t left;
	assert_int_equal(read_bytes(BYTES_LIT("\x92\x01\x02"), 0, &value, &left), 0);
	assert_int_equal(value.count, 2);
	assert_int_equal(read_bytes(BYTES_LIT("\xc0"), 0, &value, &left), 0);
	assert_int_equal(value.kind, VALUE_NULL);
	assert_int_equal(read_bytes(BYTES_LIT("\x90"), 0, &value, &left), 0);
	assert_int_equal(value.kind, VALUE_ARRAY);
	assert_unfit_hex("d46462");
	struct bytes empty = BYTES_NONE;
	assert_int_equal(lz4_read_value(arena, &empty, 8, &left, &value), ERR_BAD_REQUEST);
	assert_int_equal(
		read_bytes(BYTES_LIT("\xc7\xff\x63"), BOUND, &value, &left), ERR_BAD_REQUEST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_vectors_read),
		TEST(test_vectors_written),
		TEST(test_threshold),
		TEST(test_round_trips),
		TEST(test_bad_blocks),
		TEST(test_claims),
		TEST(test_shared_bound),
		TEST(test_contents),
		TEST(test_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#undef TEST
