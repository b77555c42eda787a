/* The writer's thread: everything that waits becomes one transaction and one COMMIT. */
#include "lib/base/err.h"
#include "lib/store/sqlite_store.h"

bool sqlite_error_is_fatal(const struct sqlite_connection *connection, int err)
{
	return err == ERR_STORAGE_FULL || err == ERR_UNAVAILABLE || err == ERR_UNCERTAIN ||
	       (err != 0 && !sqlite_in_transaction(connection->db));
}

void sqlite_explain(const struct sqlite_connection *connection, struct store_call *call)
{
	static const int ours[] = {ERR_STORAGE_FULL, ERR_UNAVAILABLE, ERR_UNCERTAIN, ERR_CORRUPT,
		ERR_INTERNAL, ERR_TOO_LARGE};

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

/* A request of another kind: what it wrote is undone where it fails, its neighbours stay. */
static int run_alone(struct sqlite_connection *connection, struct store_call *call)
{
	int err = sqlite_run_plain(connection->db, SQL_SAVE);

	if (err != 0) {
		return err;
	}
	call->err = 0;
	call->why = NULL;
	call->work(call, connection);
	if (sqlite_error_is_fatal(connection, call->err)) {
		return call->err;
	}
	if (call->err != 0) {
		sqlite_explain(connection, call);
		err = sqlite_run_plain(connection->db, SQL_SAVE_UNDO);
	}
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

static void append_failed(struct store_append *req, int err)
{
	for (size_t i = 0; i < req->count; i++) {
		req->items[i].outcome = APPEND_FAILED;
		req->items[i].err = err;
	}
}

static void all_failed(struct sqlite_connection *connection, struct store_call *list, int err)
{
	for (struct store_call *call = list; call != NULL; call = call->next) {
		call->err = err;
		sqlite_explain(connection, call);
		if (call->work == sqlite_append_work) {
			append_failed(CONTAINER_OF(call, struct store_append, call), err);
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

/* Damage is met where it lies: once more, with each message by itself, so that only those that
 * touch it fail. Any other error is everybody's, and the next list tries anew. */
void sqlite_write_list(void *ctx, struct store_call *list)
{
	struct sqlite_connection *connection = ctx;
	int err = transact(connection, list);

	if (err == ERR_CORRUPT) {
		connection->careful = true;
		err = transact(connection, list);
		connection->careful = false;
	}
	if (err != 0) {
		all_failed(connection, list, err);
	}
	answer_all(list);
}
