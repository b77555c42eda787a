#include "lib/base/ident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/err.h"

static struct uuid parse(const char *text)
{
	struct uuid id;
	assert_int_equal(uuid_parse(bytes_str(text), &id), 0);
	return id;
}

static void assert_uuid(const struct uuid *id, const char *expected)
{
	char text[UUID_TEXT_SIZE];
	uuid_format(id, text);
	assert_string_equal(text, expected);
}

static void test_text(void **state)
{
	static const char *const bad[] = {"", "00112233445566778899aabbccddeeff",
		"{00112233-4455-6677-8899-aabbccddeeff}", "00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeeff0", "00112233-4455-6677-8899-aabbccddeefg",
		"001122334-455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddee f",
		"00112233_4455_6677_8899_aabbccddeeff", "0011223344-55-6677-8899-aabbccddeeff"};
	struct uuid id = parse("00112233-4455-6677-8899-AaBbCcDdEeFf");
	(void)state;
	assert_uuid(&id, "00112233-4455-6677-8899-aabbccddeeff");
	for (int i = 0; i < 16; i++) {
		assert_int_equal(id.b[i], i * 0x11);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct uuid same = id;
		assert_int_equal(uuid_parse(bytes_str(bad[i]), &same), ERR_BAD_REQUEST);
		assert_true(uuid_eq(&same, &id));
	}
	struct uuid nil = parse("00000000-0000-0000-0000-000000000000");
	assert_true(uuid_is_nil(&nil));
	assert_false(uuid_is_nil(&id));
	nil.b[15] = 1;
	assert_false(uuid_is_nil(&nil));
	assert_int_equal(uuid_bytes(&id).len, 16);
}

static void test_random(void **state)
{
	struct uuid first, id;
	uint8_t seen_or[16] = {0};
	(void)state;
	uuid_random(&first);
	for (int i = 0; i < 1000; i++) {
		uuid_random(&id);
		assert_false(uuid_eq(&first, &id));
		assert_int_equal(id.b[6] >> 4, 4);
		assert_int_equal(id.b[8] >> 6, 2);
		for (int b = 0; b < 16; b++) {
			seen_or[b] |= id.b[b];
		}
	}
	/* Every bit that is free was set at some time. */
	for (int b = 0; b < 16; b++) {
		assert_int_equal(seen_or[b], b == 6 ? 0x4f : b == 8 ? 0xbf : 0xff);
	}
}

static void test_v5(void **state)
{
	struct uuid dns = parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
	struct uuid id;
	(void)state;
	/* RFC 9562 appendix A.4 */
	uuid_v5(&dns, BYTES_LIT("www.example.com"), &id);
	assert_uuid(&id, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

static void test_user(void **state)
{
	struct uuid id;
	(void)state;
	ident_user(BYTES_LIT("alice"), &id);
	assert_uuid(&id, "f138596d-e62a-56f2-9a60-2b436574c9e2");
	ident_user(BYTES_LIT("00112233-4455-6677-8899-AABBCCDDEEFF"), &id);
	assert_uuid(&id, "00112233-4455-6677-8899-aabbccddeeff");
}

static uint64_t v7_ms(const struct uuid *id)
{
	return ident_message_seq(id);
}

static void test_v7(void **state)
{
	const int64_t ms = 0x017f22e279b0; /* RFC 9562 appendix A.6 */
	struct uuid before = {{0}}, id;
	(void)state;
	for (int i = 0; i < 10000; i++) {
		uuid_v7(ms, &id);
		assert_true(v7_ms(&id) == (uint64_t)ms);
		assert_int_equal(id.b[6] >> 4, 7);
		assert_int_equal(id.b[8] >> 6, 2);
		assert_true(memcmp(before.b, id.b, 16) < 0);
		before = id;
	}
	uuid_v7(ms + 1, &id);
	assert_true(v7_ms(&id) == (uint64_t)ms + 1);
	assert_true(memcmp(before.b, id.b, 16) < 0);
	/* The clock may step back: the time given is what stands in it. */
	uuid_v7(ms - 1000, &id);
	assert_true(v7_ms(&id) == (uint64_t)ms - 1000);
}

/* Bit by bit as DESIGN says, by another way than the code's. */
static void message_by_bits(
	const struct uuid *room, const char *epoch, uint64_t seq, struct uuid *ret_id)
{
	const struct bytes parts[] = {uuid_bytes(room), bytes_of(epoch, 16)};
	uint8_t hash[32];
	int taken = 0;
	digest_sha256_parts(parts, 2, hash);
	memset(ret_id, 0, sizeof(*ret_id));
	for (int bit = 0; bit < 128; bit++) {
		bool one;
		if (bit < 48) {
			one = (seq >> (47 - bit) & 1) != 0;
		} else if (bit < 52) {
			one = bit == 48; /* version 8 */
		} else if (bit == 64 || bit == 65) {
			one = bit == 64; /* variant */
		} else {
			one = (hash[taken / 8] >> (7 - taken % 8) & 1) != 0;
			taken++;
		}
		ret_id->b[bit / 8] |= (uint8_t)(one ? 0x80 >> bit % 8 : 0);
	}
	assert_int_equal(taken, 74);
}

static void test_message(void **state)
{
	static const uint64_t seqs[] = {1, 2, 255, 256, 0x0102030405, 0xffffffffffff};
	const char *epoch = "0123456789abcdef";
	struct uuid room = parse("00112233-4455-6677-8899-aabbccddeeff");
	struct uuid id, expected;
	(void)state;
	ident_message(&room, epoch, 0x0102030405, &id);
	assert_uuid(&id, "00010203-0405-8aae-8bf1-666f89dedd84");
	for (size_t i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++) {
		for (int r = 0; r < 50; r++) {
			uuid_random(&room);
			ident_message(&room, epoch, seqs[i], &id);
			message_by_bits(&room, epoch, seqs[i], &expected);
			assert_true(uuid_eq(&id, &expected));
			assert_true(ident_message_seq(&id) == seqs[i]);
		}
	}
	ident_message(&room, "0123456789abcdee", 1, &expected);
	ident_message(&room, epoch, 1, &id);
	assert_false(uuid_eq(&id, &expected));
}

static void test_random_bytes(void **state)
{
	uint8_t a[1000] = {0}, b[1000] = {0};
	(void)state;
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 984, (uint8_t[16]){0}, 16);
	random_bytes(a, 0);
}

/* One in 64 would. */
static void test_no_option(void **state)
{
	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct uuid id;
		ident_random(&id);
		assert_int_not_equal(id.b[0] >> 2, 62);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_no_option),
		cmocka_unit_test(test_v5),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_v7),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_random_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
