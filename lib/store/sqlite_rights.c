/* The roles that a judgement is made on, read in the transaction that acts on it. */
#include "lib/base/err.h"
#include "lib/store/sqlite_rows.h"
#include "lib/store/sqlite_store.h"

int sqlite_actor_role(struct sqlite *db, const struct uuid *room, const struct store_actor *actor,
	enum member_role *ret_role)
{
	if (!actor->has_by) {
		*ret_role = ROLE_NONE;
		return 0;
	}
	return sqlite_role(db, room, &actor->by, ret_role);
}

int sqlite_both_roles(struct sqlite *db, const struct uuid *room, const struct store_actor *actor,
	const struct uuid *user, enum member_role *ret_by, enum member_role *ret_role)
{
	int err = sqlite_actor_role(db, room, actor, ret_by);

	return err != 0 ? err : sqlite_role(db, room, user, ret_role);
}
