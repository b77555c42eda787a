/* Several workers of chatd on one thread: their loops are turned by the test, the store is fake,
 * time stands still, and each client is a transport that the test reads and feeds. */
#ifndef TESTS_UNIT_HUB_FIXTURE_H
#define TESTS_UNIT_HUB_FIXTURE_H

#include "chatd/conn/codecs.h"
#include "chatd/conn/conn.h"
#include "chatd/op/services.h"
#include "lib/metrics/metrics.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/fake_time.h"

#define HUB_WORKERS_MAX 4

struct hub {
	unsigned count;
	struct services sv[HUB_WORKERS_MAX];
	struct services *peers[HUB_WORKERS_MAX + 1];
	struct mailbox *boxes[HUB_WORKERS_MAX + 1];
	struct bus *buses[HUB_WORKERS_MAX];
	struct metrics metrics[HUB_WORKERS_MAX];
	struct limits *limits;
	struct bars *bars;
	struct ask_ids *asks;
	struct codecs codecs;
	struct fake_store *store;
	struct conf *conf;
	struct list clients;
};

/* conf: text of a settings file, "" for the defaults; but where it names no rate there is none.
 * Freezes time. */
void hub_open(struct hub *hub, unsigned workers, const char *conf);
/* Drops the clients, answers the store, and checks that no worker has anything left. */
void hub_close(struct hub *hub);
/* One turn of each worker; then clients that are not slow take what was sent to them. */
void hub_turn(struct hub *hub);
void hub_turns(struct hub *hub, int count);
/* Turns, and lets the store answer, until nothing is held any more. */
void hub_settle(struct hub *hub);
/* Time goes on in steps of 5 ms, with a turn and all answers of the store after each. */
void hub_sleep(struct hub *hub, uint64_t us);

/* Frees clients that have ended, but not kept. */
struct hub_client;
void hub_forget(struct hub *hub, const struct hub_client *kept);

/* A room, public, whose home is that worker; alias "" for none. */
struct uuid hub_room(struct hub *hub, unsigned worker, const char *alias);
/* The id of a user by name. */
struct uuid hub_user(const char *name);
/* "name" becomes a member in the store, unknown to the workers. */
void hub_member(struct hub *hub, const struct uuid *room, const char *name);
/* A message that another process stored. */
uint64_t hub_message(struct hub *hub, const struct uuid *room);

struct hub_seen {
	struct uuid room;
	uint64_t seq;
};

struct hub_client {
	struct transport transport; /* first */
	struct list_node in_hub;
	struct hub *hub;
	struct services *sv;
	struct principal *principal;
	bool slow; /* takes nothing by itself */
	bool paused; /* the server does not read */
	bool closed; /* the server ended it in order */
	bool aborted; /* the server ended it without ceremony */
	bool gone; /* we ended it */
	uint64_t stalled_us;
	size_t low, queued;
	bool drain_wanted;
	struct chunk **chunks;
	size_t chunk_count, chunk_cap;
	struct buf inbox; /* bytes that were taken and are no whole record yet */
	char **records; /* everything that was taken, as texts */
	size_t record_count, record_cap, next;
	struct hub_seen *seen; /* messages of ReceiveMessage, as they came */
	size_t seen_count, seen_cap;
};

/* Opens a connection; nothing is sent yet. Freed by hub_close(). */
struct hub_client *client_open(struct hub *hub, unsigned worker, const char *user);
/* The same with the handshake done, and everything settled. */
struct hub_client *client_start(struct hub *hub, unsigned worker, const char *user);
/* The server's side; NULL once it has ended. */
struct conn *client_conn(const struct hub_client *client);
/* Sends one record; ' in the text become ", ` become '. */
void client_say(struct hub_client *client, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void client_handshake(struct hub_client *client);
/* Raw bytes. */
void client_bytes(struct hub_client *client, struct bytes bytes);
/* It says goodbye in order, and waits where the server has something left to say. */
void client_leave(struct hub_client *client);
/* It goes away without a word. */
void client_drop(struct hub_client *client);
/* Takes at most max bytes of what is queued (whole chunks). */
void client_take(struct hub_client *client, size_t max);
/* The next record that was not asked for yet, or NULL; good until hub_close(). */
const char *client_next(struct hub_client *client);
/* The next one but messages of rooms (ReceiveMessage). */
const char *client_next_other(struct hub_client *client);
/* Everything so far is passed over. */
void client_skip(struct hub_client *client);
/* The next record must be this; ' stand for ", ` for '. */
void client_expect(struct hub_client *client, const char *text);
/* Numbers of a room's messages so far, as "1 2 3"; good until the next call. */
const char *client_seqs(const struct hub_client *client, const struct uuid *room);

/* A UUID as text; good for the next four calls. */
const char *uuid_text(const struct uuid *id);

#endif
