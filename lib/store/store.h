/* The store: asynchronous, the same for every back end. A request is a struct that the caller
 * allocates (usually on the arena of its operation) and that belongs to the store from the call
 * until done() runs. A call either refuses at once with a negative error and never calls back, or
 * answers 0 and runs done(call, err) exactly once, later, on the thread of call->reply_to, never
 * inside the call. Results are filled only where err is 0 (append: see there). Results lie on
 * call->arena, which nobody else touches meanwhile. Errors of all: ERR_BUSY (bounded queue full,
 * or kept locked by another program; nothing done), ERR_UNAVAILABLE (store away, nothing done),
 * ERR_STORAGE_FULL, ERR_UNCERTAIN (may have been committed), ERR_CORRUPT, ERR_INTERNAL;
 * ERR_BAD_REQUEST at once for what is outside the ranges given here. Order: writes of one poster
 * are done in the order of the calls; a read sees every write answered before it was called. */
#ifndef LIB_STORE_STORE_H
#define LIB_STORE_STORE_H

#include "lib/base/arena.h"
#include "lib/loop/mailbox.h"
#include "lib/store/model.h"

struct store;
struct store_call;

typedef void (*store_done_fn)(struct store_call *call, int err);

struct store_call {
	struct mail mail; /* the store's, for the way back */
	/* The caller fills these three (store_call_init). */
	struct mailbox *reply_to;
	struct arena *arena;
	store_done_fn done;
	void *owner; /* the caller's, set after store_call_init(); the store does not look at it */
	/* The store's own. */
	struct store_call *next;
	void (*work)(struct store_call *call, void *connection);
	int err;
	const char *why; /* where err is set, a sentence for the operator's log, or NULL */
};

void store_call_init(
	struct store_call *call, struct mailbox *reply_to, struct arena *arena, store_done_fn done);

/* ---- messages ---- */

enum append_outcome {
	APPEND_STORED = 0, /* seq, sent_ms, member_version are set */
	APPEND_REPEATED = 1, /* seq, sent_ms are those of the first */
	APPEND_CONFLICT = 2, /* the same key with other content; seq is the first's */
	APPEND_NOT_MEMBER = 3, /* or no such room */
	APPEND_ARCHIVED = 4,
	APPEND_FAILED = 5, /* err says why (this row alone) */
};

struct append_item {
	/* in; validated by the caller: lengths, UTF-8, no U+0000 */
	struct uuid room, sender;
	uint8_t client_key[16]; /* store_client_key(), or a UUIDv7 where the client gave no id */
	uint8_t body_hash[8]; /* store_body_hash() */
	enum message_type type;
	uint64_t ref_seq;
	struct bytes client_message_id, content, nonce, auth_tag, attachment;
	bool encrypted;
	void *owner; /* the caller's */
	/* out */
	enum append_outcome outcome;
	int err;
	uint64_t seq;
	uint32_t epoch_no; /* under which that number was given: part of the message's id */
	int64_t sent_ms;
	uint64_t member_version; /* of the room when it was stored */
};

/* Stores many messages of any rooms, in this order within each room, with one COMMIT (together with
 * other requests that wait). Numbers have no holes. done's err is for the batch as a whole: where
 * it is set, nothing is known stored (ERR_UNCERTAIN) or nothing is stored. */
struct store_append {
	struct store_call call;
	struct append_item *items;
	size_t count;
};

/* A page of a room's messages in ascending order of seq: those with after_seq < seq < before_seq
 * (before_seq 0: no bound); newest: the limit cuts at the old end, else at the new end. Edit and
 * Delete entries are rows like the others. */
struct store_page {
	struct store_call call;
	struct uuid room;
	uint64_t after_seq, before_seq;
	uint32_t limit; /* 1 to 1000 */
	size_t max_bytes; /* no further row is read once those read weigh so much (512 bytes each,
			     and what senders decided); 0: no bound */
	bool newest;
	/* out */
	struct message_row *rows;
	size_t count;
	bool cut; /* max_bytes ended the page: there may be more rows */
	uint64_t last_seq; /* the room's head in the same snapshot; ERR_NOT_FOUND where there is no
			      room */
	uint64_t first_kept_seq; /* lowest number still stored, last_seq + 1 where none is */
};

/* ---- rooms ---- */

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
 * different members. Users that are no rows yet are made with their identity as display name. */
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
 * public_only: the room must be Public unless the user is in it already (else ERR_NOT_FOUND). */
struct store_member_add {
	struct store_call call;
	struct uuid room, user;
	enum member_role role;
	bool public_only;
	/* out */
	bool added;
	struct room_row row;
	enum member_role now;
};

/* Removes a participant; the last Owner leaving makes the oldest Admin, else the oldest Member,
 * Owner. ERR_NOT_MEMBER where he was none. */
