#include "chatd/auth/jwks.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "chatd/auth/jwk.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/value/json.h"

#define REFRESH_S 600
#define REFRESH_MIN_S 60
#define REFRESH_MAX_S (24 * 60 * 60)

struct jwks {
	atomic_uint refs;
	size_t count, left_out;
	struct jwk *keys[]; /* count of them */
};

static int refuse(char *why, const char *sentence)
{
	if (why != NULL) {
		snprintf(why, JWKS_WHY_SIZE, "%s", sentence);
	}
	return ERR_BAD_REQUEST;
}

/* The members of "keys". 0, or ERR_BAD_REQUEST. */
static int find_keys(const struct value *root, const struct value **ret_keys, char *why)
{
	const struct value *keys = value_get(root, "keys");
	if (keys == NULL || keys->kind != VALUE_ARRAY) {
		return refuse(why, "it has no array \"keys\"");
	}
	if (keys->count > JWKS_KEYS_MAX) {
		return refuse(why, "it has too many keys");
	}
	for (uint32_t i = 0; i < keys->count; i++) {
		if (keys->items[i].kind != VALUE_OBJECT) {
			return refuse(why, "one of its keys is no object");
		}
	}
	*ret_keys = keys;
	return 0;
}

static struct jwks *make_set(const struct value *keys)
{
	struct jwks *set = mem_zalloc(sizeof(*set) + keys->count * sizeof(set->keys[0]));
	atomic_init(&set->refs, 1);
	for (uint32_t i = 0; i < keys->count; i++) {
		struct jwk *key = jwk_read(&keys->items[i]);
		if (key != NULL) {
			set->keys[set->count++] = key;
		} else {
			set->left_out++;
		}
	}
	return set;
}

int jwks_parse(struct bytes text, struct jwks **ret_set, char *why)
{
	if (text.len > JWKS_SIZE_MAX) {
		return refuse(why, "it is too long");
	}
	struct arena *arena = arena_create(0);
	struct value root;
	const struct value *keys = NULL;
	int err;
	if (json_read_unique(arena, text, &root, NULL) != 0) {
		err = refuse(why, "it is not valid JSON");
	} else {
		err = find_keys(&root, &keys, why);
	}
	if (err == 0) {
		*ret_set = make_set(keys);
	}
	arena_destroy(&arena);
	return err;
}

struct jwks *jwks_ref(struct jwks *set)
{
	if (set != NULL) {
		atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	}
	return set;
}

void jwks_unref(struct jwks **set)
{
	struct jwks *gone = *set;
	*set = NULL;
	if (gone == NULL) {
		return;
	}
	unsigned before = atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before > 1) {
		return;
	}
	for (size_t i = 0; i < gone->count; i++) {
		jwk_destroy(&gone->keys[i]);
	}
	free(gone);
}

size_t jwks_count(const struct jwks *set)
{
	return set->count;
}

size_t jwks_left_out(const struct jwks *set)
{
	return set->left_out;
}

uint64_t jwks_refresh_s(struct bytes cache_control)
{
	const struct bytes name = BYTES_LIT("max-age=");
	struct bytes rest = cache_control;
	while (rest.len > 0) {
		struct bytes directive = bytes_trim(bytes_split(&rest, ','));
		unsigned long long seconds;
		if (!bytes_starts_nocase(directive, name) ||
			bytes_to_u64(bytes_of(directive.ptr + name.len, directive.len - name.len),
				&seconds) != 0) {
			continue;
		}
		return seconds < REFRESH_MIN_S	 ? REFRESH_MIN_S
		       : seconds > REFRESH_MAX_S ? REFRESH_MAX_S
						 : seconds;
	}
	return REFRESH_S;
}

/* An empty name is nobody's: keys without one are for tokens without one. */
static bool is_called(const struct jwk *key, struct bytes kid)
{
	return kid.len > 0 && bytes_eq(jwk_kid(key), kid);
}

enum jwks_verdict jwks_verify(const struct jwks *set, const char *algorithm, struct bytes kid,
	struct bytes input, struct bytes signature)
{
	unsigned tries = 0;
	bool named = kid.ptr != NULL;
	for (size_t i = 0; i < set->count && tries < JWKS_TRIES_MAX; i++) {
		const struct jwk *key = set->keys[i];
		if (!jwk_fits(key, algorithm) || (named && !is_called(key, kid))) {
			continue;
		}
		tries++;
		if (jwk_verify(key, algorithm, input, signature)) {
			return JWKS_GOOD;
		}
	}
	/* Without a name it may be of a key that the set does not have yet. */
	return named && tries > 0 ? JWKS_BAD : JWKS_UNKNOWN;
}
