/* Requests for users. See store.h for what holds for all. */
#ifndef LIB_STORE_STORE_USERS_H
#define LIB_STORE_STORE_USERS_H

#include "lib/store/store_call.h"
#include "lib/store/store_rooms.h"

/* What a connection needs at its start: the user, made where it is new, and his rooms, all in one
 * round trip. */
struct store_user_open {
	struct store_call call;
	struct uuid user;
	struct bytes identity;
	struct bytes display_name;
	/* out */
	struct user_row row;
	struct room_row *rooms;
	size_t room_count;
};

/* ERR_NOT_FOUND. One who was erased is found. */
struct store_user_find {
	struct store_call call;
	struct uuid user;
	/* out */
	struct user_row row;
};

/* Users by identity, then id, after a place (after_identity.ptr NULL: from the start). Those who
 * were erased only if they are banned. */
struct store_user_list {
	struct store_call call;
	bool banned_only;
	struct bytes after_identity;
	struct uuid after_id;
	uint32_t limit; /* 1 to 1000 */
	/* out */
	struct user_row *users;
	size_t count;
};

/* A user changes his profile; raises version where something is different. He is made where he is
 * no row yet, with his identity as display name. From now on the name in his tokens does not count.
 * ERR_PRECONDITION. */
struct store_user_update {
	struct store_call call;
	struct uuid user;
	struct bytes identity;
	bool set_name, set_avatar;
	struct bytes display_name; /* not empty */
	struct bytes avatar_url; /* len 0 takes it away */
	uint64_t expect_version; /* 0: any */
	/* out */
	struct user_row row;
};

/* Bans, or lets in again, or refuses tokens issued before now. The user is made where he is no row
 * yet. Who is banned once more stays banned since the first time, for the new reason. */
struct store_user_bar {
	struct store_call call;
	struct uuid user;
	struct bytes identity; /* of a user that is new; len 0: his id's text */
	bool set_banned, banned;
	struct bytes reason;
	bool set_tokens_from; /* the first whole second after now; never moves back */
	/* out */
	struct user_row row;
};

/* Takes name, picture and identity (which becomes the id's text) of a user and refuses the tokens
 * that he has; a new one makes him anew, and so does who names him (as member, or to ban him). His
 * memberships must be gone (ERR_CONFLICT), what he sent is not touched, a ban stays. Once more does
 * no harm. ERR_NOT_FOUND. */
struct store_user_erase {
	struct store_call call;
	struct uuid user;
	/* out */
	struct user_row row;
};

/* All users that are banned or have revoked tokens, by id, after one. */
struct store_bar_list {
	struct store_call call;
	struct uuid after;
	uint32_t limit; /* 1 to 1000 */
	/* out */
	struct user_row *users;
	size_t count;
};

#endif
