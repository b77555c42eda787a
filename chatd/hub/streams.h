/* Streaming calls of a connection (StreamInvocation): they take no permit, and end with one
 * Completion without a result. */
#ifndef CHATD_HUB_STREAMS_H
#define CHATD_HUB_STREAMS_H

#include "chatd/conn/conn.h"

struct call;

/* Why a stream with this id cannot start; on the arena or constant, NULL: it can. It is the whole
 * text of ASP.NET Core where it has one, and *ret_whole is set then. */
const char *streams_refuse(
	const struct conn *conn, struct bytes id, struct arena *arena, bool *ret_whole);
void stream_run(struct call *call);
/* op_caller_events of a stream's operation. */
void stream_done(struct call *call, int err);
void stream_emit(struct call *call, const struct value *item);
bool stream_congested(struct call *call);
/* A CancelInvocation; ids of no stream are ignored. */
void streams_cancel(struct conn *conn, struct bytes id);
/* The send queue has room. */
void streams_on_drain(struct conn *conn);
/* For flows.c. */
void streams_drop(struct conn *conn);

#endif
