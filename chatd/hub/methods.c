#include "chatd/hub/methods.h"

#include "chatd/ops/ops.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ROOM(type) \
	{ \
		.name = "roomId", .kind = PARAM_TEXT, .offset = offsetof(struct type, room), \
		.doc = "Id or alias of the room." \
	}

static const struct param join_room[] = {
	ROOM(join_room_params),
	{.name = "lastSeq",
		.kind = PARAM_INT,
		.flags = PARAM_OPTIONAL | PARAM_NULLABLE,
		.min = 0,
		.max = INT64_MAX,
		.offset = offsetof(struct join_room_params, last_seq),
		.given = PARAM_GIVEN_AT(struct join_room_params, last_seq_given),
		.doc = "Number of the last message that was seen."},
	{.name = "epoch",
		.kind = PARAM_TEXT,
		.flags = PARAM_OPTIONAL | PARAM_NULLABLE,
		.offset = offsetof(struct join_room_params, epoch),
		.doc = "Epoch that goes with the number."},
};

static const struct param leave_room[] = {
	ROOM(leave_room_params),
};

static const struct param send_message[] = {
	ROOM(post_message_params),
	{.name = "content",
		.kind = PARAM_TEXT,
		.offset = offsetof(struct post_message_params, content),
		.doc = "The text."},
	{.name = "clientMessageId",
		.kind = PARAM_TEXT,
		.flags = PARAM_NULLABLE,
		.offset = offsetof(struct post_message_params, client_message_id),
		.given = PARAM_GIVEN_AT(struct post_message_params, client_message_id_given),
		.doc = "Makes the call idempotent."},
};

/* With two arguments the second is a text or an object. */
static const struct param send_text[] = {
	ROOM(post_message_params),
	{.name = "content",
		.kind = PARAM_TEXT_OR_OBJECT,
		.offset = offsetof(struct post_message_params, message),
		.doc = "The text, or {content, type, clientMessageId, attachment}."},
};

#define MESSAGE \
	{ \
		.name = "messageId", .kind = PARAM_TEXT, \
		.offset = offsetof(struct message_params, message), .doc = "Id of the message." \
	}

static const struct param edit_message[] = {
	ROOM(message_params),
	MESSAGE,
	{.name = "content",
		.kind = PARAM_TEXT,
		.offset = offsetof(struct message_params, content),
		.doc = "The new text."},
};

static const struct param delete_message[] = {
	ROOM(message_params),
	MESSAGE,
};

#undef MESSAGE

static const struct param get_history[] = {
	ROOM(get_history_params),
	{.name = "beforeSeq",
		.kind = PARAM_INT,
		.flags = PARAM_NULLABLE,
		.min = 1,
		.max = INT64_MAX,
		.offset = offsetof(struct get_history_params, before),
		.given = PARAM_GIVEN_AT(struct get_history_params, before_given),
		.doc = "Only messages before this number."},
	{.name = "limit",
		.kind = PARAM_INT,
		.flags = PARAM_NULLABLE,
		.min = 1,
		.max = 200,
		.offset = offsetof(struct get_history_params, limit),
		.given = PARAM_GIVEN_AT(struct get_history_params, limit_given),
		.doc = "How many at most; null: 50."},
};

static const struct param sync_rooms[] = {
	{.name = "rooms",
		.kind = PARAM_OBJECT,
		.flags = PARAM_OPEN,
		.offset = offsetof(struct sync_params, rooms),
		.doc = "For each room the last number seen, or {seq, epoch}."},
};

static const struct param refresh_token[] = {
	{.name = "token",
		.kind = PARAM_TEXT,
		.offset = offsetof(struct refresh_token_params, token),
		.doc = "A new JSON Web Token of the same user."},
};

#define METHOD(text, operation, table) \
	.name = text, .op = &operation, .params = table, .param_count = COUNT(table)

static const struct hub_method methods[] = {
	{METHOD("JoinRoom", op_join_room, join_room)},
	{METHOD("LeaveRoom", op_leave_room, leave_room)},
	{METHOD("SendMessage", op_post_message, send_text), .ordered = true},
	{METHOD("SendMessage", op_post_message, send_message), .ordered = true},
	{METHOD("EditMessage", op_message_edit, edit_message)},
	{METHOD("DeleteMessage", op_message_delete, delete_message)},
	{METHOD("GetHistory", op_get_history, get_history)},
	{METHOD("Sync", op_sync, sync_rooms)},
	{METHOD("RefreshToken", op_refresh_token, refresh_token)},
};

#undef METHOD
#undef ROOM
#undef COUNT

const struct hub_method *hub_methods(size_t *ret_count)
{
	*ret_count = sizeof(methods) / sizeof(methods[0]);
	return methods;
}

static size_t distance(const struct hub_method *method, uint32_t count)
{
	return method->param_count > count ? method->param_count - count
					   : count - method->param_count;
}

/* The nearest row of the name, where it is nearer than nearest (NULL: any is). */
static const struct hub_method *find_nearer(const struct hub_method *rows, size_t row_count,
	struct bytes name, uint32_t argument_count, const struct hub_method *nearest)
{
	for (size_t i = 0; i < row_count; i++) {
		if (!bytes_eq_nocase(bytes_str(rows[i].name), name)) {
			continue;
		}
		if (nearest == NULL ||
			distance(&rows[i], argument_count) < distance(nearest, argument_count)) {
			nearest = &rows[i];
		}
	}
	return nearest;
}

const struct hub_method *hub_method_find(struct bytes name, uint32_t argument_count)
{
	const struct hub_method *nearest = find_nearer(
		methods, sizeof(methods) / sizeof(methods[0]), name, argument_count, NULL);
	if (&hub_methods_own != NULL) {
		nearest = find_nearer(
			hub_methods_own.rows, hub_methods_own.count, name, argument_count, nearest);
	}
	return nearest;
}
