#include "lib/base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void assert_hex(const uint8_t *hash, size_t len, const char *expected)
{
	char hex[65];
	for (size_t i = 0; i < len; i++) {
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	}
	assert_string_equal(hex, expected);
}

/* FIPS 180-4 examples. */
static void test_sha(void **state)
{
	uint8_t hash[32];
	(void)state;
	digest_sha1(BYTES_LIT("abc"), hash);
	assert_hex(hash, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
	digest_sha1(BYTES_NONE, hash);
	assert_hex(hash, 20, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	digest_sha256(BYTES_LIT("abc"), hash);
	assert_hex(hash, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_sha256(BYTES_NONE, hash);
	assert_hex(hash, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_parts(void **state)
{
	const struct bytes parts[] = {BYTES_LIT("a"), BYTES_NONE, BYTES_LIT("b"), BYTES_LIT("c")};
	uint8_t hash[32];
	(void)state;
	digest_sha256_parts(parts, 4, hash);
	assert_hex(hash, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_sha256_parts(NULL, 0, hash);
	assert_hex(hash, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231 sections 4.2, 4.3 and 4.7. */
static void test_hmac(void **state)
{
	char key[131];
	uint8_t mac[32];
	(void)state;
	memset(key, 0x0b, 20);
	digest_hmac_sha256(bytes_of(key, 20), BYTES_LIT("Hi There"), mac);
	assert_hex(mac, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	digest_hmac_sha256(BYTES_LIT("Jefe"), BYTES_LIT("what do ya want for nothing?"), mac);
	assert_hex(mac, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 131);
	digest_hmac_sha256(bytes_of(key, 131),
		BYTES_LIT("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
	assert_hex(mac, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	/* Empty key and text: not those of the call before. */
	digest_hmac_sha256(BYTES_NONE, BYTES_NONE, mac);
	assert_hex(mac, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_equal(void **state)
{
	(void)state;
	assert_true(digest_equal("abc", "abc", 3));
	assert_false(digest_equal("abc", "abd", 3));
	assert_false(digest_equal("abc", "xbc", 3));
	assert_true(digest_equal("abc", "xyz", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_equal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
