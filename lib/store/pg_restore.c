/* Restoring an archive of pg_dump into a database, whose tables it replaces. */
#include "lib/store/pg_restore.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/store/pg_admin.h"
#include "lib/store/restore_source.h"
#include "lib/store/store.h"

/* Tables are locked by whoever reads them just now, such as a backup. */
#define LOCK_WAIT "30s"

enum { END_TICKS = 100, END_TICK_MS = 100 };

struct restoring {
	struct store_admin_restore *restore;
	struct pg_admin admin;
	struct pg_tools tools;
	struct pg_objects objects;
	struct pg_archive archive;
	uint32_t former_no; /* the newest epoch of the database, 0: none */
	struct buf prologue, epilogue;
	char epoch[17]; /* that is begun */
	bool begun; /* the epoch is there */
};

/* ---- who is there ---- */

static int read_clients(void *ctx, const struct pg_result *result)
{
	struct buf *who = ctx;

	for (size_t i = 0; i < pg_rows(result); i++) {
		struct bytes address = pg_bytes(result, i, 3);
		buf_printf(who, "%s%.*s (PostgreSQL process %" PRId64, i > 0 ? ", " : "",
			BYTES_ARG(pg_bytes(result, i, 1)), pg_int(result, i, 0));
		if (address.len > 0) {
			buf_printf(who, ", from %.*s", BYTES_ARG(address));
		}
		buf_append_char(who, ')');
	}
	return 0;
}

static int check_alone(struct restoring *restoring, struct buf *why)
{
	struct pg_admin *admin = &restoring->admin;
	struct buf who = {0};
	int err = pg_admin_run(admin, PG_SQL_ADMIN_CLIENTS, NULL, read_clients, &who, why);

	if (err == 0 && who.len > 0) {
		buf_printf(why, "%s is in use: connected are %s", admin->url.place, buf_cstr(&who));
		err = ERR_BUSY;
	}
	buf_finish(&who);
	return err;
}

static int read_locked(void *ctx, const struct pg_result *result)
{
	*(bool *)ctx = pg_bool(result, 0, 0);
	return 0;
}

/* Whoever would begin to migrate it waits until the connection is closed. */
static int lock_out(struct restoring *restoring, struct buf *why)
{
	struct pg_admin *admin = &restoring->admin;
	struct pg_params params = {0};
	struct buf who = {0};
	bool locked = false;

	pg_param_int(&params, PG_SCHEMA_LOCK);
	int err = pg_admin_run(admin, PG_SQL_LOCK_TRY, &params, read_locked, &locked, why);
	if (err == 0 && !locked) {
		pg_migrate_holder(admin->direct, &who);
		buf_printf(why, "%s is being migrated by %s", admin->url.place,
			who.len > 0 ? buf_cstr(&who) : "another program");
		err = ERR_BUSY;
	}
	buf_finish(&who);
	return err != 0 ? err : check_alone(restoring, why);
}

/* ---- the database ---- */

static uint32_t newest_own(void)
{
	const struct migration_set *set = migrate_postgres();

	return set->count > 0 ? set->rows[set->count - 1].no : 0;
}

/* What newer programs have made there this one would leave behind. */
static int judge_database(const struct restoring *restoring, struct buf *why)
{
	const struct pg_admin *admin = &restoring->admin;
	const struct pg_schema *schema = &admin->schema;
	int err = pg_schema_judge_place(admin->direct, schema, why);

	if (err != 0) {
		return err;
	}
	if (admin->home == NULL || (admin->owner == NULL && !schema->may_create)) {
		buf_printf(why, "%s: the role %s may make no tables in %s%s", admin->url.place,
			schema->role, admin->home != NULL ? "the schema " : "any schema",
			admin->home != NULL ? admin->home : "");
		return ERR_FORBIDDEN;
	}
	if (schema->count > 0 && schema->rows[schema->count - 1].no > newest_own()) {
		buf_printf(why,
			"%s has the newer schema %u; this program knows schemas up to %u: use a "
			"newer program",
			admin->url.place, (unsigned)schema->rows[schema->count - 1].no,
			(unsigned)newest_own());
		return ERR_CONFIG;
	}
	return 0;
}

