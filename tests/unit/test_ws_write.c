/* WebSocket frames as they are written, masks, close codes, and the keys of the opening handshake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/wire/ws.h"

/* RFC 6455 section 5.7, and the edges of the three forms of length. */
static void test_headers(void **state)
{
	const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	const struct {
		enum ws_opcode opcode;
		bool fin;
		uint64_t len;
		const uint8_t *mask;
		struct bytes header;
	} wanted[] = {
		{WS_TEXT, true, 5, NULL, BYTES_LIT("\x81\x05")},
		{WS_TEXT, true, 5, mask, BYTES_LIT("\x81\x85\x37\xfa\x21\x3d")},
		{WS_TEXT, false, 3, NULL, BYTES_LIT("\x01\x03")},
		{WS_CONTINUATION, true, 2, NULL, BYTES_LIT("\x80\x02")},
		{WS_PING, true, 5, NULL, BYTES_LIT("\x89\x05")},
		{WS_PONG, true, 5, mask, BYTES_LIT("\x8a\x85\x37\xfa\x21\x3d")},
		{WS_CLOSE, true, 0, NULL, BYTES_LIT("\x88\x00")},
		{WS_BINARY, true, 125, NULL, BYTES_LIT("\x82\x7d")},
		{WS_BINARY, true, 126, NULL, BYTES_LIT("\x82\x7e\x00\x7e")},
		{WS_BINARY, true, 256, NULL, BYTES_LIT("\x82\x7e\x01\x00")},
		{WS_BINARY, true, 65535, mask, BYTES_LIT("\x82\xfe\xff\xff\x37\xfa\x21\x3d")},
		{WS_BINARY, true, 65536, NULL, BYTES_LIT("\x82\x7f\0\0\0\0\0\x01\0\0")},
		{WS_BINARY, false, INT64_MAX, mask,
			BYTES_LIT("\x02\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x37\xfa\x21\x3d")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char out[WS_HEADER_MAX];
		size_t size = ws_write_header(
			out, wanted[i].opcode, wanted[i].fin, wanted[i].len, wanted[i].mask);

		assert_int_equal(size, wanted[i].header.len);
		assert_memory_equal(out, wanted[i].header.ptr, size);
		assert_int_equal(ws_header_size(wanted[i].len, wanted[i].mask != NULL), size);
	}
}

/* Against one byte at a time, at each offset and length. */
static void test_mask(void **state)
{
	const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	char hello[] = "Hello";

	(void)state;
	ws_mask(hello, 5, mask, 0);
	assert_memory_equal(hello, "\x7f\x9f\x4d\x51\x58", 5);
	for (size_t len = 0; len < 40; len++) {
		for (size_t offset = 0; offset < 9; offset++) {
			char *data = malloc(len + 1);

			assert_non_null(data);
			for (size_t i = 0; i < len; i++) {
				data[1 + i] = (char)(i * 7);
			}
			ws_mask(data + 1, len, mask, offset);
			for (size_t i = 0; i < len; i++) {
				assert_int_equal(
					data[1 + i], (char)((i * 7) ^ mask[(i + offset) % 4]));
			}
			free(data);
		}
	}
	ws_mask(NULL, 0, mask, 3);
}

static void test_close_codes(void **state)
{
	(void)state;
	for (unsigned code = 0; code <= 65535; code++) {
		bool good = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
			    (code >= 3000 && code <= 4999);

		assert_int_equal(ws_close_code_valid((uint16_t)code), good);
	}
	/* Named in the RFC or seen to be refused. */
	assert_false(ws_close_code_valid(999));
	assert_false(ws_close_code_valid(1004));
	assert_false(ws_close_code_valid(1005));
	assert_false(ws_close_code_valid(1006));
	assert_false(ws_close_code_valid(1015));
	assert_false(ws_close_code_valid(2999));
	assert_false(ws_close_code_valid(5000));
}

static void test_close_payload(void **state)
{
	char out[WS_CONTROL_MAX];
	char reason[200];

	(void)state;
	assert_int_equal(ws_write_close(out, 1000, BYTES_NONE), 2);
	assert_memory_equal(out, "\x03\xe8", 2);
	assert_int_equal(ws_write_close(out, 4999, BYTES_LIT("bye")), 5);
	assert_memory_equal(out,
		"\x13\x87"
		"bye",
		5);
	memset(reason, 'x', sizeof(reason));
	assert_int_equal(ws_write_close(out, 1002, bytes_of(reason, 123)), 125);
	assert_int_equal(ws_write_close(out, 1002, bytes_of(reason, 124)), 125);
	/* A character of three bytes that would reach beyond is left out as a whole. */
	memcpy(reason + 121, "\xe2\x82\xac", 3);
	assert_int_equal(ws_write_close(out, 1002, bytes_of(reason, 200)), 2 + 121);
	memcpy(reason + 120, "\xe2\x82\xacx", 4);
	assert_int_equal(ws_write_close(out, 1002, bytes_of(reason, 200)), 2 + 123);
}

static void test_keys(void **state)
{
	char accept[WS_ACCEPT_SIZE];
	char one[WS_KEY_SIZE], two[WS_KEY_SIZE];

	(void)state;
	/* RFC 6455 section 1.3 */
	assert_true(ws_key_valid(BYTES_LIT("dGhlIHNhbXBsZSBub25jZQ==")));
	ws_accept_key(BYTES_LIT("dGhlIHNhbXBsZSBub25jZQ=="), accept);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	/* Section 4.1, with bits set behind the last byte, and without */
	assert_true(ws_key_valid(BYTES_LIT("AQIDBAUGBwgJCgsMDQ4PEC==")));
	assert_true(ws_key_valid(BYTES_LIT("AQIDBAUGBwgJCgsMDQ4PEA==")));
	assert_true(ws_key_valid(BYTES_LIT("+/+/+/+/+/+/+/+/+/+/+w==")));
	assert_false(ws_key_valid(BYTES_NONE));
	assert_false(ws_key_valid(BYTES_LIT("dGhlIHNhbXBsZSBub25jZQ=")));
	assert_false(ws_key_valid(BYTES_LIT("dGhlIHNhbXBsZSBub25jZQ")));
	assert_false(ws_key_valid(BYTES_LIT("dGhlIHNhbXBsZSBub25jZQ===")));
	assert_false(ws_key_valid(BYTES_LIT("dGhlIHNhbXBsZSBub25jZSE=")));
	assert_false(ws_key_valid(BYTES_LIT("dGhlIHNhbXBsZSBub25jZSEh")));
	assert_false(ws_key_valid(BYTES_LIT("dGhlIHNhbXBsZSBub25j_Q==")));
	assert_false(ws_key_valid(BYTES_LIT("dGhlIHNhbXBsZSBub25jZ===")));
	assert_false(ws_key_valid(BYTES_LIT("dGhlIHNhbXBsZSBub25jZQ=x")));
	assert_false(ws_key_valid(BYTES_LIT("dGhlIHNhbXBsZSBub25jZ{==")));
	ws_make_key(one);
	ws_make_key(two);
	assert_true(ws_key_valid(bytes_str(one)));
	assert_true(ws_key_valid(bytes_str(two)));
	assert_string_not_equal(one, two);
}

/* What a client writes is what the server's reader gives back. */
static void test_round_trip(void **state)
{
	const uint8_t mask[4] = {1, 2, 3, 4};
	const size_t sizes[] = {0, 1, 125, 126, 65535, 65536};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char header[WS_HEADER_MAX];
		size_t size = ws_write_header(header, WS_BINARY, true, sizes[i], mask);
		size_t len = size + sizes[i];
		char *frame = malloc(len), *data = frame;
		struct ws_reader reader;
		struct ws_event event;

		assert_non_null(frame);
		memcpy(frame, header, size);
		memset(frame + size, 'q', sizes[i]);
		ws_mask(frame + size, sizes[i], mask, 0);
		ws_reader_init(&reader, WS_SERVER, 65536);
		assert_int_equal(ws_reader_next(&reader, &data, &len, &event), 0);
		assert_true(event.message_end);
		assert_int_equal(event.payload.len, sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++) {
			assert_int_equal(event.payload.ptr[k], 'q');
		}
		assert_int_equal(ws_reader_next(&reader, &data, &len, &event), ERR_AGAIN);
		assert_true(ws_reader_idle(&reader));
		ws_reader_finish(&reader);
		free(frame);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_close_codes),
		cmocka_unit_test(test_close_payload),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
