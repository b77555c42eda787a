/* Requests for rooms and participants. See store.h for what holds for all. */
#ifndef LIB_STORE_STORE_ROOMS_H
#define LIB_STORE_STORE_ROOMS_H

#include "lib/store/store_call.h"

/* A room by id, alias (folded) or name that is unique, and the caller's part in it, with
 * member_count. ERR_NOT_FOUND; ERR_CONFLICT where a name is not unique. */
struct store_room_find {
	struct store_call call;
	struct bytes ref;
	bool by_name; /* names count too, not only ids and aliases */
	bool has_user;
	struct uuid user;
	/* out */
	struct room_row room;
	enum member_role role;
};

/* Makes a room and its first participants (the creator becomes Owner; ROLE_NONE is Member; who is
 * named twice counts once). ERR_EXISTS where the alias or the id is taken (room is then the one
 * that has it); for a Direct room of a pair that has one already: err 0, created false, room is the
 * first one. ERR_BAD_ROOM: the alias; ERR_BAD_REQUEST: no id, or a Direct room without exactly two
 * different members; ERR_CONFLICT: messages of a deleted room of that id are still being removed.
 * A Direct room is always Private. Users that are no rows yet are made with their identity as
 * display name. */
struct store_new_member {
	struct uuid user;
	struct bytes identity; /* claim text; len 0: the id's text */
	enum member_role role;
};
struct store_room_create {
	struct store_call call;
	/* in: id, alias, name, avatar_url, type, visibility, encrypted, has_creator, creator; out:
	 * all */
	struct room_row room;
	struct store_new_member *members;
	size_t member_count;
	/* out */
	bool created;
	/* The store's own. */
	struct room_row asked; /* room as it was given */
};

/* Rooms for the operator, by name then id, after a place given by the last row of the page before
 * (after_name.ptr NULL: from the start). */
struct store_room_list {
	struct store_call call;
	struct bytes after_name;
	struct uuid after_id;
	uint32_t limit; /* 1 to 1000 */
	/* out */
	struct room_row *rooms;
	size_t count;
};

/* ---- members ---- */

/* Adds a participant; raises member_version where that is new; one who is in keeps his role. A user
 * that is no row yet is made with his id as identity. ERR_NOT_FOUND: no such room.
 * public_only: the room must be Public unless the user is in it already (else ERR_NOT_FOUND).
 * Into a Direct room nobody is added (ERR_FORBIDDEN), nor by an actor that is neither Admin nor
 * Owner, nor with a role above the actor's own. The actor is judged first, then whether the user is
 * in already. */
struct store_member_add {
	struct store_call call;
	struct uuid room, user;
	struct bytes identity; /* of a user that is new; len 0: his id's text */
	enum member_role role;
	bool public_only;
	struct store_actor actor; /* somebody who adds another; has_by false also for who joins */
	/* out */
	bool added;
	struct room_row row;
	enum member_role now;
};

/* Removes a participant; the last Owner leaving makes the oldest Admin, else the oldest Member,
 * Owner. ERR_NOT_MEMBER where he was none (ERR_NOT_FOUND: no such room). An actor that is not the
 * user himself must be Owner, or Admin and the other below Admin (ERR_FORBIDDEN, also where the
 * other is no member). From a Direct room nobody is removed (ERR_FORBIDDEN) unless even_direct:
 * then the pair is free for a new room, and this one is archived. */
struct store_member_remove {
	struct store_call call;
	struct uuid room, user;
	struct store_actor actor;
	bool even_direct;
	/* out */
	struct room_row row;
	bool has_successor;
	struct uuid successor;
};

/* ERR_NOT_FOUND: no such room. */
struct store_member_list {
	struct store_call call;
	struct uuid room;
	/* out, by role downwards, then joined_ms */
	struct member_row *members;
	size_t count;
	uint64_t member_version; /* of the room, in the same snapshot */
};

/* Gives a participant another role; raises member_version. An actor must be Owner, or Admin who
 * makes a Member Admin, or himself Member. ERR_NOT_MEMBER: the user is none; ERR_CONFLICT: he is
 * the last Owner; ERR_FORBIDDEN also in Direct rooms. */
struct store_member_role {
	struct store_call call;
	struct uuid room, user;
	enum member_role role;
	struct store_actor actor;
	/* out */
	bool changed;
	struct room_row row;
};

/* Participants in the order of their ids, after one (nil: from the start). ERR_NOT_FOUND. */
struct store_member_page {
	struct store_call call;
	struct uuid room, after;
	uint32_t limit; /* 1 to 1000 */
	bool only; /* the participant `after` alone, or none */
	/* out */
	struct member_row *members;
	size_t count;
};

enum room_change {
	ROOM_SET_NAME = 1,
	ROOM_SET_ALIAS = 2, /* folded; len 0 takes it away */
	ROOM_SET_AVATAR = 4, /* len 0 takes it away */
	ROOM_SET_VISIBILITY = 8, /* not of Direct rooms: ERR_FORBIDDEN */
	ROOM_SET_ARCHIVED = 16,
};
/* Changes what is set of a room; raises version where something is different. An actor must be
 * Admin or Owner. ERR_NOT_FOUND, ERR_EXISTS (alias), ERR_BAD_ROOM (alias), ERR_PRECONDITION. */
struct store_room_update {
	struct store_call call;
	struct uuid room;
	unsigned changes; /* of enum room_change */
	struct bytes name, alias, avatar_url;
	enum room_visibility visibility;
	bool archived;
	uint64_t expect_version; /* 0: any */
	struct store_actor actor;
	/* out */
	bool changed;
	struct room_row row; /* with member_count */
};

/* Deletes a room with its participants at once; its messages are removed by store_room_sweep(). An
 * actor must be Owner (of a Direct room: a participant). ERR_NOT_FOUND, ERR_PRECONDITION. */
struct store_room_delete {
	struct store_call call;
	struct uuid room;
	uint64_t expect_version; /* 0: any */
	struct store_actor actor;
	/* out */
	struct room_row row; /* as it was */
};

/* Removes messages of deleted rooms, of any, at most limit (an empty room counts as one). */
struct store_room_sweep {
	struct store_call call;
	uint32_t limit; /* 1 to 10000 */
	/* out */
	bool more;
};

/* A room as its list shows it. */
struct room_listed {
	struct room_row room; /* with member_count */
	enum member_role role; /* of the user, or ROLE_NONE */
	uint64_t last_read_seq;
	bool has_last;
	struct message_row last; /* the newest message, which may be an Edit or a Delete */
};

/* Rooms for a user, after a place: his own in the order of their ids (after_id; nil: from the
 * start), or the Public ones by name, then id (after_name.ptr NULL: from the start). */
struct store_rooms_page {
	struct store_call call;
	struct uuid user;
	bool all_public; /* the Public ones, his own or not */
	bool has_type;
	enum room_type type;
	struct bytes after_name;
	struct uuid after_id;
	uint32_t limit; /* 1 to 1000 */
	/* out */
	struct room_listed *rooms;
	size_t count;
};

#endif
