/* What the fake store keeps, and what its calls do to it. For fake_store.c and fake_tables.c only.
 */
#ifndef TESTS_UNIT_FAKE_TABLES_H
#define TESTS_UNIT_FAKE_TABLES_H

#include "lib/base/list.h"
#include "tests/unit/fake_store.h"

#define FAKE_HELD_MAX 4096
#define FAKE_ROOMS_MAX 64
#define FAKE_MEMBERS_MAX 64

struct fake_message {
	struct message_row row; /* its texts are owned */
	uint8_t client_key[16], body_hash[8];
	bool purged;
};

struct fake_room {
	struct room_row row; /* its texts are owned */
	struct fake_message *messages; /* number n is at n - 1 */
	size_t message_cap;
	struct member_row members[FAKE_MEMBERS_MAX];
	size_t member_count;
};

struct fake_held {
	struct store_call *call;
	enum fake_kind kind;
	bool is_done; /* it has taken effect: call->err is set */
};

struct fake_store {
	struct store base; /* first */
	char epochs[1][17];
	struct fake_room *rooms[FAKE_ROOMS_MAX];
	size_t room_count;
	struct fake_held held[FAKE_HELD_MAX];
	size_t count;
	size_t calls[FAKE_USER_OPEN + 1];
	int refuse;
};

static inline struct fake_store *fake_of(struct store *store)
{
	return CONTAINER_OF(store, struct fake_store, base);
}

/* What the call asks for; answers its error. */
int fake_do(struct fake_store *fake, const struct fake_held *held);
void fake_tables_free(struct fake_store *fake);

#endif
