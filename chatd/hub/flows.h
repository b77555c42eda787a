/* What goes on between a connection and its client beside plain calls: streams down, uploads, and
 * questions to the client. */
#ifndef CHATD_HUB_FLOWS_H
#define CHATD_HUB_FLOWS_H

#include "chatd/conn/conn.h"

struct upload;

/* How many of each a connection may have at once, so that nobody makes the node hold what he
 * likes. ASP.NET Core has no such limits; clients have a handful. */
#define STREAMS_MAX 100
#define UPLOADS_MAX 16
#define ASKS_MAX 100

struct flows {
	struct list streams; /* struct call: running streams, oldest first */
	struct list stalled; /* those of them that wait for room in the send queue: call.in_stalled
			      */
	struct list asking; /* struct call: plain calls that wait for their client; who leaves does
			       not wait for these */
	struct list uploads; /* struct upload: their producers have not ended them */
	struct list asks; /* struct op_ask: not answered yet */
	struct upload *full; /* the connection's input is held until it has room, or NULL */
};

/* Made with the first need of it. */
struct flows *flows_of(struct conn *conn);
/* The connection has ended, and its operations know. */
void flows_drop(struct conn *conn);

#endif
