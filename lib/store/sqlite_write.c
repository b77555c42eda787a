/* The writer's thread: everything that waits becomes one transaction and one COMMIT. */
#include "lib/base/err.h"
#include "lib/store/sqlite_store.h"

/* How much damage one list may meet before it fails as a whole. */
enum { MAX_TRIES = 16 };

bool sqlite_error_is_fatal(const struct sqlite_connection *connection, int err)
{
	return err == ERR_STORAGE_FULL || err == ERR_UNAVAILABLE || err == ERR_BUSY ||
	       err == ERR_UNCERTAIN || (err != 0 && !sqlite_in_transaction(connection->db));
}

void sqlite_explain(const struct sqlite_connection *connection, struct store_call *call)
{
	static const int ours[] = {ERR_STORAGE_FULL, ERR_UNAVAILABLE, ERR_BUSY, ERR_UNCERTAIN,
		ERR_CORRUPT, ERR_INTERNAL, ERR_TOO_LARGE};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (call->err == ours[i]) {
			call->why = call->arena != NULL
					    ? arena_strdup(call->arena, sqlite_why(connection->db))
					    : "SQLite failed";
		}
	}
}

static struct store_call *run_end(struct store_call *first)
{
	struct store_call *call = first;

	while (call != NULL && call->work == sqlite_append_work) {
		call = call->next;
	}
	return call;
}

/* A request of another kind: what it wrote is undone where it fails, its neighbours stay. 0, or an
 * error for which the transaction cannot go on. */
static int run_alone(struct sqlite_connection *connection, struct store_call *call)
{
	if (call->err == ERR_CORRUPT) {
		return 0; /* it met damage before, and the others are run again */
	}
	int err = sqlite_run_plain(connection->db, SQL_SAVE);
	if (err != 0) {
		return err;
	}
	call->err = 0;
	call->work(call, connection);
	if (call->err == 0) {
		return sqlite_run_plain(connection->db, SQL_SAVE_DROP);
	}
	sqlite_explain(connection, call);
	if (call->err == ERR_CORRUPT) {
		connection->found_damage = true;
		return call->err;
	}
	if (sqlite_error_is_fatal(connection, call->err)) {
		return call->err;
	}
	err = sqlite_run_plain(connection->db, SQL_SAVE_UNDO);
	return err != 0 ? err : sqlite_run_plain(connection->db, SQL_SAVE_DROP);
}

static int run_all(struct sqlite_connection *connection, struct store_call *list)
{
	struct store_call *call = list;

	while (call != NULL) {
		struct store_call *end = run_end(call);
		int err;
		if (end != call) {
			err = sqlite_append_run(connection, call, end);
		} else {
			err = run_alone(connection, call);
			end = call->next;
		}
		if (err != 0) {
			return err;
		}
		call = end;
	}
	return 0;
}

static int transact(struct sqlite_connection *connection, struct store_call *list)
{
	int err = sqlite_run_plain(connection->db, SQL_BEGIN_WRITE);

	if (err == 0) {
		connection->now_ms = clock_wall_ms(connection->store->clock);
		err = run_all(connection, list);
	}
	if (err == 0) {
		err = sqlite_commit(connection->db);
	}
	sqlite_rollback(connection->db);
	return err;
}

/* What each starts with; err: of all messages. */
static void set_all(struct sqlite_connection *connection, struct store_call *list, int err)
{
	for (struct store_call *call = list; call != NULL; call = call->next) {
		call->err = err;
		call->why = NULL;
		sqlite_explain(connection, call);
		if (call->work == sqlite_sent_erase_work) {
			sqlite_sent_erase_begin(call);
		}
		if (call->work != sqlite_append_work) {
			continue;
		}
		struct store_append *req = CONTAINER_OF(call, struct store_append, call);
		for (size_t i = 0; i < req->count; i++) {
			req->items[i].outcome = APPEND_FAILED;
			req->items[i].err = err;
		}
	}
}

static void answer_all(struct store_call *list)
{
	while (list != NULL) {
		struct store_call *next = list->next;
		sqlite_thread_answer(list);
		list = next;
	}
}

/* SQLite lets nothing be written any more in a transaction that met damage: it is begun again
 * without the one that met it, until all others are through. Any other error is everybody's, and
 * the next list tries anew. */
void sqlite_write_list(void *ctx, struct store_call *list)
{
	struct sqlite_connection *connection = ctx;
	int tries = 0, err;

	set_all(connection, list, 0);
	do {
		connection->found_damage = false;
		err = transact(connection, list);
	} while (err == ERR_CORRUPT && connection->found_damage && ++tries < MAX_TRIES);
	if (err != 0) {
		set_all(connection, list, err);
	}
	answer_all(list);
}