static int read_former(void *ctx, const struct pg_result *result)
{
	struct restoring *restoring = ctx;
	size_t rows = pg_rows(result);

	if (rows > 0) {
		struct bytes epoch = pg_bytes(result, rows - 1, 1);
		int64_t no = pg_int(result, rows - 1, 0);
		restoring->former_no = no > 0 && no < INT32_MAX ? (uint32_t)no : 0;
		if (epoch.len == 16) {
			memcpy(restoring->restore->former, epoch.ptr, 16);
		}
	}
	return 0;
}

static int look_at_database(struct restoring *restoring, struct buf *why)
{
	struct store_admin_restore *restore = restoring->restore;
	struct pg_admin *admin = &restoring->admin;
	int err = judge_database(restoring, why);

	restore->place = arena_strdup(restore->arena, admin->url.place);
	if (err == 0 && !restore->plan) {
		err = check_alone(restoring, why);
	}
	if (err == 0 && admin->schema.count > 0) {
		err = pg_admin_run(admin, PG_SQL_EPOCH_LIST, NULL, read_former, restoring, why);
	}
	return err;
}

/* ---- the archive ---- */

static int judge_archive(struct restoring *restoring, struct buf *why)
{
	const struct pg_archive *archive = &restoring->archive;
	const struct migration_set *set = migrate_postgres();
	struct store_admin_restore *restore = restoring->restore;
	size_t applied = 0;
	uint32_t schema = pg_archive_schema(archive);

	if (schema > newest_own()) {
		buf_printf(why,
			"%s has the newer schema %u; this program knows schemas up to %u: use a "
			"newer program",
			restore->source, (unsigned)schema, (unsigned)newest_own());
		return ERR_CONFIG;
	}
	size_t start = why->len;
	int err = migrate_judge(set, archive->applied, archive->applied_count, &applied, why);
	if (err != 0) {
		struct buf said = {0};
		buf_append(&said, why->data + start, why->len - start);
		why->len = start;
		buf_printf(why, "%s cannot be served by this program: %s", restore->source,
			buf_cstr(&said));
		buf_finish(&said);
		return err;
	}
	restore->schema = schema;
	restore->missing = set->count - applied;
	restore->rooms = archive->rooms;
	restore->messages = archive->messages;
	return pg_archive_check(archive, &restoring->objects, schema, why);
}

static int look_at_archive(struct restoring *restoring, struct buf *why)
{
	struct pg_admin *admin = &restoring->admin;
	int version = pg_link_server_version(pg_direct_link(admin->direct));
	int err = pg_tools_find(restoring->restore->programs, "pg_restore", version, &admin->url,
		&restoring->tools, why);

	restoring->archive.schema = bytes_str(admin->home);
	if (err == 0) {
		err = pg_archive_list(
			&restoring->archive, &restoring->tools, &restoring->objects, why);
	}
	if (err == 0) {
		err = pg_archive_look(&restoring->archive, &restoring->tools, why);
	}
	return err != 0 ? err : judge_archive(restoring, why);
}

/* ---- what is run before and after ---- */

static void append_name(struct buf *sql, const struct restoring *restoring, struct bytes name)
{
	pg_admin_quote(sql, bytes_str(restoring->admin.home));
	buf_append_char(sql, '.');
	pg_admin_quote(sql, name);
}

/* Whose they were they stay. Functions after the tables whose defaults they are; tables that others
 * have views on are not dropped, which ends it. */
