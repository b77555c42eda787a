#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/value/msgpack_scan.h"

static void assert_head(struct bytes input, struct msgpack_head expected)
{
	struct msgpack_head head;
	assert_int_equal(msgpack_scan_head(input, &head), 0);
	assert_int_equal(head.shape, expected.shape);
	assert_int_equal(head.len, expected.len);
	assert_int_equal(head.body, expected.body);
	assert_int_equal(head.items, expected.items);
	assert_int_equal(head.ext, expected.ext);
	/* It is not whole before it is. */
	for (size_t len = 0; len < head.len; len++) {
		assert_int_equal(
			msgpack_scan_head(bytes_of(input.ptr, len), &head), ERR_BAD_REQUEST);
	}
}

/* The table of the specification's section "Overview", with lengths that tell the bytes apart. */
static const struct {
	struct bytes input;
	struct msgpack_head head;
} rows[] = {
#define ROW(text, shape_, len_, ...) \
	{ \
		BYTES_LIT(text), \
		{ \
			.shape = MSGPACK_SHAPE_##shape_, .len = (len_), __VA_ARGS__ \
		} \
	}
	ROW("\x00", SCALAR, 1, .body = 0),
	ROW("\x7f", SCALAR, 1, .body = 0),
	ROW("\xe0", SCALAR, 1, .body = 0),
	ROW("\xff", SCALAR, 1, .body = 0),
	ROW("\x80", MAP, 1, .items = 0),
	ROW("\x8f", MAP, 1, .items = 15),
	ROW("\x90", ARRAY, 1, .items = 0),
	ROW("\x9f", ARRAY, 1, .items = 15),
	ROW("\xa0", BLOB, 1, .body = 0),
	ROW("\xbf", BLOB, 1, .body = 31),
	ROW("\xc0", SCALAR, 1, .body = 0),
	ROW("\xc2", SCALAR, 1, .body = 0),
	ROW("\xc3", SCALAR, 1, .body = 0),
	ROW("\xc4\xff", BLOB, 2, .body = 0xff),
	ROW("\xc5\x01\x02", BLOB, 3, .body = 0x0102),
	ROW("\xc6\xff\x02\x03\x04", BLOB, 5, .body = 0xff020304),
	ROW("\xc7\xff\x80", EXT, 3, .body = 0xff, .ext = -128),
	ROW("\xc8\x01\x02\x7f", EXT, 4, .body = 0x0102, .ext = 127),
	ROW("\xc9\xff\x02\x03\x04\xff", EXT, 6, .body = 0xff020304, .ext = -1),
	ROW("\xca", SCALAR, 1, .body = 4),
	ROW("\xcb", SCALAR, 1, .body = 8),
	ROW("\xcc", SCALAR, 1, .body = 1),
	ROW("\xcd", SCALAR, 1, .body = 2),
	ROW("\xce", SCALAR, 1, .body = 4),
	ROW("\xcf", SCALAR, 1, .body = 8),
	ROW("\xd0", SCALAR, 1, .body = 1),
	ROW("\xd1", SCALAR, 1, .body = 2),
	ROW("\xd2", SCALAR, 1, .body = 4),
	ROW("\xd3", SCALAR, 1, .body = 8),
	ROW("\xd4\x01", EXT, 2, .body = 1, .ext = 1),
	ROW("\xd5\x02", EXT, 2, .body = 2, .ext = 2),
	ROW("\xd6\xff", EXT, 2, .body = 4, .ext = -1),
	ROW("\xd7\x63", EXT, 2, .body = 8, .ext = 99),
	ROW("\xd8\x62", EXT, 2, .body = 16, .ext = 98),
	ROW("\xd9\xff", BLOB, 2, .body = 0xff),
	ROW("\xda\x01\x02", BLOB, 3, .body = 0x0102),
	ROW("\xdb\xff\x02\x03\x04", BLOB, 5, .body = 0xff020304),
	ROW("\xdc\x01\x02", ARRAY, 3, .items = 0x0102),
	ROW("\xdd\xff\x02\x03\x04", ARRAY, 5, .items = 0xff020304),
	ROW("\xde\x01\x02", MAP, 3, .items = 0x0102),
	ROW("\xdf\xff\x02\x03\x04", MAP, 5, .items = 0xff020304),
#undef ROW
};

static void test_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_head(rows[i].input, rows[i].head);
	}
	struct msgpack_head head;
	assert_int_equal(msgpack_scan_head(BYTES_LIT("\xc1"), &head), ERR_BAD_REQUEST);
	assert_int_equal(msgpack_scan_head(BYTES_NONE, &head), ERR_BAD_REQUEST);
}

static void assert_scan(struct bytes input, unsigned depth, size_t expected)
{
	/* A block of its own, so that a sanitizer sees a byte read behind it. */
	char *copy = malloc(input.len > 0 ? input.len : 1);
	memcpy(copy, input.ptr, input.len);
	size_t len = 0;
	int err = msgpack_scan(bytes_of(copy, input.len), depth, &len);
	assert_int_equal(err, expected > 0 ? 0 : ERR_BAD_REQUEST);
	assert_int_equal(len, expected);
	free(copy);
}

static void test_scan(void **state)
{
	(void)state;
	/* The first value alone. */
	assert_scan(BYTES_LIT("\x01\x02"), 0, 1);
	assert_scan(BYTES_LIT("\x92\x01\x02\x03"), 1, 3);
	assert_scan(BYTES_LIT("\x92\x81\x01\x90\xa1\x62\x03"), 3, 6);
	assert_scan(BYTES_LIT("\x92\x81\x01\x90\xa1\x62\x03"), 2, 0);
	assert_scan(BYTES_LIT("\xd9\x02"
			      "ab"),
		0, 4);
	assert_scan(BYTES_LIT("\xd9\x03"
			      "ab"),
		0, 0);
	assert_scan(BYTES_LIT("\xd6\xff\x00\x00\x00"), 0, 0);
	/* Counts that what is left cannot hold, though it might hold half of them. */
	assert_scan(BYTES_LIT("\x93\x01\x02"), 1, 0);
	assert_scan(BYTES_LIT("\x82\x01\x02\x03"), 1, 0);
	assert_scan(BYTES_LIT("\xdf\x80\x00\x00\x00\x01\x02"), 1, 0);
	assert_scan(BYTES_LIT("\xdf\xff\xff\xff\xff\x01\x02"), 1, 0);
	assert_scan(BYTES_LIT("\xdb\xff\xff\xff\xff\x01"), 1, 0);
	assert_scan(BYTES_LIT("\xc9\xff\xff\xff\xff\x01"), 1, 0);
	assert_scan(BYTES_LIT(""), 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_scan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
