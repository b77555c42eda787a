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
		if (conf_keys[i].type == CONF_SECRET) {
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
