/* Users and participants as each door shows them. */
#ifndef CHATD_OPS_PEOPLE_H
#define CHATD_OPS_PEOPLE_H

#include "chatd/op/op.h"
#include "lib/store/store.h"

/* {roomId, userId, displayName, role, joinedAt, lastReadAt, lastReadSeq, lastDeliveredSeq, muted};
 * for the operator also identity. */
struct value people_member(const struct op *op, struct arena *arena, const struct uuid *room,
	const struct member_row *row);

enum people_view {
	PEOPLE_OTHER, /* {id, displayName, avatarUrl, status, lastSeenAt} */
	PEOPLE_SELF, /* identity and createdAt too */
	PEOPLE_OPERATOR, /* bans and revocations too */
};
/* connections: his hub connections on this node, or -1 where nobody asked: then status is left out.
 */
struct value people_user(struct arena *arena, const struct user_row *row, enum people_view view,
	int64_t connections);
/* The same object with room for more members. */
struct value people_extend(struct arena *arena, const struct value *object, uint32_t more);

#endif
