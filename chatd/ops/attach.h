/* What JoinRoom and Sync have in common: what a client asks for when it names a room, and what it
 * is told. */
#ifndef CHATD_OPS_ATTACH_H
#define CHATD_OPS_ATTACH_H

#include "chatd/op/op.h"
#include "chatd/room/rooms.h"

/* {roomId, lastSeq, epoch, recovered, from, to, gap} */
struct value attach_render(
	const struct op *op, const struct uuid *room, const struct attach_result *result);

#endif
