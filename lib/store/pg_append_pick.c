/* Which messages go together. */
#include <stdlib.h>

#include "lib/base/map.h"
#include "lib/store/pg_append_parts.h"

/* So many refs that wait are looked at for one batch: bounds what a run of twins costs. */
enum { LOOK_MAX = 1024 };
/* What a message weighs beside what its sender decided. */
enum { ITEM_WEIGHT = 128 };

/* ---- small sets that are emptied at no cost ---- */

enum { SET_SLOTS = 2 * LOOK_MAX }; /* a power of two */

enum set_key { BY_ROOM, BY_CLIENT_KEY, BY_IMPORTED_ID };

struct item_set {
	enum set_key key; /* all but BY_ROOM: within a room */
	uint32_t round; /* slots of other rounds are empty */
	struct {
		uint32_t round;
		const struct append_item *item;
	} slots[SET_SLOTS];
};

struct key {
	uint8_t b[32];
};

static struct key key_of(const struct item_set *set, const struct append_item *item)
{
	struct key key = {{0}};

	memcpy(key.b, item->room.b, 16);
	if (set->key == BY_CLIENT_KEY) {
		memcpy(key.b + 16, item->client_key, 16);
	} else if (set->key == BY_IMPORTED_ID) {
		memcpy(key.b + 16, item->imported_id.b, 16);
	}
	return key;
}

static void set_clear(struct item_set *set)
{
	set->round++;
	if (set->round == 0) {
		memset(set->slots, 0, sizeof(set->slots));
		set->round = 1;
	}
}

/* Its slot, or the empty one that it would have. At most half of the slots are ever used. */
static size_t set_find(const struct item_set *set, const struct append_item *item)
{
	struct key key = key_of(set, item);
	size_t at = map_hash(bytes_of(key.b, sizeof(key.b))) & (SET_SLOTS - 1);

	while (set->slots[at].round == set->round) {
		struct key other = key_of(set, set->slots[at].item);
		if (memcmp(key.b, other.b, sizeof(key.b)) == 0) {
			break;
		}
		at = (at + 1) & (SET_SLOTS - 1);
	}
	return at;
}

static bool set_has(const struct item_set *set, const struct append_item *item)
{
	return set->slots[set_find(set, item)].round == set->round;
}

/* false: there was one already. */
static bool set_add(struct item_set *set, const struct append_item *item)
{
	size_t at = set_find(set, item);

	if (set->slots[at].round == set->round) {
		return false;
	}
	set->slots[at].round = set->round;
	set->slots[at].item = item;
	return true;
}

/* ---- the picker ---- */

struct pg_picker {
	struct item_set held; /* rooms of which nothing more may go */
	struct item_set keys, ids; /* of the batch */
	bool holds; /* any room */
};

struct pg_picker *pg_picker_create(void)
{
	struct pg_picker *picker = mem_zalloc(sizeof(*picker));

	picker->held.key = BY_ROOM;
	picker->keys.key = BY_CLIENT_KEY;
	picker->ids.key = BY_IMPORTED_ID;
	return picker;
}

void pg_picker_destroy(struct pg_picker **picker)
{
	free(*picker);
	*picker = NULL;
}

static enum pg_batch_kind kind_of(const struct append_item *item)
{
	if (item->imported) {
		return PG_BATCH_IMPORTS;
	}
	bool change = item->type == MESSAGE_EDIT || item->type == MESSAGE_DELETE;
	return change ? PG_BATCH_CHANGES : PG_BATCH_PLAIN;
}

static size_t weight_of(const struct append_item *item)
{
	return ITEM_WEIGHT + item->client_message_id.len + item->content.len + item->nonce.len +
	       item->auth_tag.len + item->attachment.len;
}

static bool is_full(const struct pg_batch *batch, const struct pg_pick_bounds *bounds,
	const struct append_item *item)
{
	if (batch->count == 0) {
		return false;
	}
	size_t most = batch->kind == PG_BATCH_CHANGES ? PG_BATCH_ENTRIES : PG_BATCH_MAX;
	return batch->count >= most || batch->count >= bounds->count ||
	       batch->bytes + weight_of(item) > PG_BATCH_BYTES;
}

static bool is_stuck(const struct pg_stuck *stuck, const struct append_item *item)
{
	for (size_t i = 0; i < stuck->count; i++) {
		if (uuid_eq(&stuck->rooms[i], &item->room)) {
			return true;
		}
	}
	return false;
}

/* A statement cannot see its own rows: the second of twins would fail all of it. */
static bool is_twin(
	struct pg_picker *picker, const struct pg_batch *batch, const struct append_item *item)
{
	if (batch->kind == PG_BATCH_CHANGES) {
		return false;
	}
	bool twin = !set_add(&picker->keys, item);
	if (batch->kind == PG_BATCH_IMPORTS && !set_add(&picker->ids, item)) {
		twin = true;
	}
	return twin;
}

static int compare(const void *a, const void *b)
{
	const struct append_ref *x = *(struct append_ref *const *)a;
	const struct append_ref *y = *(struct append_ref *const *)b;
	int order = memcmp(x->item->room.b, y->item->room.b, sizeof(x->item->room.b));

	if (order != 0) {
		return order;
	}
	return x < y ? -1 : x > y; /* of one array */
}

static void pick_from(struct pg_picker *picker, struct append_ref *refs, size_t count,
	const struct pg_pick_bounds *bounds, struct pg_batch *batch)
{
	for (size_t i = 0, looked = 0; i < count && looked < LOOK_MAX; i++) {
		const struct append_item *item = refs[i].item;
		if (refs[i].state != REF_WAITING) {
			continue;
		}
		looked++;
		bool stuck = is_stuck(&bounds->stuck, item);
		if (batch->count == 0) {
			batch->kind = kind_of(item);
			batch->impatient = stuck;
		}
		bool one_room = bounds->one_room || batch->impatient;
		if (one_room && batch->count > 0 &&
			!uuid_eq(&item->room, &batch->refs[0]->item->room)) {
			continue;
		}
		if (picker->holds && set_has(&picker->held, item)) {
			continue;
		}
		if (is_full(batch, bounds, item)) {
			return;
		}
		if (kind_of(item) != batch->kind || stuck != batch->impatient ||
			is_twin(picker, batch, item)) {
			set_add(&picker->held, item);
			picker->holds = true;
			continue;
		}
		batch->bytes += weight_of(item);
		batch->refs[batch->count++] = &refs[i];
	}
}

void pg_pick(struct pg_picker *picker, struct append_ref *refs, size_t count,
	const struct pg_pick_bounds *bounds, struct pg_batch *ret_batch)
{
	set_clear(&picker->held);
	set_clear(&picker->keys);
	set_clear(&picker->ids);
	picker->holds = false;
	ret_batch->kind = PG_BATCH_PLAIN;
	ret_batch->impatient = false;
	ret_batch->count = ret_batch->bytes = 0;
	pick_from(picker, refs, count, bounds, ret_batch);
	if (ret_batch->count > 1 && ret_batch->kind != PG_BATCH_CHANGES) {
		qsort(ret_batch->refs, ret_batch->count, sizeof(ret_batch->refs[0]), compare);
	}
}
