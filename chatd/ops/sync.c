#include "chatd/ops/access.h"
#include "chatd/ops/attach.h"
#include "chatd/ops/ops.h"
#include "lib/base/err.h"

/* Rooms of one call. */
#define SYNC_MAX 1000

struct sync_room {
	struct catchup_waiter waiter;
	struct sync *sync;
	struct attach_result result;
	struct uuid id;
	bool found;
};

struct sync {
	struct op *op;
	struct sync_room *rooms;
	size_t waiting;
};

static int read_number(
	struct op *op, struct bytes room, const struct value *seq, struct attach_request *request)
{
	if (seq->kind == VALUE_INT && seq->integer >= 0) {
		request->has_last = true;
		request->last_seq = (uint64_t)seq->integer;
		return 0;
	}
	if (seq->kind == VALUE_NULL) {
		return 0;
	}
	return op_fail(op, ERR_BAD_REQUEST,
		"'%.*s' must be a sequence number, {seq, epoch}, or null",
		(int)(room.len < 64 ? room.len : 64), room.ptr);
}

static int read_request(
	struct op *op, const struct value_member *member, struct attach_request *request)
{
	const struct value *value = &member->value;
	if (value->kind != VALUE_OBJECT) {
		return read_number(op, member->name, value, request);
	}
	const struct value *seq = value_get_nocase(value, "seq");
	const struct value *epoch = value_get_nocase(value, "epoch");
	if (epoch != NULL && epoch->kind == VALUE_TEXT && !epoch->bad_text) {
		request->epoch = epoch->text;
	}
	return read_number(op, member->name, seq != NULL ? seq : &value_null, request);
}

static void on_caught_up(struct catchup_waiter *waiter, int err)
{
	struct sync_room *room = CONTAINER_OF(waiter, struct sync_room, waiter);
	struct sync *sync = room->sync;
	room->found = err == 0; /* else the user was removed meanwhile */
	if (--sync->waiting == 0) {
		op_resume(sync->op, 0);
	}
}

static void attach_one(struct op *op, const struct value_member *member,
	const struct attach_request *request, struct sync_room *room)
{
	struct sync *sync = op->state;
	struct room_entry *entry = rooms_entry(op->connection, member->name);
	if (entry == NULL) {
		return;
	}
	room->found = true;
	room->id = rooms_entry_info(entry)->id;
	room->sync = sync;
	room->waiter.done = on_caught_up;
	sync->waiting += (size_t)rooms_attach(entry, request, &room->result, &room->waiter);
}

/* All is read before anything is done. */
static int attach_all(struct op *op)
{
	struct sync *sync = op->state;
	const struct value *rooms = ((const struct sync_params *)op->params)->rooms;
	if (rooms->count > SYNC_MAX) {
		return op_fail(op, ERR_TOO_LARGE, "at most %d rooms in one call", SYNC_MAX);
	}
	sync->op = op;
	sync->rooms = arena_alloc(op->arena, (rooms->count + 1) * sizeof(struct sync_room));
	struct attach_request *requests =
		arena_alloc(op->arena, (rooms->count + 1) * sizeof(struct attach_request));
	for (uint32_t i = 0; i < rooms->count; i++) {
		int err = read_request(op, &rooms->members[i], &requests[i]);
		if (err != 0) {
			return err;
		}
	}
	for (uint32_t i = 0; i < rooms->count; i++) {
		attach_one(op, &rooms->members[i], &requests[i], &sync->rooms[i]);
	}
	return sync->waiting > 0 ? OP_WAIT : OP_NEXT;
}

static struct value not_found(struct arena *arena)
{
	struct value error = value_object(arena, 2);
	value_put(&error, "code", value_str(err_code(ERR_NOT_FOUND)));
	value_put(&error, "message", value_str("no such room, or no access to it"));
	struct value out = value_object(arena, 2);
	value_put(&out, "recovered", value_bool(false));
	value_put(&out, "error", error);
	return out;
}

static int reply(struct op *op)
{
	const struct sync *sync = op->state;
	const struct value *rooms = ((const struct sync_params *)op->params)->rooms;
	op->result = value_object(op->arena, rooms->count);
	op->result.dictionary = true;
	for (uint32_t i = 0; i < rooms->count; i++) {
		struct sync_room *room = &sync->rooms[i];
		attach_settle(&room->result, &room->waiter);
		struct value answer = room->found ? attach_render(op, &room->id, &room->result)
						  : not_found(op->arena);
		value_put(&op->result, rooms->members[i].name.ptr, answer);
	}
	return OP_DONE;
}

static const struct op_step steps[] = {
	{"attach", attach_all, 0},
	{"reply", reply, 0},
	{0},
};

const struct op_def op_sync = {
	.name = "sync",
	.steps = steps,
	.state_size = sizeof(struct sync),
	.params_size = sizeof(struct sync_params),
	.needs = OP_USER | OP_CONNECTION,
	.doc = "Catch up several rooms in one call.",
};
