/* Rows of the store as clients see them (PRODUCT.md section 3): neutral values, whatever the door
 * and codec. */
#ifndef CHATD_ROOM_RENDER_H
#define CHATD_ROOM_RENDER_H

#include "lib/hubproto/message.h"
#include "lib/store/store.h"
#include "lib/value/value.h"

/* UUID text on the arena. */
struct value render_uuid(struct arena *arena, const struct uuid *id);
/* A message. Its status is Sent: what the room is told is encoded once for all. Members that only
 * few messages have (attachment, editedAt, deletedAt) are there where they are set. */
struct value render_message(
	struct arena *arena, const struct store *store, const struct message_row *row);
struct value render_messages(struct arena *arena, const struct store *store,
	const struct message_row *rows, size_t count);
struct value render_room(struct arena *arena, const struct room_row *row);

/* Invocations of client methods. */
struct hub_message render_receive_message(
	struct arena *arena, const struct store *store, const struct message_row *row);
/* A message that is sent once more on request: it has `replayed: true`. */
struct hub_message render_replayed_message(
	struct arena *arena, const struct store *store, const struct message_row *row);
/* UserJoined and UserLeft. */
struct hub_message render_member_notice(
	struct arena *arena, const char *target, const struct uuid *user, const struct uuid *room);
struct hub_message render_room_created(struct arena *arena, const struct room_row *row);
struct hub_message render_room_updated(struct arena *arena, const struct room_row *row);
struct hub_message render_room_deleted(struct arena *arena, const struct uuid *room);

#endif
