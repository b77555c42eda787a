/* The hub connections of a worker: by id, by user, and the sweep that keeps their time. */
#ifndef CHATD_CONN_CONNS_H
#define CHATD_CONN_CONNS_H

#include "chatd/conn/conn.h"

/* The connections of one user on this worker. Freed with the last one. */
struct conn_user {
	struct map_node node; /* key: id */
	struct uuid id;
	struct list conns; /* conn.in_user */
};

struct conns;
/* on_hold_over: restored rooms of a connection have been held long enough (chatd/room sends what
 * came since). */
struct conns *conns_create(struct services *sv, void (*on_hold_over)(struct conn *conn));
/* All must be gone. */
void conns_destroy(struct conns **conns);
size_t conns_count(const struct conns *conns);
struct conn *conns_find(const struct conns *conns, const struct uuid *id);
/* NULL where the user has no connection here. */
struct conn_user *conns_user(const struct conns *conns, const struct uuid *user);
/* Closes all with allowReconnect, spread evenly over spread_us (0: at once). */
void conns_drain(struct conns *conns, uint64_t spread_us);
/* Those that are not closed yet stay. */
void conns_undrain(struct conns *conns);
/* Aborts what is left. */
void conns_abort_all(struct conns *conns);

/* Closes those connections of a user that are kept out (bars_check()); the client is told why, and
 * not to come again. Answers how many. They end before the turn does, not now. One that is added
 * later is looked at by itself. */
size_t conns_bar_user(struct conns *conns, const struct uuid *user);
/* Visits each connection; visit may close the one that it is given, by conn_close(). */
void conns_each(struct conns *conns, void (*visit)(struct conn *conn, void *ctx), void *ctx);

/* For conn.c. */
void conns_add(struct conns *conns, struct conn *conn);
void conns_remove(struct conns *conns, struct conn *conn);
/* Its codec is known, or it is new: it counts in another gauge now. */
void conns_count_in(struct conns *conns, struct conn *conn);
/* Something was added to its send queue. Where that is over its bound now, the connection is closed
 * as slow before the turn ends. */
void conns_weigh(struct conns *conns, struct conn *conn);
/* It ends before the turn does, not now: who brings its last answer may be going through a list
 * that it is on. */
void conns_mark_left(struct conns *conns, struct conn *conn);
/* Its held input goes on at the end of the turn. */
void conns_mark_resumed(struct conns *conns, struct conn *conn);
/* Puts an ended connection up for freeing at the end of the turn. */
void conns_bury(struct conns *conns, struct conn *conn);

#endif
