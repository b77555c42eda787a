#include "lib/conf/conf.h"

#include <assert.h>

#include "lib/base/arena.h"
#include "lib/conf/load.h"
#include "lib/conf/loader.h"

struct conf *conf_ref(struct conf *conf)
{
	__atomic_add_fetch(&conf->references, 1, __ATOMIC_RELAXED);
	return conf;
}

void conf_unref(struct conf **conf)
{
	struct conf *old = *conf;
	*conf = NULL;
	if (old == NULL) {
		return;
	}
	unsigned held = __atomic_fetch_sub(&old->references, 1, __ATOMIC_ACQ_REL);
	assert(held > 0);
	if (held > 1) {
		return;
	}
	for (size_t i = 0; i < conf_key_count; i++) {
		if (conf_key_holds_secret(&conf_keys[i])) {
			/* On our own arena, and nobody sees it any more. */
			char *text = *(char **)conf_field(old, &conf_keys[i]);
			mem_wipe(text, strlen(text));
		}
	}
	struct arena *arena = old->arena; /* old lies on it */
	arena_destroy(&arena);
}

static bool same_list(const struct conf_list *a, const struct conf_list *b)
{
	bool same = a->count == b->count;
	for (size_t i = 0; same && i < a->count; i++) {
		same = strcmp(a->items[i], b->items[i]) == 0;
	}
	return same;
}

bool conf_same(const struct conf *a, const struct conf *b, const struct conf_key *key)
{
	const void *left = conf_field(a, key);
	const void *right = conf_field(b, key);
	switch (key->type) {
	case CONF_INT:
	case CONF_SIZE:
	case CONF_DURATION:
		return *(const uint64_t *)left == *(const uint64_t *)right;
	case CONF_BOOL:
		return *(const bool *)left == *(const bool *)right;
	case CONF_ENUM:
		return *(const int *)left == *(const int *)right;
	case CONF_LIST:
	case CONF_ADDRESSES:
		return same_list(left, right);
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_URL:
	case CONF_SECRET:
	case CONF_PEM:
		return strcmp(*(const char *const *)left, *(const char *const *)right) == 0;
	}
	return false;
}

static struct conf_list copy_list(struct arena *arena, const struct conf_list *list)
{
	const char **items = arena_alloc(arena, (list->count + 1) * sizeof(*items));
	for (size_t i = 0; i < list->count; i++) {
		items[i] = arena_strdup(arena, list->items[i]);
	}
	return (struct conf_list){.items = items, .count = list->count};
}

static void keep_value(struct conf *fresh, const struct conf *old, const struct conf_key *key)
{
	void *to = conf_field(fresh, key);
	const void *from = conf_field(old, key);
	switch (key->type) {
	case CONF_INT:
	case CONF_SIZE:
	case CONF_DURATION:
		*(uint64_t *)to = *(const uint64_t *)from;
		return;
	case CONF_BOOL:
		*(bool *)to = *(const bool *)from;
		return;
	case CONF_ENUM:
		*(int *)to = *(const int *)from;
		return;
	case CONF_LIST:
	case CONF_ADDRESSES:
		*(struct conf_list *)to = copy_list(fresh->arena, from);
		return;
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_URL:
	case CONF_SECRET:
	case CONF_PEM:
		*(const char **)to = arena_strdup(fresh->arena, *(const char *const *)from);
		return;
	}
}

void conf_keep(struct conf *fresh, const struct conf *old, const struct conf_key *key)
{
	struct conf_origin *origin = &fresh->origins[key - conf_keys];
	keep_value(fresh, old, key);
	*origin = *conf_origin_of(old, key);
	if (origin->place != NULL) {
		origin->place = arena_strdup(fresh->arena, origin->place);
	}
	if (origin->text != NULL) {
		origin->text = arena_strdup(fresh->arena, origin->text);
	}
}