struct store_member_remove {
	struct store_call call;
	struct uuid room, user;
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

/* ---- users ---- */

struct room_of_user {
	struct room_row room;
	enum member_role role;
	uint64_t last_read_seq;
};

/* What a connection needs at its start: the user, made where it is new, and his rooms, all in one
 * round trip. */
struct store_user_open {
	struct store_call call;
	struct uuid user;
	struct bytes identity;
	struct bytes display_name;
	/* out */
	struct user_row row;
	struct room_of_user *rooms;
	size_t room_count;
};

struct store_status {
	struct store_call call;
	/* out */
	uint64_t users, rooms, messages;
	uint64_t size_bytes;
	uint32_t schema; /* number of the last migration */
};

struct store_ops {
	const char *name; /* "sqlite" */
	int (*append)(struct store *store, struct store_append *req);
	int (*page)(struct store *store, struct store_page *req);
	int (*room_find)(struct store *store, struct store_room_find *req);
	int (*room_create)(struct store *store, struct store_room_create *req);
	int (*room_list)(struct store *store, struct store_room_list *req);
	int (*member_add)(struct store *store, struct store_member_add *req);
	int (*member_remove)(struct store *store, struct store_member_remove *req);
	int (*member_list)(struct store *store, struct store_member_list *req);
	int (*user_open)(struct store *store, struct store_user_open *req);
	int (*status)(struct store *store, struct store_status *req);
	void (*stop)(struct store *store);
	void (*close)(struct store *store);
};

/* What never changes while a store is open. Embedded as the first member of every back end (and of
 * fakes in tests). */
struct store {
	const struct store_ops *ops;
	char epoch[17]; /* 16 hex digits and NUL */
	uint32_t epoch_no; /* of that epoch, stored with each message */
	uint8_t fleet_secret[32];
	/* Former epochs by number: epochs[no] is 16 hex digits and NUL; epoch_count is epoch_no
	 * + 1. Numbers without a row are empty. */
	char (*epochs)[17];
	uint32_t epoch_count;
};

struct store_open_params {
	struct bytes url; /* sqlite:PATH */
	bool migrate; /* apply what is missing; else ERR_CONFIG where something is */
	const struct clock *clock;
	size_t max_queued; /* requests that may wait: 0 is 16384 (messages count singly) */
};

/* Opens, locks and migrates; blocking. ret_why: a sentence for the operator on failure, in a buffer
 * the caller finishes. ERR_CONFIG (URL, schema newer than the program), ERR_BUSY (another process
 * has it), ERR_CORRUPT (refused, nothing changed), ERR_SYSTEM, ERR_STORAGE_FULL. */
int store_open(
	const struct store_open_params *params, struct store **ret_store, struct buf *ret_why);
/* Blocking: what was accepted is finished and answered (posted); what is asked from now on is
 * refused with ERR_UNAVAILABLE. What never changes can be read until store_close(). Nobody may call
 * the store from another thread meanwhile. */
void store_stop(struct store *store);
/* store_stop(), and the store is gone. */
void store_close(struct store **store);

/* First 16 bytes of SHA-256(sender id, client message id). */
void store_client_key(const struct uuid *sender, struct bytes client_message_id, uint8_t out[16]);
/* First 8 bytes of SHA-256 over type, ref_seq, attachment, content or cipher text, nonce, tag, each
 * with its length. */
void store_body_hash(const struct append_item *item, uint8_t out[8]);

/* The id of a stored message (computed, DESIGN.md), or the one it was imported with. */
void store_message_id(
	const struct store *store, const struct message_row *row, struct uuid *ret_id);

static inline int store_append(struct store *s, struct store_append *req)
{
	return s->ops->append(s, req);
}

static inline int store_page(struct store *s, struct store_page *req)
{
	return s->ops->page(s, req);
}

static inline int store_room_find(struct store *s, struct store_room_find *req)
{
	return s->ops->room_find(s, req);
}

static inline int store_room_create(struct store *s, struct store_room_create *req)
{
	return s->ops->room_create(s, req);
}

static inline int store_room_list(struct store *s, struct store_room_list *req)
{
	return s->ops->room_list(s, req);
}

static inline int store_member_add(struct store *s, struct store_member_add *req)
{
	return s->ops->member_add(s, req);
}

static inline int store_member_remove(struct store *s, struct store_member_remove *req)
{
	return s->ops->member_remove(s, req);
}

static inline int store_member_list(struct store *s, struct store_member_list *req)
{
	return s->ops->member_list(s, req);
}

static inline int store_user_open(struct store *s, struct store_user_open *req)
{
	return s->ops->user_open(s, req);
}

static inline int store_status(struct store *s, struct store_status *req)
{
	return s->ops->status(s, req);
}

#endif
