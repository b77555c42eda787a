#include "chatd/ops/access.h"

#include "chatd/ops/async.h"
#include "chatd/room/rooms.h"
#include "lib/base/err.h"

int access_not_found(struct op *op)
{
	bool operator_call = op->principal == NULL;
	return op_fail(op, ERR_NOT_FOUND, "%s",
		operator_call ? "no such room" : "no such room, or no access to it");
}

/* What can be no room is told so before anybody is asked. */
static int check_ref(struct op *op, struct bytes ref)
{
	struct uuid id;
	char alias[65];
	if (uuid_parse(ref, &id) == 0 || model_alias_fold(ref, alias) == 0) {
		return 0;
	}
	return op_fail(op, ERR_BAD_ROOM, "a room is named by its id or its alias");
}

static int read_room(struct op *op, struct room_access *access, struct bytes ref)
{
	struct services *sv = op->sv;
	int err = access->as_operator ? 0 : check_ref(op, ref);
	if (err != 0) {
		return err;
	}
	access->was_read = true;
	access->find.ref = ref;
	access->find.by_name = access->as_operator;
	if (!access->as_operator) {
		access->find.has_user = true;
		access->find.user = op->principal->user_id;
	}
	async_store(op, &access->find.call);
	err = store_room_find(sv->store, &access->find);
	return err != 0 ? err : OP_WAIT;
}

int access_read(struct op *op, struct room_access *access, struct bytes ref)
{
	access->as_operator = op->principal == NULL;
	return read_room(op, access, ref);
}

int access_read_any(struct op *op, struct room_access *access, struct bytes ref)
{
	access->as_operator = true;
	return read_room(op, access, ref);
}

int access_find(struct op *op, struct room_access *access, struct bytes ref)
{
	const struct room_entry *entry =
		op->connection != NULL ? rooms_entry(op->connection, ref) : NULL;
	if (entry == NULL) {
		return access_read(op, access, ref);
	}
	access->info = *rooms_entry_info(entry);
	access->role = ROLE_MEMBER;
	return OP_NEXT;
}

int access_check(struct op *op, struct room_access *access)
{
	if (!access->was_read) {
		return 0;
	}
	int err = op_error(op);
	if (err == ERR_NOT_FOUND) {
		return access_not_found(op);
	}
	if (err == ERR_CONFLICT) {
		return op_fail(op, err, "several rooms have this name: use the id or the alias");
	}
	if (err != 0) {
		return err;
	}
	room_info_of(&access->find.room, &access->info);
	access->role = access->as_operator ? ROLE_OWNER : access->find.role;
	if (access->role == ROLE_NONE && access->find.room.visibility != ROOM_PUBLIC) {
		return access_not_found(op);
	}
	return 0;
}

int access_check_member(struct op *op, struct room_access *access)
{
	int err = access_check(op, access);
	if (err == 0 && access->role == ROLE_NONE) {
		err = op_fail(op, ERR_NOT_MEMBER, "you are not a member of this room");
	}
	return err;
}
