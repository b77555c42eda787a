#include "chatd/room/render.h"

#include "lib/base/err.h"
#include "lib/value/json.h"

struct value render_uuid(struct arena *arena, const struct uuid *id)
{
	char *text = arena_alloc(arena, UUID_TEXT_SIZE);
	uuid_format(id, text);
	return value_text(bytes_of(text, UUID_TEXT_SIZE - 1));
}

static struct value optional_text(struct bytes text)
{
	return text.len > 0 ? value_text(text) : value_null;
}

static struct value optional_time(int64_t ms)
{
	return ms != 0 ? value_time(ms) : value_null;
}

static void put_body(struct arena *arena, struct value *out, const struct message_row *row)
{
	if (row->deleted_ms != 0) {
		value_put(out, "content", value_text(BYTES_NONE));
	} else if (row->encrypted) {
		value_put(out, "encryptedContent", value_text(row->content));
		value_put(out, "nonce", value_text(row->nonce));
		value_put(out, "authTag", optional_text(row->auth_tag));
	} else {
		value_put(out, "content", value_text(row->content));
	}
	struct value attachment;
	if (row->attachment.len > 0 && json_read(arena, row->attachment, &attachment, NULL) == 0) {
		attachment.dictionary = false; /* its names are ours: chatd/ops/posting.c */
		value_put(out, "attachment", attachment);
	}
}

/* Each frame of fan-out would carry them for nothing: a message that is sent first has neither. */
static void put_changes(struct value *out, const struct message_row *row)
{
	if (row->edited_ms != 0) {
		value_put(out, "editedAt", value_time(row->edited_ms));
	}
	if (row->deleted_ms != 0) {
		value_put(out, "deletedAt", value_time(row->deleted_ms));
	}
}

struct value render_message(
	struct arena *arena, const struct store *store, const struct message_row *row)
{
	struct uuid id;
	store_message_id(store, row, &id);
	struct value out = value_object(arena, 16);
	value_put(&out, "id", render_uuid(arena, &id));
	value_put(&out, "roomId", render_uuid(arena, &row->room));
	value_put(&out, "seq", value_int((int64_t)row->seq));
	value_put(&out, "senderId", render_uuid(arena, &row->sender));
	value_put(&out, "type", value_str(model_message_type_name(row->type)));
	value_put(
		&out, "refSeq", row->ref_seq != 0 ? value_int((int64_t)row->ref_seq) : value_null);
	value_put(&out, "status", value_str("Sent"));
	value_put(&out, "clientMessageId", optional_text(row->client_message_id));
	value_put(&out, "sentAt", value_time(row->sent_ms));
	put_body(arena, &out, row);
	put_changes(&out, row);
	return out;
}

struct value render_messages(struct arena *arena, const struct store *store,
	const struct message_row *rows, size_t count)
{
	struct value out = value_array(arena, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		value_add(&out, render_message(arena, store, &rows[i]));
	}
	return out;
}

struct value render_room(struct arena *arena, const struct room_row *row)
{
	struct value out = value_object(arena, 16);
	value_put(&out, "id", render_uuid(arena, &row->id));
	value_put(&out, "alias", optional_text(row->alias));
	value_put(&out, "name", value_text(row->name));
	value_put(&out, "avatarUrl", optional_text(row->avatar_url));
	value_put(&out, "type", value_str(model_room_type_name(row->type)));
	value_put(&out, "visibility", value_str(model_visibility_name(row->visibility)));
	value_put(&out, "encrypted", value_bool(row->encrypted));
	value_put(&out, "creatorId",
		row->has_creator ? render_uuid(arena, &row->creator) : value_null);
	value_put(&out, "createdAt", value_time(row->created_ms));
	value_put(&out, "lastActivityAt", value_time(row->last_activity_ms));
	value_put(&out, "archivedAt", optional_time(row->archived_ms));
	value_put(&out, "lastSeq", value_int((int64_t)row->last_seq));
	value_put(&out, "members", value_int((int64_t)row->member_count));
	return out;
}

static struct hub_message invocation(struct arena *arena, const char *target, uint32_t arguments)
{
	return (struct hub_message){
		.type = HUB_INVOCATION,
		.target = bytes_str(target),
		.arguments = value_array(arena, arguments),
	};
}

struct hub_message render_receive_message(
	struct arena *arena, const struct store *store, const struct message_row *row)
{
	struct hub_message message = invocation(arena, "ReceiveMessage", 1);
	value_add(&message.arguments, render_message(arena, store, row));
	return message;
}

struct hub_message render_replayed_message(
	struct arena *arena, const struct store *store, const struct message_row *row)
{
	struct hub_message message = invocation(arena, "ReceiveMessage", 1);
	struct value replayed = render_message(arena, store, row);
	value_put(&replayed, "replayed", value_bool(true));
	value_add(&message.arguments, replayed);
	return message;
}

struct hub_message render_member_notice(
	struct arena *arena, const char *target, const struct uuid *user, const struct uuid *room)
{
	struct hub_message message = invocation(arena, target, 2);
	value_add(&message.arguments, render_uuid(arena, user));
	value_add(&message.arguments, render_uuid(arena, room));
	return message;
}

static struct hub_message room_notice(
	struct arena *arena, const char *target, const struct room_row *row)
{
	struct hub_message message = invocation(arena, target, 1);
	value_add(&message.arguments, render_room(arena, row));
	return message;
}

struct hub_message render_room_created(struct arena *arena, const struct room_row *row)
{
	return room_notice(arena, "RoomCreated", row);
}

struct hub_message render_room_updated(struct arena *arena, const struct room_row *row)
{
	return room_notice(arena, "RoomUpdated", row);
}

struct hub_message render_room_deleted(struct arena *arena, const struct uuid *room)
{
	struct hub_message message = invocation(arena, "RoomDeleted", 1);
	value_add(&message.arguments, render_uuid(arena, room));
	return message;
}
