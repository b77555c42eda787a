/* Inside the SQLite back end: the open store, and the functions that do the requests on its two
 * threads. Included by sqlite_*.c only. */
#ifndef LIB_STORE_SQLITE_STORE_H
#define LIB_STORE_SQLITE_STORE_H

#include "lib/base/clock.h"
#include "lib/store/admin.h"
#include "lib/store/migrate.h"
#include "lib/store/sqlite.h"
#include "lib/store/sqlite_file.h"
#include "lib/store/sqlite_thread.h"
#include "lib/store/store.h"

struct sqlite_store;
struct append_ref;

/* How many there are takes a walk over whole tables: where that is long, it is told again for a
 * while.
 */
struct sqlite_counts {
	uint64_t users, rooms, messages;
	uint64_t until_us; /* monotonic; 0: never counted, or it took no time to speak of */
};

/* What one of the threads works with; nothing of it is seen by another thread while that runs. */
struct sqlite_connection {
	struct sqlite_store *store; /* what is in it does not change after opening */
	struct sqlite *db;
	int64_t now_ms; /* writer: the time of this transaction */
	bool found_damage; /* writer: a request of this transaction met ERR_CORRUPT and is marked */
	struct append_ref *refs; /* writer: the messages of one run of appends */
	size_t ref_cap;
	struct sqlite_counts counts; /* reader */
};

struct sqlite_store {
	struct store base;
	const struct clock *clock;
	struct sqlite_file file;
	struct sqlite_connection write, read;
	struct sqlite_thread *writer, *reader;
};

extern const struct store_ops sqlite_store_ops; /* sqlite_ops.c */
/* Both take a store that is half open as well. */
void sqlite_store_stop(struct sqlite_store *store);
void sqlite_store_destroy(struct sqlite_store *store);

/* What becomes of migrations that are missing. */
struct sqlite_migrate {
	bool allowed; /* else ERR_CONFIG */
	uint32_t to; /* number of the last to be applied, 0: all */
	store_admin_step_fn step; /* after each, or NULL */
	void *ctx;
};

/* What is applied; the caller frees rows. */
struct sqlite_applied {
	struct migration_applied *rows;
	size_t count;
};
int sqlite_schema_list(struct sqlite *db, struct sqlite_applied *ret_list, struct buf *why);

/* Migrates and reads what never changes into store->base (sqlite_schema.c). db: the writer's. */
int sqlite_schema_open(
	struct sqlite_store *store, const struct sqlite_migrate *migrate, struct buf *why);
/* Begins a new epoch, and reads it into store->base. */
int sqlite_schema_new_epoch(struct sqlite_store *store, struct buf *why);
/* Opens as sqlite_store_open() does, begins a new epoch where not only planned, and closes. */
int sqlite_store_new_epoch(
	struct bytes path, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why);
/* Opens as sqlite_store_open() does, migrates, and closes. */
int sqlite_store_migrate(struct bytes path, const struct sqlite_migrate *migrate, struct buf *why);
/* Judges the schema without writing anything. */
int sqlite_schema_look(struct sqlite *db, size_t *ret_missing, struct buf *why);
/* ERR_CORRUPT with what SQLite found. */
int sqlite_schema_check(struct sqlite *db, const char *path, struct buf *why);

/* The functions of the threads: ctx is the struct sqlite_connection. */
void sqlite_write_list(void *ctx, struct store_call *list);
void sqlite_read_list(void *ctx, struct store_call *list);

/* true: the whole transaction is lost with this error, not only the call that met it. */
bool sqlite_error_is_fatal(const struct sqlite_connection *connection, int err);

/* Fills call->why where call->err is the store's fault and not an answer. */
void sqlite_explain(const struct sqlite_connection *connection, struct store_call *call);

/* Works for call->work: they set call->err. They run inside a transaction and may run again after
 * it was rolled back. */
#define X(request) void sqlite_##request##_work(struct store_call *call, void *connection);
STORE_REQUESTS(X)
#undef X
/* On the reader's thread sqlite_user_open_work does not answer users who are new: err is
 * ERR_NOT_FOUND, and the call is passed to the writer with this. */
void sqlite_user_make_work(struct store_call *call, void *connection);
/* Takes back what sqlite_sent_erase_work says of a transaction that was lost. */
void sqlite_sent_erase_begin(struct store_call *call);
/* A purge that only counts, on the reader's thread. */
void sqlite_purge_plan_work(struct store_call *call, void *connection);

/* call->err of a work on the reader's thread that wants to go on later, so that others get their
 * turn. */
enum { SQLITE_GO_ON = 1 };

/* What lib/store/judge.h asks for: the role of an actor in a room (the operator has none), and that
 * of the user as well. ROLE_NONE where there is no such room or he is not in it. */
int sqlite_actor_role(struct sqlite *db, const struct uuid *room, const struct store_actor *actor,
	enum member_role *ret_role);
int sqlite_both_roles(struct sqlite *db, const struct uuid *room, const struct store_actor *actor,
	const struct uuid *user, enum member_role *ret_by, enum member_role *ret_role);

/* A room while messages are appended to it (sqlite_append.c); raised with each that is stored. */
struct room_head {
	uint64_t seq;
	int64_t sent_ms; /* of messages that are stored now */
	int64_t activity_ms;
	uint64_t member_version;
	bool archived;
};
/* Binds the columns that SQL_MESSAGE_ADD and SQL_MESSAGE_IMPORT share. */
void sqlite_append_bind(const struct sqlite_connection *connection, struct sqlite_stmt *stmt,
	const struct append_item *item, const struct room_head *head, int64_t sent_ms);
/* The item is the room's newest message now. */
void sqlite_append_stored(const struct sqlite_connection *connection, struct append_item *item,
	struct room_head *head, int64_t sent_ms);
/* Puts one in as it is where the sender is a member and the key is new. 1: stored; 0: not. */
int sqlite_append_insert(
	struct sqlite_connection *connection, struct append_item *item, struct room_head *head);
/* 1: the key is taken, and outcome is REPEATED or CONFLICT; 0: it is new. */
int sqlite_append_first(struct sqlite *db, struct append_item *item);
/* sqlite_entries.c: items of type Edit and Delete, and imported ones. */
int sqlite_append_change(
	struct sqlite_connection *connection, struct append_item *item, struct room_head *head);
int sqlite_append_import(
	struct sqlite_connection *connection, struct append_item *item, struct room_head *head);

/* Takes the content of one message. */
int sqlite_message_blank(struct sqlite *db, const struct uuid *room, uint64_t seq, int64_t now_ms);

/* Which message of the room has the id, computed or imported. 1: *ret_seq; 0: none. */
int sqlite_message_seq(const struct sqlite_connection *connection, const struct uuid *room,
	const struct uuid *id, uint64_t *ret_seq);

/* The append calls from first up to, not including, end, as one: sorted by room. 0, or an error
 * for which the transaction must be rolled back. Outcomes are in the items. */
int sqlite_append_run(
	struct sqlite_connection *connection, struct store_call *first, struct store_call *end);

/* Makes the user where he is no row yet. A row that others made gets his own name now; one that he
 * has opened stays. */
int sqlite_user_come(struct sqlite_connection *connection, const struct uuid *user,
	struct bytes identity, struct bytes display_name);
/* Makes the user with his identity as display name where he is no row yet. */
int sqlite_user_name(
	struct sqlite_connection *connection, const struct uuid *user, struct bytes identity);

#endif
