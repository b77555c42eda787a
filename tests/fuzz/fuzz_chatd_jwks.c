/* Key sets of identity providers: whatever comes, what is taken can be asked. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "chatd/auth/jwks.h"
#include "lib/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const algorithms[] = {"RS256", "RS384", "RS512", "ES256", "none"};
	const struct bytes input = BYTES_LIT("header.claims");
	struct jwks *set = NULL;
	char why[JWKS_WHY_SIZE] = "";
	int err = jwks_parse(bytes_of(data, size), &set, why);
	if (err != 0) {
		assert(err == ERR_BAD_REQUEST && set == NULL && why[0] != '\0');
		return 0;
	}
	assert(jwks_count(set) + jwks_left_out(set) <= JWKS_KEYS_MAX);
	struct bytes signature = bytes_of(data, size < 64 ? size : 64);
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		assert(jwks_verify(set, algorithms[i], BYTES_NONE, input, signature) ==
			JWKS_UNKNOWN);
		assert(jwks_verify(set, algorithms[i], BYTES_LIT("1"), input, signature) !=
			JWKS_GOOD);
	}
	jwks_unref(&set);
	return 0;
}
