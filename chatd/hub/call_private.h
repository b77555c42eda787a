/* A call, for the files of the hub that serve calls. */
#ifndef CHATD_HUB_CALL_PRIVATE_H
#define CHATD_HUB_CALL_PRIVATE_H

#include "chatd/conn/conn.h"
#include "chatd/hub/methods.h"

enum call_state {
	CALL_WAITING, /* conn->waiting: its permit is not there yet */
	CALL_RUNNING, /* the operation runs */
	CALL_ENDED, /* answer is ready, but an earlier ordered call has not ended */
};

/* An Invocation or StreamInvocation that binds. */
struct call {
	/* of conn->calls or, where the method streams, of flows->streams; in the order of the
	 * calls, while it is running or ended */
	struct list_node node;
	struct conn *conn;
	const struct hub_method *method;
	struct op *op; /* until it has ended */
	struct bytes invocation_id; /* on the operation's arena; len 0: no answer is wanted */
	struct bytes target;
	struct bytes room; /* of ordered calls; owned: it outlives the operation and its arena */
	enum call_state state;
	bool uncertain; /* an earlier one of its row is, so it is too */
	bool beside; /* it gave its permit back to ask its client */
	struct outmsg *answer; /* CALL_ENDED, NULL where none is wanted */
	/* Of streams. */
	struct list_node in_stalled; /* flows->stalled */
	struct op_wait room_wait;
	bool bad_item; /* it made one that cannot be written, and is ending because of it */
};

void call_free(struct call *call);

#endif
