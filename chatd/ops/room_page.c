/* Rooms for a user, page by page: his own, or the Public ones. */
#include "chatd/auth/principal.h"
#include "chatd/ops/async.h"
#include "chatd/ops/cursor.h"
#include "chatd/ops/ops.h"
#include "chatd/ops/people.h"
#include "chatd/room/render.h"

#define LIMIT_DEFAULT 50

const char *const room_scope_choices[] = {"mine", "public", NULL};
const char *const room_type_choices[] = {"Group", "Direct", NULL};
const char *const room_visibility_choices[] = {"Public", "Private", NULL};

static const char *list_name(const struct op *op)
{
	const struct room_page_params *params = op->params;
	bool typed = params->type_given == PARAM_PRESENT;
	return arena_printf(op->arena, "rooms/%s/%s", room_scope_choices[params->scope],
		typed ? room_type_choices[params->type] : "");
}

static int read_page(struct op *op)
{
	struct store_rooms_page *page = op->state;
	const struct room_page_params *params = op->params;
	page->user = op->principal->user_id;
	page->all_public = params->scope == 1;
	page->has_type = params->type_given == PARAM_PRESENT;
	page->type = (enum room_type)params->type;
	/* One more than asked for tells whether there is a next page. */
	page->limit = (uint32_t)(params->limit > 0 ? params->limit : LIMIT_DEFAULT) + 1;
	if (params->cursor.len > 0) {
		struct cursor from = {0};
		int err = cursor_read(op, list_name(op), params->cursor, &from);
		if (err != 0) {
			return err;
		}
		page->after_id = from.id;
		page->after_name = from.text;
	}
	async_store(op, &page->call);
	int err = store_rooms_page(op->sv->store, page);
	return err != 0 ? err : OP_WAIT;
}

static struct value render_listed(const struct op *op, const struct room_listed *listed)
{
	struct value plain = render_room(op->arena, &listed->room);
	struct value out = people_extend(op->arena, &plain, 4);
	bool member = listed->role != ROLE_NONE;
	uint64_t unread = listed->room.last_seq > listed->last_read_seq
				  ? listed->room.last_seq - listed->last_read_seq
				  : 0;
	value_put(&out, "role", member ? value_str(model_role_name(listed->role)) : value_null);
	value_put(&out, "lastReadSeq",
		member ? value_int((int64_t)listed->last_read_seq) : value_null);
	value_put(&out, "unreadCount", member ? value_int((int64_t)unread) : value_null);
	/* What is said in a Public room is for those who are in it. */
	value_put(&out, "lastMessage",
		member && listed->has_last ? render_message(op->arena, op->sv->store, &listed->last)
					   : value_null);
	return out;
}

static int reply(struct op *op)
{
	const struct store_rooms_page *page = op->state;
	if (op_error(op) != 0) {
		return op_error(op);
	}
	bool more = page->count == page->limit;
	size_t count = more ? page->count - 1 : page->count;
	struct value items = value_array(op->arena, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		value_add(&items, render_listed(op, &page->rooms[i]));
	}
	op->result = value_object(op->arena, 2);
	value_put(&op->result, "items", items);
	struct value next = value_null;
	if (more) {
		const struct room_row *last = &page->rooms[count - 1].room;
		const struct cursor to = {
			.id = last->id,
			.text = page->all_public ? last->name : BYTES_NONE,
		};
		next = cursor_write(op, list_name(op), &to);
	}
	value_put(&op->result, "nextCursor", next);
	return OP_DONE;
}

static const struct op_step steps[] = {
	{"read", read_page, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_room_page = {
	.name = "room_page",
	.steps = steps,
	.state_size = sizeof(struct store_rooms_page),
	.params_size = sizeof(struct room_page_params),
	.needs = OP_USER,
	.doc = "List rooms, page by page.",
};
