/* A transport behind an HTTP server, with a recording owner and any number of peers, on frozen
 * time: for the tests of chatd/transport. GET is a poll (or opens the events, where the test says
 * so), POST brings input, DELETE ends. */
#ifndef TESTS_UNIT_WAY_FIXTURE_H
#define TESTS_UNIT_WAY_FIXTURE_H

#include "chatd/transport/inbox.h"
#include "chatd/transport/longpoll.h"
#include "chatd/transport/sse.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/http_fixture.h"

#define WAY_PEERS 8
#define WAY_BIG ((size_t)1024 * 1024) /* more than a socket holds */
#define POLL_TIMEOUT_US 90000000
#define AWAY_TIMEOUT_US 15000000
#define CLOSE_TIMEOUT_US 5000000

/* One TCP connection. */
struct peer {
	int fd; /* -1: we have dropped it */
	struct buf got;
	bool closed; /* the server ended its side */
	bool slow; /* reads nothing by itself */
};

struct way {
	struct http_fixture *http;
	struct longpoll_pool *pool;
	struct transport *transport; /* NULL once its memory may be gone */
	struct inbox *inbox; /* where POSTs go */
	struct inbox *early; /* what the inbox of events inherits, or NULL */
	bool events; /* GET opens server-sent events */
	struct peer peers[WAY_PEERS];
	unsigned peer_count;
	/* What the owner was told. */
	struct buf payload;
	unsigned payloads, drains, terminates, ends, ended;
	int end_err;
	/* What he does inside of on_payload, on_terminate, on_drain; NULL: nothing. */
	void (*act)(struct way *way);
};

/* cmocka's setup and teardown; *state is the fixture. */
int way_setup_polls(void **state);
int way_setup_events(void **state); /* inbox and transport come with the first GET */
int way_teardown(void **state);

struct peer *peer_open(struct way *way);
void peer_drop(struct way *way, struct peer *peer);
/* One whose first poll is behind it, and there is no other. */
struct peer *peer_away(struct way *way);
/* One whose first poll is behind it, and the next one is parked. */
struct peer *peer_parked(struct way *way);
/* A second connection of a client whose first poll is behind him: it polls. */
struct peer *peer_polling(struct way *way);
/* Sends a request and turns. body: NULL for none. */
void peer_get(struct way *way, struct peer *peer);
void peer_post(struct way *way, struct peer *peer, const char *body);
void peer_post_bytes(struct way *way, struct peer *peer, struct bytes body);
void peer_delete(struct way *way, struct peer *peer);
/* The next answer that came is exactly this one; it is taken off. */
void peer_expect(struct peer *peer, int status, const char *body);
/* The owner sends WAY_BIG bytes, and the peer reads nothing of its answer. */
void peer_stall(struct way *way, struct peer *peer);
/* A slow peer reads all, which is one answer of WAY_BIG bytes. */
void peer_read_big(struct way *way, struct peer *peer);
/* Nothing came (any more). */
void peer_expect_nothing(const struct peer *peer);

void way_turn(struct way *way);
/* Time goes on, in steps. */
void way_sleep(struct way *way, uint64_t us);
/* The owner sends text, or size bytes of fill, or closes, as a hub connection does. */
void way_send(struct way *way, const char *text);
void way_send_fill(struct way *way, char fill, size_t size);
void way_close(struct way *way);
void way_abort(struct way *way);
/* What an owner does to end it, with "bye" or without: also as way->act. */
void way_say_goodbye(struct way *way);
void way_say_nothing(struct way *way);
/* What the owner got so far; forgets it. */
void way_expect_payload(struct way *way, const char *text);

#endif
