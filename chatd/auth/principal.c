#include "chatd/auth/principal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "chatd/auth/jwt.h"
#include "lib/base/digest.h"
#include "lib/base/list.h"
#include "lib/base/map.h"

/* ---- principal ---- */

static struct bytes place(char **space, struct bytes text)
{
	struct bytes copy = bytes_of(*space, text.len);
	if (text.len > 0) {
		memcpy(*space, text.ptr, text.len);
	}
	(*space)[text.len] = '\0';
	*space += text.len + 1;
	return copy;
}

struct principal *principal_create(const struct principal *from)
{
	struct bytes name = from->display_name.len > 0 ? from->display_name : from->identity;
	size_t size = sizeof(struct principal) + from->role_count * sizeof(struct bytes);
	size_t roles_at = sizeof(struct principal);
	size_t texts_at = size;
	size += from->identity.len + 1 + name.len + 1;
	for (size_t i = 0; i < from->role_count; i++) {
		size += from->roles[i].len + 1;
	}

	/* One block: the struct, the views of the roles, all texts. */
	char *block = mem_zalloc(size);
	struct principal *principal = (void *)block;
	struct bytes *roles = (void *)(block + roles_at);
	char *space = block + texts_at;
	principal->identity = place(&space, from->identity);
	principal->display_name = place(&space, name);
	for (size_t i = 0; i < from->role_count; i++) {
		roles[i] = place(&space, from->roles[i]);
	}
	principal->roles = roles;
	principal->role_count = from->role_count;
	principal->expires_ms = from->expires_ms;
	principal->issued_ms = from->issued_ms;
	principal->admin = from->admin;
	principal->refs = 1;
	ident_user(principal->identity, &principal->user_id);
	return principal;
}

struct principal *principal_ref(struct principal *principal)
{
	principal->refs++;
	return principal;
}

void principal_unref(struct principal **principal)
{
	if (*principal != NULL) {
		assert((*principal)->refs > 0);
		if (--(*principal)->refs == 0) {
			free(*principal);
		}
		*principal = NULL;
	}
}

bool principal_has_role(const struct principal *principal, struct bytes role)
{
	for (size_t i = 0; i < principal->role_count; i++) {
		if (bytes_eq(principal->roles[i], role)) {
			return true;
		}
	}
	return false;
}

/* ---- cache ---- */

struct cache_entry {
	struct map_node map_node;
	struct list_node used_node;
	uint8_t hash[32];
	struct principal *principal;
};

struct principal_cache {
	struct map map; /* by hash */
	struct list used; /* the least recently used first */
	size_t capacity;
	struct jwt_verifier *verifier; /* a reference: its address stays its own while we compare */
};

static struct bytes entry_key(const struct map_node *node)
{
	const struct cache_entry *entry = CONTAINER_OF(node, const struct cache_entry, map_node);
	return bytes_of(entry->hash, sizeof(entry->hash));
}

static void entry_drop(struct principal_cache *cache, struct cache_entry *entry)
{
	map_remove(&cache->map, &entry->map_node);
	list_remove(&entry->used_node);
	principal_unref(&entry->principal);
	free(entry);
}

static struct cache_entry *oldest(struct principal_cache *cache)
{
	struct list_node *node = list_first(&cache->used);
	return node == NULL ? NULL : CONTAINER_OF(node, struct cache_entry, used_node);
}

static void entry_add(
	struct principal_cache *cache, const uint8_t hash[32], struct principal *principal)
{
	if (cache->map.count >= cache->capacity) {
		entry_drop(cache, oldest(cache));
	}
	struct cache_entry *entry = mem_zalloc(sizeof(*entry));
	memcpy(entry->hash, hash, sizeof(entry->hash));
	entry->principal = principal_ref(principal);
	map_insert(&cache->map, &entry->map_node);
	list_append(&cache->used, &entry->used_node);
}

/* The principal of a living entry, or NULL. */
static struct principal *entry_find(
	struct principal_cache *cache, const uint8_t hash[32], int64_t now_ms)
{
	struct map_node *node = map_find(&cache->map, bytes_of(hash, 32));
	if (node == NULL) {
		return NULL;
	}
	struct cache_entry *entry = CONTAINER_OF(node, struct cache_entry, map_node);
	if (now_ms >= entry->principal->expires_ms) {
		entry_drop(cache, entry);
		return NULL;
	}
	list_remove(&entry->used_node);
	list_append(&cache->used, &entry->used_node);
	return entry->principal;
}

static void use_verifier(struct principal_cache *cache, struct jwt_verifier *verifier)
{
	if (cache->verifier != verifier) {
		principal_cache_clear(cache);
		jwt_verifier_unref(&cache->verifier);
		cache->verifier = jwt_verifier_ref(verifier);
	}
}

struct principal_cache *principal_cache_create(size_t capacity)
{
	assert(capacity > 0);
	struct principal_cache *cache = mem_zalloc(sizeof(*cache));
	map_init(&cache->map, entry_key);
	list_init(&cache->used);
	cache->capacity = capacity;
	return cache;
}

void principal_cache_destroy(struct principal_cache **cache)
{
	if (*cache == NULL) {
		return;
	}
	principal_cache_clear(*cache);
	map_finish(&(*cache)->map);
	jwt_verifier_unref(&(*cache)->verifier);
	free(*cache);
	*cache = NULL;
}

int principal_cache_verify(struct principal_cache *cache, struct jwt_verifier *verifier,
	struct bytes token, int64_t now_ms, struct principal **ret_principal, char *why)
{
	uint8_t hash[32];
	use_verifier(cache, verifier);
	if (token.len > JWT_TOKEN_MAX) {
		/* Not worth hashing; the text of the refusal is the verifier's. */
		return jwt_verify(verifier, token, now_ms, ret_principal, why);
	}
	digest_sha256(token, hash);
	struct principal *principal = entry_find(cache, hash, now_ms);
	if (principal != NULL) {
		*ret_principal = principal_ref(principal);
		return 0;
	}
	int err = jwt_verify(verifier, token, now_ms, &principal, why);
	if (err != 0) {
		return err;
	}
	entry_add(cache, hash, principal);
	*ret_principal = principal;
	return 0;
}

bool principal_cache_has(struct principal_cache *cache, struct jwt_verifier *verifier,
	struct bytes token, int64_t now_ms)
{
	uint8_t hash[32];
	use_verifier(cache, verifier);
	if (token.len > JWT_TOKEN_MAX) {
		return false;
	}
	digest_sha256(token, hash);
	return entry_find(cache, hash, now_ms) != NULL;
}

void principal_cache_clear(struct principal_cache *cache)
{
	struct cache_entry *entry;
	while ((entry = oldest(cache)) != NULL) {
		entry_drop(cache, entry);
	}
}

size_t principal_cache_count(const struct principal_cache *cache)
{
	return cache->map.count;
}
