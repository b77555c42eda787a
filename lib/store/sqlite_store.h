/* Inside the SQLite back end: the open store, and the functions that do the requests on its two
 * threads. Included by sqlite_*.c only. */
#ifndef LIB_STORE_SQLITE_STORE_H
#define LIB_STORE_SQLITE_STORE_H

#include "lib/base/clock.h"
#include "lib/store/sqlite.h"
#include "lib/store/sqlite_file.h"
#include "lib/store/sqlite_thread.h"
#include "lib/store/store.h"

struct sqlite_store;
struct append_ref;

/* What one of the threads works with; nothing of it is seen by another thread while that runs. */
struct sqlite_connection {
	struct sqlite_store *store; /* what is in it does not change after opening */
	struct sqlite *db;
	int64_t now_ms; /* writer: the time of this transaction */
	bool found_damage; /* writer: a request of this transaction met ERR_CORRUPT and is marked */
	struct append_ref *refs; /* writer: the messages of one run of appends */
	size_t ref_cap;
};

struct sqlite_store {
	struct store base;
	const struct clock *clock;
	struct sqlite_file file;
	struct sqlite_connection write, read;
	struct sqlite_thread *writer, *reader;
};

extern const struct store_ops sqlite_store_ops;

/* Migrates and reads what never changes into store->base (sqlite_schema.c). db: the writer's. */
int sqlite_schema_open(struct sqlite_store *store, bool migrate, struct buf *why);
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
void sqlite_append_work(struct store_call *call, void *connection);
void sqlite_page_work(struct store_call *call, void *connection);
void sqlite_status_work(struct store_call *call, void *connection);
void sqlite_room_find_work(struct store_call *call, void *connection);
void sqlite_room_list_work(struct store_call *call, void *connection);
void sqlite_room_create_work(struct store_call *call, void *connection);
void sqlite_member_add_work(struct store_call *call, void *connection);
void sqlite_member_remove_work(struct store_call *call, void *connection);
void sqlite_member_list_work(struct store_call *call, void *connection);
/* On the reader's thread it does not answer users who are new: err is ERR_NOT_FOUND, and the call
 * is passed to the writer with sqlite_user_make_work. */
void sqlite_user_open_work(struct store_call *call, void *connection);
void sqlite_user_make_work(struct store_call *call, void *connection);

/* The append calls from first up to, not including, end, as one: sorted by room. 0, or an error
 * for which the transaction must be rolled back. Outcomes are in the items. */
int sqlite_append_run(
	struct sqlite_connection *connection, struct store_call *first, struct store_call *end);

/* Makes the user with his identity as display name where he is no row yet. */
int sqlite_user_name(
	struct sqlite_connection *connection, const struct uuid *user, struct bytes identity);

#endif
