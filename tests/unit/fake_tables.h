/* What the fake store keeps, and what its calls do to it. For fake_*.c only. */
#ifndef TESTS_UNIT_FAKE_TABLES_H
#define TESTS_UNIT_FAKE_TABLES_H

#include "lib/base/list.h"
#include "tests/unit/fake_store.h"

#define FAKE_HELD_MAX 4096
#define FAKE_ROOMS_MAX 64
#define FAKE_MEMBERS_MAX 64
#define FAKE_USERS_MAX 256
#define FAKE_CHANGES_MAX 256
#define FAKE_NOW_MS 1700000000000

struct fake_message {
	struct message_row row; /* its texts are owned */
	uint8_t client_key[16], body_hash[8];
	bool purged;
};

struct fake_room {
	struct room_row row; /* its texts are owned */
	struct fake_message *messages; /* number n is at n - 1 */
	size_t message_cap;
	struct member_row members[FAKE_MEMBERS_MAX]; /* identities and names are the users' */
	size_t member_count;
	bool unpaired; /* a Direct room that lost one of its two */
};

struct fake_user {
	struct user_row row; /* its texts are owned */
	bool opened;
	bool erased;
};

struct fake_held {
	struct store_call *call;
	enum fake_kind kind;
	int (*run)(struct fake_store *fake, struct store_call *call);
	bool is_done; /* it has taken effect: call->err is set */
};

struct fake_store {
	struct store base; /* first */
	char epochs[1][17];
	struct fake_room *rooms[FAKE_ROOMS_MAX];
	size_t room_count;
	struct fake_user users[FAKE_USERS_MAX];
	size_t user_count;
	struct fake_held held[FAKE_HELD_MAX];
	size_t count;
	size_t calls[FAKE_KIND_COUNT];
	int refuse;
	bool prompt;
	unsigned sweeps; /* of deleted rooms, that leave something */
	struct store_change changes[FAKE_CHANGES_MAX]; /* that no watch has told yet */
	size_t change_count;
	size_t change_limit; /* of one watch, 0: none */
	bool lost, anew; /* what watch says */
};

static inline struct fake_store *fake_of(struct store *store)
{
	return CONTAINER_OF(store, struct fake_store, base);
}

/* What a call asks for; answers its error. */
#define X(request) int fake_##request(struct fake_store *fake, struct store_##request *req);
STORE_REQUESTS(X)
#undef X

/* ---- texts ---- */

struct bytes fake_own(struct bytes text);
/* Frees the old one. */
void fake_set(struct bytes *text, struct bytes value);

/* ---- rooms ---- */

/* NULL: none. */
struct fake_room *fake_room_of(const struct fake_store *fake, const struct uuid *id);
struct fake_room *fake_room_named(const struct fake_store *fake, struct bytes ref);
struct fake_room *fake_room_make(
	struct fake_store *fake, const struct uuid *id, struct bytes alias);
void fake_room_free(struct fake_room *room);
/* Results lie on the caller's arena, so that one who keeps them too long is found out. */
struct room_row fake_row_for(struct arena *arena, const struct fake_room *room);
struct message_row fake_message_for(struct arena *arena, const struct fake_message *message);

struct member_row *fake_member_of(struct fake_room *room, const struct uuid *user);
enum member_role fake_role_of(struct fake_room *room, const struct uuid *user);
void fake_member_put(struct fake_store *fake, struct fake_room *room, const struct uuid *user,
	struct bytes identity, enum member_role role);
void fake_member_take(struct fake_room *room, struct member_row *member);
/* As struct store_actor says; the operator is an Owner. */
int fake_actor_role(
	struct fake_room *room, const struct store_actor *actor, enum member_role *ret_role);

/* ---- users ---- */

struct fake_user *fake_user_of(struct fake_store *fake, const struct uuid *id);
/* Makes him where he is none yet. */
struct fake_user *fake_user_named(
	struct fake_store *fake, const struct uuid *id, struct bytes identity);
struct user_row fake_user_for(struct arena *arena, const struct fake_user *user);

void fake_tables_free(struct fake_store *fake);

#endif
