/* What somebody may do in a room, judged in the transaction that does it. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

int sqlite_actor_role(struct sqlite *db, const struct room_row *room,
	const struct store_actor *actor, enum member_role *ret_role)
{
	enum member_role role = ROLE_OWNER;
	int err = actor->has_by ? sqlite_role(db, &room->id, &actor->by, &role) : 0;

	if (err != 0) {
		return err;
	}
	if (role == ROLE_NONE) {
		return room->visibility == ROOM_PUBLIC ? ERR_NOT_MEMBER : ERR_NOT_FOUND;
	}
	*ret_role = role;
	return 0;
}

int sqlite_actor_check(struct sqlite *db, const struct room_row *room,
	const struct store_actor *actor, enum member_role least)
{
	enum member_role role = ROLE_NONE;
	int err = sqlite_actor_role(db, room, actor, &role);

	if (err != 0) {
		return err;
	}
	return role >= least ? 0 : ERR_FORBIDDEN;
}
