#include "tests/bench/bench_fill.h"

#include <stdio.h>

#include "lib/base/digest.h"

static void id_of(struct bytes name, struct uuid *ret_id)
{
	uint8_t hash[32];

	digest_sha256(name, hash);
	memcpy(ret_id->b, hash, sizeof(ret_id->b));
}

void bench_fill_room(size_t number, struct uuid *ret_id)
{
	char name[40];
	int len = snprintf(name, sizeof(name), "room %zu", number);

	id_of(bytes_of(name, (size_t)len), ret_id);
}

void bench_fill_member(struct uuid *ret_id)
{
	id_of(BYTES_LIT("user"), ret_id);
}

uint64_t bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
