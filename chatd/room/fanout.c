#include "chatd/room/local_room.h"
#include "lib/metrics/metrics.h"

/* The innermost loops of the product: no allocation, clock or system call per receiver; the writes
 * happen once per connection at the end of the turn. */

/* It was encoded before the node had a connection with this one's codec: read it from the store. */
static void miss(struct local_room *room, struct room_entry *entry, const struct room_event *event)
{
	entry->state = ENTRY_CATCHING_UP;
	entry->next = event->first_seq;
	room->has_ahead = true;
}

void fanout_messages(struct local_room *room, const struct room_event *event)
{
	struct outmsg_local *local = outmsg_local_create(event->msg);
	uint64_t receivers = 0;
	for (uint32_t i = 0; i < room->count; i++) {
		struct room_entry *entry = room->entries[i];
		if (entry->state != ENTRY_LIVE) {
			continue;
		}
		if (conn_send_local(entry->conn, local)) {
			receivers++;
		} else {
			miss(room, entry, event);
		}
	}
	room->rooms->sv->metrics->deliveries += receivers * outmsg_local_count(local);
	outmsg_local_done(&local);
}

void fanout_notice(
	struct local_room *room, const struct room_event *event, const struct uuid *skip_user)
{
	struct outmsg_local *local = outmsg_local_create(event->msg);
	for (uint32_t i = 0; i < room->count; i++) {
		const struct room_entry *entry = room->entries[i];
		const struct conn *conn = entry->conn;
		if (entry->state == ENTRY_HELD || uuid_eq(&conn->id, &event->except)) {
			continue;
		}
		if (skip_user == NULL || !uuid_eq(&conn->principal->user_id, skip_user)) {
			conn_send_local(entry->conn, local);
		}
	}
	outmsg_local_done(&local);
}

void fanout_all(struct local_room *room, struct outmsg *msg)
{
	struct outmsg_local *local = outmsg_local_create(msg);
	for (uint32_t i = 0; i < room->count; i++) {
		conn_send_local(room->entries[i]->conn, local);
	}
	outmsg_local_done(&local);
}