static void write_prologue(struct restoring *restoring)
{
	const struct pg_admin *admin = &restoring->admin;
	struct buf *sql = &restoring->prologue;

	buf_append_str(sql, "BEGIN;\nSET LOCAL lock_timeout = '" LOCK_WAIT "';\n"
			    "SET LOCAL client_min_messages = warning;\n");
	if (admin->owner != NULL && strcmp(admin->owner, admin->schema.role) != 0) {
		buf_append_str(sql, "SET LOCAL ROLE ");
		pg_admin_quote(sql, bytes_str(admin->owner));
		buf_append_str(sql, ";\n");
	}
	for (int functions = 0; functions < 2; functions++) {
		for (size_t i = 0; i < restoring->objects.count; i++) {
			const struct pg_object *object = &restoring->objects.rows[i];
			if (object->kind != (functions ? PG_OBJECT_FUNCTION : PG_OBJECT_TABLE)) {
				continue;
			}
			buf_append_str(sql,
				functions ? "DROP FUNCTION IF EXISTS " : "DROP TABLE IF EXISTS ");
			append_name(sql, restoring, object->name);
			buf_append_str(sql, ";\n");
		}
	}
}

/* A GRANT is given again where what it is on is there again. */
static int read_grants(void *ctx, const struct pg_result *result)
{
	struct restoring *restoring = ctx;
	const struct pg_objects *objects = &restoring->objects;
	uint32_t schema = restoring->restore->schema;

	for (size_t i = 0; i < pg_rows(result); i++) {
		struct bytes name = pg_bytes(result, i, 0);
		const struct pg_object *object = pg_objects_find(objects, PG_OBJECT_TABLE, name);
		if (object == NULL) {
			object = pg_objects_find(objects, PG_OBJECT_FUNCTION, name);
		}
		if (object != NULL && pg_object_is_of(object, schema)) {
			buf_append_bytes(&restoring->epilogue, pg_bytes(result, i, 1));
			buf_append_str(&restoring->epilogue, ";\n");
		}
	}
	return 0;
}

static int write_grants(struct restoring *restoring, struct buf *why)
{
	struct pg_params params = {0};
	struct pg_array tables = {0}, functions = {0};

	pg_array_begin(&tables, PG_TEXT);
	pg_array_begin(&functions, PG_TEXT);
	for (size_t i = 0; i < restoring->objects.count; i++) {
		const struct pg_object *object = &restoring->objects.rows[i];
		if (object->kind == PG_OBJECT_TABLE) {
			pg_array_bytes(&tables, object->name);
		} else if (object->kind == PG_OBJECT_FUNCTION) {
			pg_array_bytes(&functions, object->name);
		}
	}
	pg_param_text(&params, bytes_str(restoring->admin.home));
	pg_param_array(&params, &tables);
	pg_param_array(&params, &functions);
	int err = pg_admin_run(
		&restoring->admin, PG_SQL_ADMIN_GRANTS, &params, read_grants, restoring, why);
	pg_array_finish(&tables);
	pg_array_finish(&functions);
	return err;
}

/* The new epoch belongs to the same transaction: nobody sees the old numbers under the old one. Its
 * number was never used, neither in the archive nor in the database, so that an instance that comes
 * back knows it for another. */
static void write_epoch(struct restoring *restoring)
{
	struct buf *sql = &restoring->epilogue;
	uint32_t archived = restoring->archive.epoch_no, former = restoring->former_no;

	store_epoch_make(restoring->epoch);
	buf_append_str(sql, "INSERT INTO ");
	append_name(sql, restoring, BYTES_LIT("epochs"));
	buf_printf(sql, " (no, epoch) VALUES (%u, '%s');\nINSERT INTO ",
		(unsigned)(archived > former ? archived : former) + 1, restoring->epoch);
	append_name(sql, restoring, BYTES_LIT("meta"));
	buf_append_str(sql, " (name, value) SELECT 'system',"
			    " pg_catalog.convert_to(" PG_SYSTEM ", 'UTF8')"
			    " ON CONFLICT (name) DO UPDATE SET value = excluded.value;\n");
}

