/* The calls of a connection: one at a time (hub.max_parallel_invocations), but messages to one room
 * may be under way together, and streams run beside them. */
#ifndef CHATD_HUB_CALL_H
#define CHATD_HUB_CALL_H

#include "chatd/conn/conn.h"

struct call;

/* An Invocation or StreamInvocation. true: arena was kept. */
bool calls_take(struct conn *conn, const struct hub_message *message, struct arena *arena);
/* Whether it is a stream. */
bool call_streams(const struct call *call);
/* The call's operation has ended. */
void call_done(struct conn *conn, struct call *call, int err);
/* The call's operation waits for its client: another call may run meanwhile, and beside it from
 * then on. Streams have no permit: nothing happens. */
void call_begin_asking(struct call *call);
/* It waits no longer. */
void call_end_asking(struct call *call);
/* A call that waited may run now. */
void calls_go_on(struct conn *conn);
/* The connection has ended. */
void calls_drop(struct conn *conn);

#endif
