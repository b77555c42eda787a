/* What JoinRoom and Sync have in common: what a client asks for when it names a room, and what it
 * is told. */
#ifndef CHATD_OPS_ATTACH_H
#define CHATD_OPS_ATTACH_H

#include "chatd/op/op.h"
#include "chatd/room/rooms.h"

/* What came out while it was waited: numbers that are gone are told as a gap. */
void attach_settle(struct attach_result *result, const struct catchup_waiter *waiter);
/* {roomId, lastSeq, epoch, recovered, from, to, gap} */
struct value attach_render(
	const struct op *op, const struct uuid *room, const struct attach_result *result);

#endif
