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

#include "lib/store/store_call.h"
#include "lib/store/store_messages.h"
#include "lib/store/store_rooms.h"
#include "lib/store/store_shared.h"
#include "lib/store/store_users.h"

struct store;

struct store_status {
	struct store_call call;
	/* out */
	uint64_t users, rooms, messages; /* where counting is long, as of a while ago: up to 100
					    times what it took */
	uint64_t size_bytes;
	uint32_t schema; /* number of the last migration */
};

/* Whether writing works: an empty transaction by way of everything that writes before it. */
struct store_ping {
	struct store_call call;
};

/* Every request: X(name) stands for the struct store_name and its function store_name(). */
#define STORE_REQUESTS(X) \
	X(append) \
	X(page) \
	X(message_find) \
	X(sent_page) \
	X(sent_erase) \
	X(purge) \
	X(room_find) \
	X(room_create) \
	X(room_list) \
	X(room_update) \
	X(room_delete) \
	X(room_sweep) \
	X(rooms_page) \
	X(member_add) \
	X(member_remove) \
	X(member_role) \
	X(member_list) \
	X(member_page) \
	X(user_open) \
	X(user_find) \
	X(user_list) \
	X(user_update) \
	X(user_bar) \
	X(user_erase) \
	X(bar_list) \
	X(watch) \
	X(heads) \
	X(status) \
	X(ping)

struct store_ops {
	const char *name; /* "sqlite" */
#define X(request) int (*request)(struct store * store, struct store_##request * req);
	STORE_REQUESTS(X)
#undef X
	/* NULL where threads share the store itself. */
	int (*attach)(struct store *store, struct loop *loop, struct store **ret_store);
	void (*stop)(struct store *store);
	void (*close)(struct store *store);
};

/* What never changes while a store is open. Embedded as the first member of every back end (and of
 * fakes in tests). */
struct store {
	const struct store_ops *ops;
	bool shared; /* other programs may write to it (store_shared.h) */
	char epoch[17]; /* 16 hex digits and NUL */
	uint32_t epoch_no; /* of that epoch, stored with each message */
	uint8_t fleet_secret[32];
	/* Former epochs by number: epochs[no] is 16 hex digits and NUL; epoch_count is epoch_no
	 * + 1. Numbers without a row are empty. */
	char (*epochs)[17];
	uint32_t epoch_count;
};

struct store_open_params {
	struct bytes url; /* sqlite:PATH, postgresql://..., Npgsql's Host=...;... */
	bool migrate; /* apply what is missing; else ERR_CONFIG where something is */
	const struct clock *clock;
	/* A connection to the database was lost, or cannot be made (err, why: a sentence); err 0:
	 * one is there again. On any thread that uses the store, as often as it happens. Or NULL.
	 */
	void (*on_link)(void *ctx, int err, const char *why);
	void *on_link_ctx;
	unsigned links; /* PostgreSQL: most connections of each attached thread, 3 to 64; 0 is 4 */
	size_t max_queued; /* requests that may wait: 0 is 16384 (messages count singly) */
};

/* Opens, locks and migrates; blocking. ret_why: a sentence for the operator on failure, in a buffer
 * the caller finishes. ERR_CONFIG (URL, schema newer than the program), ERR_BUSY (another process
 * has it), ERR_CORRUPT (refused, nothing changed), ERR_SYSTEM, ERR_STORAGE_FULL, ERR_UNAVAILABLE
 * (the server cannot be reached now). */
int store_open(
	const struct store_open_params *params, struct store **ret_store, struct buf *ret_why);
/* What one thread uses, on whose loop it works; all its calls come from there and are answered
 * there. Before the loop runs, or on its thread. Lives until store_detach(), before the loop is
 * destroyed and before store_close(). Where threads share the store it is the store itself. */
int store_attach(struct store *store, struct loop *loop, struct store **ret_store);
/* After store_stop(). */
void store_detach(struct store *store, struct store **attached);
/* Blocking: what was accepted is finished and answered (posted); what is asked from now on is
 * refused with ERR_UNAVAILABLE. What never changes can be read until store_close(). Nobody may call
 * the store from another thread meanwhile. */
void store_stop(struct store *store);
/* store_stop(), all are detached, and the store is gone. */
void store_close(struct store **store);

/* First 16 bytes of SHA-256(sender id, client message id). */
void store_client_key(const struct uuid *sender, struct bytes client_message_id, uint8_t out[16]);
/* First 8 bytes of SHA-256 over type, ref_seq, attachment, content or cipher text, nonce, tag, each
 * with its length. */
void store_body_hash(const struct append_item *item, uint8_t out[8]);

/* A new epoch's name: 64 random bits as 16 hex digits, and NUL. */
void store_epoch_make(char out[17]);

/* The id of a stored message (computed, DESIGN.md), or the one it was imported with. */
void store_message_id(
	const struct store *store, const struct message_row *row, struct uuid *ret_id);

#define X(request) \
	static inline int store_##request(struct store *store, struct store_##request *req) \
	{ \
		return store->ops->request(store, req); \
	}
STORE_REQUESTS(X)
#undef X

#endif