/* Statistics come with time, but the first statements are to have good plans as well. */
static void write_end(struct restoring *restoring)
{
	struct buf *sql = &restoring->epilogue;

	buf_append_str(sql, "COMMIT;\n");
	for (size_t i = 0; i < restoring->objects.count; i++) {
		const struct pg_object *object = &restoring->objects.rows[i];
		if (object->kind == PG_OBJECT_TABLE &&
			pg_object_is_of(object, restoring->restore->schema)) {
			buf_append_str(sql, "ANALYZE ");
			append_name(sql, restoring, object->name);
			buf_append_str(sql, ";\n");
		}
	}
}

static int read_begun(void *ctx, const struct pg_result *result)
{
	struct restoring *restoring = ctx;

	for (size_t i = 0; i < pg_rows(result); i++) {
		restoring->begun = restoring->begun ||
				   bytes_eq(pg_bytes(result, i, 1), bytes_str(restoring->epoch));
	}
	return 0;
}

/* psql has ended; what it had under way on the server ends a moment later. */
static void await_end(struct restoring *restoring)
{
	const struct timespec pause = {.tv_nsec = END_TICK_MS * 1000000L};
	struct buf unread = {0};

	for (unsigned i = 0; i < END_TICKS && check_alone(restoring, &unread) == ERR_BUSY; i++) {
		nanosleep(&pause, NULL);
	}
	buf_finish(&unread);
}

/* psql ended after it was told to commit: the database knows whether it did. */
static int settle(struct restoring *restoring, int doubtful, struct buf *why)
{
	struct buf unread = {0};
	int err = pg_admin_run(
		&restoring->admin, PG_SQL_EPOCH_LIST, NULL, read_begun, restoring, &unread);

	buf_finish(&unread);
	if (err != 0) {
		buf_append_str(why, "\nThe connection was lost at the last moment: it may be "
				    "restored or not; chatctl db status says which epoch it has");
		return ERR_UNCERTAIN;
	}
	return restoring->begun ? 0 : doubtful;
}

static int replace(struct restoring *restoring, struct buf *why)
{
	struct store_admin_restore *restore = restoring->restore;
	int err = lock_out(restoring, why);

	if (err != 0) {
		return err;
	}
	write_prologue(restoring);
	write_epoch(restoring);
	err = write_grants(restoring, why);
	if (err != 0) {
		return err;
	}
	write_end(restoring);
	struct pg_restore_run run = {
		.tools = &restoring->tools,
		.archive = &restoring->archive,
		.prologue = buf_bytes(&restoring->prologue),
		.epilogue = buf_bytes(&restoring->epilogue),
		.progress = restore->progress,
		.ctx = restore->ctx,
	};
	err = pg_restore_run(&run, why);
	if (err != 0) {
		await_end(restoring);
	}
	if (err == ERR_UNCERTAIN) {
		err = settle(restoring, run.doubtful, why);
	}
	if (err == 0) {
		memcpy(restore->epoch, restoring->epoch, sizeof(restore->epoch));
	}
	return err;
}

/* ---- all ---- */

static int restore_all(struct restoring *restoring, struct buf *why)
{
	int err = look_at_database(restoring, why);

	if (err == 0) {
		err = look_at_archive(restoring, why);
	}
	if (err == 0 && !restoring->restore->plan) {
		err = replace(restoring, why);
	}
	return err;
}

int pg_admin_restore(struct bytes url, struct store_admin_restore *restore, struct buf *why)
{
	struct restoring restoring = {.restore = restore};
	enum restore_kind kind;
	int err = restore_source_open(restore->source, &kind, &restoring.archive.fd, why);

	if (err != 0) {
		return err;
	}
	restoring.archive.name = restore->source;
	pg_objects_list(migrate_postgres(), &restoring.objects);
	err = pg_admin_open(url, &restoring.admin, why);
	if (err == 0) {
		err = restore_all(&restoring, why);
		pg_admin_close(&restoring.admin);
	}
	pg_tools_finish(&restoring.tools);
	pg_archive_finish(&restoring.archive);
	pg_objects_finish(&restoring.objects);
	buf_finish(&restoring.prologue);
	buf_finish(&restoring.epilogue);
	close(restoring.archive.fd);
	return err;
}
