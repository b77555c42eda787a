#include "lib/store/pg_rows.h"
#include "lib/store/pg_sql.h"

#include <stddef.h>

#define ROOM_WITH_ROLE \
	"SELECT " PG_ROOM_COLUMNS ", p.role FROM rooms r" \
	" LEFT JOIN participants p ON p.room_id = r.id AND p.user_id = $2"
#define LISTED PG_ROOM_COLUMNS ", p.role, p.last_read_seq, " PG_MESSAGE_COLUMNS
#define LAST_MESSAGE " LEFT JOIN messages m ON m.room_id = r.id AND m.seq = r.last_seq"
/* Looked up room by room: of a user who is in thousands of them, a join would read all. */
#define OWN_PART \
	" LEFT JOIN LATERAL (SELECT o.role, o.last_read_seq FROM participants o" \
	" WHERE o.room_id = r.id AND o.user_id = $1 LIMIT 1) p ON true"
#define OF_TYPE "($3::smallint IS NULL OR r.type = $3)"
#define MEMBERS " FROM participants p LEFT JOIN users u ON u.id = p.user_id"

const struct pg_sql_row pg_sql_rooms[PG_SQL_COUNT] = {
	/* Locks do no more than stand in the way of an erasure; who was erased meanwhile is not
	 * seen by them, and then updated by the INSERT. In the order of ids, so that two who name
	 * the same new users do not wait for each other. */
	[PG_SQL_USERS_NAME] = {"users_name",
		"WITH named AS MATERIALIZED (SELECT DISTINCT ON (n.id) n.id,"
		" coalesce(n.identity, n.id::text) AS identity"
		" FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS n (id, identity, place)"
		" ORDER BY n.id, n.place),"
		" there AS MATERIALIZED (SELECT u.id FROM users u"
		" WHERE u.id = ANY ($1::uuid[]) AND u.erased_at IS NULL"
		" ORDER BY u.id FOR KEY SHARE)"
		" INSERT INTO users AS u (id, identity, display_name)"
		" SELECT named.id, named.identity, named.identity FROM named"
		" WHERE named.id NOT IN (SELECT there.id FROM there) ORDER BY named.id"
		" ON CONFLICT (id) DO UPDATE SET identity = excluded.identity,"
		" display_name = excluded.display_name, erased_at = NULL,"
		" version = u.version + 1 WHERE u.erased_at IS NOT NULL"},
	[PG_SQL_CHANGE_NOTE] = {"change_note",
		"INSERT INTO changes (origin, room_id, user_id, kind)"
		" VALUES ($1, $2, $3, $4)"},

	[PG_SQL_ROOM_LOCK] = {"room_lock", "SELECT " PG_ROOM_COLUMNS " FROM rooms r WHERE r.id = $1"
					   " FOR NO KEY UPDATE"},
	[PG_SQL_ROOM_LOCK_WHOLE] = {"room_lock_whole",
		"SELECT " PG_ROOM_COLUMNS " FROM rooms r WHERE r.id = $1 FOR UPDATE"},
	[PG_SQL_ROOM_BY_ID] = {"room_by_id", ROOM_WITH_ROLE " WHERE r.id = $1"},
	[PG_SQL_ROOM_BY_ALIAS] = {"room_by_alias", ROOM_WITH_ROLE " WHERE r.alias = $1"},
	/* Two of them are one too many. */
	[PG_SQL_ROOM_BY_NAME] = {"room_by_name", ROOM_WITH_ROLE " WHERE r.name = $1 LIMIT 2"},
	[PG_SQL_ROOM_BY_PAIR] = {"room_by_pair", ROOM_WITH_ROLE " WHERE r.direct_pair = $1"},
	/* No row: somebody has the id, the alias or the pair, or has just had it. Waits for who is
	 * about to. */
	[PG_SQL_ROOM_ADD] = {"room_add",
		"INSERT INTO rooms AS r (id, alias, name, avatar_url, type, visibility, encrypted,"
		" creator_id, direct_pair, member_count) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
		"$9,"
		" $10) ON CONFLICT DO NOTHING RETURNING " PG_ROOM_COLUMNS},
	[PG_SQL_ROOM_SET] = {"room_set",
		"UPDATE rooms r SET alias = $2, name = $3, avatar_url = $4, visibility = $5,"
		" archived_at = CASE WHEN $6 THEN coalesce(r.archived_at, chat_now()) END,"
		" version = r.version + 1 WHERE r.id = $1 RETURNING " PG_ROOM_COLUMNS},
	/* The pair is free for a new room, and this one is archived. */
	[PG_SQL_ROOM_UNPAIR] = {"room_unpair",
		"UPDATE rooms r SET direct_pair = NULL,"
		" version = r.version + CASE WHEN r.archived_at IS NULL THEN 1 ELSE 0 END,"
		" archived_at = coalesce(r.archived_at, chat_now()) WHERE r.id = $1"},
	[PG_SQL_ROOM_DROP] = {"room_drop", "DELETE FROM rooms WHERE id = $1"},
	/* $1 name, $2 id: the place that it goes on from; $3 how many. */
	[PG_SQL_ROOM_LIST] = {"room_list",
		"SELECT " PG_ROOM_COLUMNS " FROM rooms r WHERE (r.name, r.id) > ($1, $2)"
		" ORDER BY r.name, r.id LIMIT $3"},
	/* $1 user, $2 id, $3 type or NULL, $4 how many; of the second also $5 name. */
	[PG_SQL_ROOMS_OF_USER] = {"rooms_of_user",
		"SELECT " LISTED
		" FROM participants p JOIN rooms r ON r.id = p.room_id" LAST_MESSAGE
		" WHERE p.user_id = $1 AND p.room_id > $2 AND " OF_TYPE
		" ORDER BY p.room_id LIMIT $4"},
	[PG_SQL_ROOMS_PUBLIC] = {"rooms_public",
		"SELECT " LISTED " FROM rooms r" OWN_PART LAST_MESSAGE
		" WHERE r.visibility = 0 AND (r.name, r.id) > ($5, $2) AND " OF_TYPE
		" ORDER BY r.name, r.id LIMIT $4"},

	[PG_SQL_DEAD_ADD] = {"dead_add", "INSERT INTO dead_rooms (room_id) VALUES ($1)"},
	[PG_SQL_DEAD_GET] = {"dead_get", "SELECT room_id FROM dead_rooms WHERE room_id = $1"},
	/* One from $1 on that nobody else is at. */
	[PG_SQL_DEAD_LOCK] = {"dead_lock", "SELECT room_id FROM dead_rooms WHERE room_id >= $1"
					   " ORDER BY room_id LIMIT 1 FOR UPDATE SKIP LOCKED"},
	[PG_SQL_DEAD_SWEEP] = {"dead_sweep",
		"DELETE FROM messages WHERE room_id = $1 AND seq <= (SELECT max(f.seq) FROM"
		" (SELECT seq FROM messages WHERE room_id = $1 ORDER BY seq LIMIT $2) f)"},
	[PG_SQL_DEAD_DROP] = {"dead_drop",
		"DELETE FROM dead_rooms WHERE room_id = $1"
		" AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.room_id = $1)"},

	/* $1 room, $2 and $3 users (or NULL): what they are in it. One row. */
	[PG_SQL_MEMBER_ROLES] = {"member_roles",
		"SELECT (SELECT role FROM participants WHERE room_id = $1 AND user_id = $2),"
		" (SELECT role FROM participants WHERE room_id = $1 AND user_id = $3)"},
	/* The highest of the others, and of those the oldest, and his role; only where $2 is Owner:
	 * else nobody needs to know, and nothing is read. */
	[PG_SQL_MEMBER_NEXT] = {"member_next",
		"SELECT user_id, role FROM participants WHERE room_id = $1 AND user_id <> $2"
		" AND (SELECT o.role FROM participants o WHERE o.room_id = $1 AND o.user_id = $2) "
		"= 3"
		" ORDER BY role DESC, joined_at, user_id LIMIT 1"},
	[PG_SQL_MEMBER_ADD] = {"member_add", "INSERT INTO participants (room_id, user_id, role)"
					     " VALUES ($1, $2, $3)"},
	/* $1 room, $2 uuid[], $3 smallint[] roles, $4 origin: into a new room, and noted as added.
	 */
	[PG_SQL_MEMBERS_ADD] = {"members_add",
		"WITH noted AS (INSERT INTO changes (origin, room_id, user_id, kind)"
		" SELECT $4, $1, n.id, 2 FROM unnest($2::uuid[]) AS n (id))"
		" INSERT INTO participants (room_id, user_id, role)"
		" SELECT $1, n.id, n.role FROM unnest($2::uuid[], $3::smallint[]) AS n (id, role)"},
	[PG_SQL_MEMBER_DROP] = {"member_drop",
		"DELETE FROM participants WHERE room_id = $1 AND user_id = $2"},
	[PG_SQL_MEMBERS_DROP] = {"members_drop", "DELETE FROM participants WHERE room_id = $1"},
	[PG_SQL_MEMBER_SET_ROLE] = {"member_set_role",
		"UPDATE participants SET role = $3 WHERE room_id = $1 AND user_id = $2"},
	/* $2: by how many they are more. */
	[PG_SQL_MEMBERS_CHANGED] = {"members_changed",
		"UPDATE rooms r SET member_version = r.member_version + 1,"
		" member_count = r.member_count + $2 WHERE r.id = $1 RETURNING " PG_ROOM_COLUMNS},
	/* One row even where there is nobody, so that the room is seen with them. */
	[PG_SQL_MEMBER_LIST] = {"member_list",
		"SELECT r.member_version, " PG_MEMBER_COLUMNS " FROM rooms r"
		" LEFT JOIN participants p ON p.room_id = r.id LEFT JOIN users u ON u.id = "
		"p.user_id"
		" WHERE r.id = $1 ORDER BY p.role DESC, p.joined_at, p.user_id"},
	[PG_SQL_MEMBER_PAGE] = {"member_page",
		"SELECT " PG_MEMBER_COLUMNS MEMBERS " WHERE p.room_id = $1 AND p.user_id > $2"
		" ORDER BY p.user_id LIMIT $3"},
	[PG_SQL_MEMBER_ONE] = {"member_one",
		"SELECT " PG_MEMBER_COLUMNS MEMBERS " WHERE p.room_id = $1 AND p.user_id = $2"},
};
