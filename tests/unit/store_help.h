/* What the tests of the store share: a folder of its own, a stepped clock, and calls that wait for
 * their answer. */
#ifndef TESTS_UNIT_STORE_HELP_H
#define TESTS_UNIT_STORE_HELP_H

#include <stdatomic.h>

#include "lib/base/clock.h"
#include "lib/store/store.h"

struct test_clock {
	struct clock clock;
	atomic_llong wall_ms; /* the store's threads read it */
};

struct store_test;

/* What another back end than SQLite needs besides. */
struct store_test_hooks {
	void (*before_call)(struct store_test *t);
	void (*finish)(struct store_test *t); /* the store is closed */
};

struct store_test {
	struct test_clock clock;
	struct loop *loop;
	struct mailbox *box;
	struct arena *arena;
	struct store *root; /* as opened; only where store is set */
	struct store *store; /* what the calls go to: root attached to loop */
	char folder[64];
	char path[96]; /* of the database, in folder */
	char url[256];
	size_t max_queued;
	const struct store_test_hooks *hooks; /* NULL: none */
	void *server; /* the hooks' */
	int64_t told_ms; /* the hooks': what they told the server that the time is */
};

/* Makes the folder and the rest; opens no store. */
void store_test_init(struct store_test *t);
/* Closes the store and removes the folder. */
void store_test_finish(struct store_test *t);
/* Opens t->url, which must work. */
void store_test_open(struct store_test *t);
/* Opens and gives the error; *ret_why (or NULL) is on t->arena. */
int store_test_try_open(struct store_test *t, bool migrate, const char **ret_why);
/* Finishes what was accepted and closes; its answers wait in t->box. NULL in t->store is fine. */
void store_test_close(struct store_test *t);
/* Closes and opens again. */
void store_test_reopen(struct store_test *t);
/* SQL on the open SQLite store's file, through a connection of its own. */
void store_test_sql(struct store_test *t, const char *sql);

/* Fills in what every call needs; the call is done when call.done is NULL. */
void store_test_call(struct store_test *t, struct store_call *call);
/* Turns the loop until the call is done (at most 20 s). posted: what the store answered. The error.
 */
int store_test_wait(struct store_test *t, struct store_call *call, int posted);

/* A user id that is easy to tell: n in the last byte. */
struct uuid test_user(unsigned n);

/* ---- calls that wait ---- */

/* A Public group of the users 1 to members, of whom 1 is Owner. */
struct uuid test_room(struct store_test *t, const char *alias, size_t members);
int test_create(struct store_test *t, struct store_room_create *req);
int test_append(struct store_test *t, struct append_item *items, size_t count);
/* A text; key names the client message id. */
struct append_item test_item(
	struct uuid room, struct uuid sender, const char *key, const char *text);
/* Stores text and gives its number; it must be stored. */
uint64_t test_send(struct store_test *t, struct uuid room, struct uuid sender, const char *key,
	const char *text);
int test_page(struct store_test *t, struct store_page *req);
int test_add(struct store_test *t, struct store_member_add *req);
int test_remove(struct store_test *t, struct store_member_remove *req);
int test_list(struct store_test *t, struct store_member_list *req);
int test_find(struct store_test *t, struct store_room_find *req);
int test_open_user(struct store_test *t, struct store_user_open *req);
int test_status(struct store_test *t, struct store_status *req);

/* Any request: fills in what the call needs, waits for the answer and gives the error. */
#define X(request) int ask_##request(struct store_test *t, struct store_##request *req);
STORE_REQUESTS(X)
#undef X

/* A room like test_room() that only its members see. */
struct uuid test_private_room(struct store_test *t, size_t members);
/* The Direct room of two users, of whom the first is Owner. */
struct uuid test_direct_room(struct store_test *t, unsigned a, unsigned b);
/* Gives the user that role in the room, whatever he was. */
void test_role(struct store_test *t, struct uuid room, unsigned user, enum member_role role);
struct room_row test_room_row(struct store_test *t, struct uuid room);
struct message_row test_row(struct store_test *t, struct uuid room, uint64_t seq);
/* An entry of type Edit or Delete about the message of that number. */
struct append_item test_change(struct uuid room, unsigned sender, enum message_type type,
	uint64_t ref_seq, const char *text);
/* Stores one item and gives its outcome. */
enum append_outcome test_outcome(struct store_test *t, struct append_item *item);
struct store_actor test_actor(unsigned user);

void assert_bytes(struct bytes is, const char *expected);
void assert_user(const struct uuid *is, unsigned expected);

#endif
