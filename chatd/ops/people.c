#include "chatd/ops/people.h"

#include "chatd/room/render.h"

static struct value text_or_null(struct bytes text)
{
	return text.len > 0 ? value_text(text) : value_null;
}

static struct value time_or_null(int64_t ms)
{
	return ms != 0 ? value_time(ms) : value_null;
}

struct value people_member(const struct op *op, struct arena *arena, const struct uuid *room,
	const struct member_row *row)
{
	struct value out = value_object(arena, 10);
	value_put(&out, "roomId", render_uuid(arena, room));
	value_put(&out, "userId", render_uuid(arena, &row->user));
	if (op->principal == NULL) {
		value_put(&out, "identity", value_text(row->identity));
	}
	value_put(&out, "displayName", value_text(row->display_name));
	value_put(&out, "role", value_str(model_role_name(row->role)));
	value_put(&out, "joinedAt", value_time(row->joined_ms));
	value_put(&out, "lastReadAt", time_or_null(row->last_read_ms));
	value_put(&out, "lastReadSeq", value_int((int64_t)row->last_read_seq));
	value_put(&out, "lastDeliveredSeq", value_int((int64_t)row->last_delivered_seq));
	value_put(&out, "muted", value_bool(row->muted));
	return out;
}

struct value people_user(
	struct arena *arena, const struct user_row *row, enum people_view view, int64_t connections)
{
	struct value out = value_object(arena, 12);
	value_put(&out, "id", render_uuid(arena, &row->id));
	if (view != PEOPLE_OTHER) {
		value_put(&out, "identity", value_text(row->identity));
	}
	value_put(&out, "displayName", value_text(row->display_name));
	value_put(&out, "avatarUrl", text_or_null(row->avatar_url));
	if (connections >= 0) {
		value_put(&out, "status", value_str(connections > 0 ? "Online" : "Offline"));
	}
	value_put(&out, "lastSeenAt", time_or_null(row->last_seen_ms));
	if (view != PEOPLE_OTHER) {
		value_put(&out, "createdAt", value_time(row->created_ms));
	}
	if (view == PEOPLE_OPERATOR) {
		if (connections >= 0) {
			value_put(&out, "connections", value_int(connections));
		}
		value_put(&out, "bannedAt", time_or_null(row->banned_ms));
		value_put(&out, "banReason", text_or_null(row->ban_reason));
		value_put(&out, "tokensValidFrom", time_or_null(row->tokens_from_ms));
	}
	return out;
}

struct value people_extend(struct arena *arena, const struct value *object, uint32_t more)
{
	struct value out = value_object(arena, object->count + more);
	memcpy(out.members, object->members, object->count * sizeof(*object->members));
	out.count = object->count;
	return out;
}
