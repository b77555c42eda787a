/* Looking for damage. All checks read one snapshot. */
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/store/sqlite_admin.h"
#include "lib/store/sqlite_store.h"

/* The migration that brought the table dead_rooms. */
enum { SCHEMA_DEAD_ROOMS = 2 };

struct verifying {
	struct store_admin_verify *verify;
	struct sqlite *db;
	struct buf *why;
	struct sqlite_applied applied;
	const char *check; /* the present one */
	uint64_t bad_before; /* findings before it began */
	uint64_t done, total; /* of the present check */
	int stop; /* what finding or progress answered, 0: go on */
	uint64_t rooms, messages, participants; /* that were seen */
	uint64_t messages_total; /* that rooms say there are */
};

/* ---- what is told ---- */

static int tell(struct verifying *v, bool ok, const char *detail)
{
	const struct store_admin_finding finding = {.check = v->check, .ok = ok, .detail = detail};

	v->verify->bad += !ok;
	int err = v->verify->finding(v->verify->ctx, &finding);
	if (err < 0) {
		v->stop = err;
	}
	return err;
}

static int bad(struct verifying *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct verifying *v, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	int err = tell(v, false, buf_cstr(&text));
	buf_finish(&text);
	return err;
}

static int progress(struct verifying *v, uint64_t done, uint64_t total)
{
	struct store_admin_verify *verify = v->verify;

	v->done = done;
	v->total = total;
	if (v->stop == 0 && verify->progress != NULL) {
		v->stop = verify->progress(verify->ctx, v->check, done, total);
	}
	return v->stop;
}

/* While one statement takes long. */
static int on_watch(void *ctx, uint64_t done, uint64_t total)
{
	struct verifying *v = ctx;

	(void)done;
	(void)total;
	return progress(v, v->done, v->total);
}

static void begin_check(struct verifying *v, const char *check)
{
	v->check = check;
	v->bad_before = v->verify->bad;
	progress(v, 0, 0);
}

/* Ends a check: SQLite's errors are findings where they speak of damage; others end the work. */
static int end_check(struct verifying *v, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int end_check(struct verifying *v, int err, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	if (v->stop != 0) {
		return v->stop;
	}
	if (err == ERR_CORRUPT || err == ERR_INTERNAL) {
		return bad(v, "%s", sqlite_why(v->db));
	}
	if (err < 0) {
		buf_append_str(v->why, sqlite_why(v->db));
		return err;
	}
	if (v->verify->bad != v->bad_before) {
		return 0;
	}
	buf_init(&text);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	err = tell(v, true, buf_cstr(&text));
	buf_finish(&text);
	return err;
}

/* ---- pages ---- */

static int read_number(struct sqlite *db, enum sql_id id, uint64_t *ret_number)
{
	struct sqlite_stmt *stmt = sqlite_stmt(db, id);
	int err = sqlite_step(stmt);

	if (err == 1) {
		*ret_number = (uint64_t)sqlite_int(stmt, 0);
		sqlite_end(stmt);
	}
	return err < 0 ? err : 0;
}

static int check_pages(struct verifying *v)
{
	uint64_t pages = 0;

	begin_check(v, "pages");
	int err = read_number(v->db, SQL_PAGE_COUNT, &pages);
	struct sqlite_stmt *stmt = sqlite_stmt(v->db, SQL_INTEGRITY_CHECK);
	while (err == 0 && (err = sqlite_step(stmt)) == 1) {
		struct bytes found = sqlite_bytes(stmt, 0);
		err = 0;
		if (!bytes_eq(found, BYTES_LIT("ok"))) {
			err = bad(v, "%.*s", BYTES_ARG(found));
		}
	}
	sqlite_end(stmt);
	return end_check(v, err, "%llu pages, and all indexes", (unsigned long long)pages);
}

/* ---- schema, secret and epochs ---- */

static int check_schema(struct verifying *v)
{
	struct buf why;
	size_t missing = 0;

	begin_check(v, "schema");
	buf_init(&why);
	if (migrate_judge(migrate_sqlite(), v->applied.rows, v->applied.count, &missing, &why) !=
		0) {
		bad(v, "%s", buf_cstr(&why));
	}
	buf_finish(&why);
	const struct migration_applied *last = &v->applied.rows[v->applied.count - 1];
	return end_check(v, 0, "%zu migrations up to %s", v->applied.count, last->name);
}

static bool is_epoch(struct bytes text)
{
	if (text.len != 16) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
			return false;
		}
	}
	return true;
}

static int check_epoch_rows(struct verifying *v, uint64_t *ret_count)
{
	struct sqlite_stmt *stmt = sqlite_stmt(v->db, SQL_EPOCH_LIST);
	int err;

	while ((err = sqlite_step(stmt)) == 1) {
		int64_t no = sqlite_int(stmt, 0);
		++*ret_count;
		if (no < 1 || !is_epoch(sqlite_bytes(stmt, 1))) {
			bad(v, "epoch number %lld is malformed", (long long)no);
		}
	}
	return err;
}

static int check_epochs_of_messages(struct verifying *v)
{
	struct sqlite_stmt *stmt = sqlite_stmt(v->db, SQL_VERIFY_EPOCH_OF_MESSAGES);
	int err;

	while ((err = sqlite_step(stmt)) == 1) {
		bad(v, "%lld messages are of epoch number %lld, which there is not",
			(long long)sqlite_int(stmt, 1), (long long)sqlite_int(stmt, 0));
	}
	return err;
}

/* The secret stands beside them: both are made at the first start. */
static int check_epochs(struct verifying *v)
{
	uint64_t count = 0;

	begin_check(v, "epochs");
	int err = check_epoch_rows(v, &count);
	if (err == 0 && count == 0) {
		bad(v, "there is no epoch");
	}
	if (err == 0) {
		struct sqlite_stmt *stmt = sqlite_stmt(v->db, SQL_VERIFY_SECRET);
		err = sqlite_step(stmt);
		sqlite_end(stmt);
		if (err == 0) {
			bad(v, "the fleet's secret is missing or malformed");
		}
	}
	err = err < 0 ? err : check_epochs_of_messages(v);
	return end_check(v, err, "%llu epochs", (unsigned long long)count);
}

/* ---- rooms ---- */

struct room_counts {
	char id[UUID_TEXT_SIZE];
	uint64_t last_seq, messages, members; /* that the room says */
};

static int check_messages_of(
	struct verifying *v, const struct uuid *id, const struct room_counts *room)
{
	struct sqlite_stmt *stmt = sqlite_stmt(v->db, SQL_VERIFY_MESSAGES_OF_ROOM);

	sqlite_bind_id(stmt, 1, id);
	int err = sqlite_step(stmt);
	if (err != 1) {
		return err;
	}
	uint64_t count = (uint64_t)sqlite_int(stmt, 0);
	int64_t first = sqlite_int(stmt, 1);
	int64_t last = sqlite_int(stmt, 2);
	sqlite_end(stmt);
	v->messages += count;
	if (count != room->messages) {
		bad(v, "room %s counts %llu messages, but has %llu", room->id,
			(unsigned long long)room->messages, (unsigned long long)count);
	}
	if (count > 0 && (first < 1 || (uint64_t)last != room->last_seq)) {
		bad(v, "room %s has messages from %lld to %lld, but its head is %llu", room->id,
			(long long)first, (long long)last, (unsigned long long)room->last_seq);
	}
	if (count > 0 && (uint64_t)(last - first) + 1 != count) {
		bad(v, "room %s has holes: %llu messages from number %lld to %lld", room->id,
			(unsigned long long)count, (long long)first, (long long)last);
	}
	return 0;
}

static int check_members_of(
	struct verifying *v, const struct uuid *id, const struct room_counts *room)
{
	struct sqlite_stmt *stmt = sqlite_stmt(v->db, SQL_VERIFY_MEMBERS_OF_ROOM);

	sqlite_bind_id(stmt, 1, id);
	int err = sqlite_step(stmt);
	if (err != 1) {
		return err;
	}
	uint64_t count = (uint64_t)sqlite_int(stmt, 0);
	sqlite_end(stmt);
	v->participants += count;
	if (count != room->members) {
		bad(v, "room %s counts %llu participants, but has %llu", room->id,
			(unsigned long long)room->members, (unsigned long long)count);
	}
	return 0;
}

static int check_room(struct verifying *v, struct sqlite_stmt *stmt)
{
	struct room_counts room = {
		.last_seq = (uint64_t)sqlite_int(stmt, 1),
		.messages = (uint64_t)sqlite_int(stmt, 2),
		.members = (uint64_t)sqlite_int(stmt, 3),
	};
	struct uuid id;

	v->rooms++;
	if (!sqlite_id(stmt, 0, &id)) {
		bad(v, "a room has an id of %zu bytes", sqlite_bytes(stmt, 0).len);
		return 0;
	}
	uuid_format(&id, room.id);
	int err = check_messages_of(v, &id, &room);
	if (err == 0) {
		err = check_members_of(v, &id, &room);
	}
	if (err == 0) {
		err = progress(v, v->messages, v->messages_total);
	}
	return err;
}

/* 1: being removed after its room was deleted. */
static int is_dead(struct verifying *v, const struct uuid *id)
{
	if (v->applied.rows[v->applied.count - 1].no < SCHEMA_DEAD_ROOMS) {
		return 0;
	}
	struct sqlite_stmt *stmt = sqlite_stmt(v->db, SQL_VERIFY_DEAD_ROOM);
	sqlite_bind_id(stmt, 1, id);
	int err = sqlite_step(stmt);
	sqlite_end(stmt);
	return err;
}

static int check_stray_messages(struct verifying *v)
{
	struct sqlite_stmt *stmt = sqlite_stmt(v->db, SQL_VERIFY_ROOMS_OF_MESSAGES);
	int err;

	while ((err = sqlite_step(stmt)) == 1) {
		char text[UUID_TEXT_SIZE] = "?";
		struct uuid id;
		bool is_id = sqlite_id(stmt, 0, &id);
		int dead = is_id ? is_dead(v, &id) : 0;
		if (dead < 0) {
			sqlite_end(stmt);
			return dead;
		}
		if (is_id) {
			uuid_format(&id, text);
		}
		if (dead == 0) {
			bad(v, "there are messages of room %s, which there is not", text);
		}
	}
	return err;
}

static int check_rooms(struct verifying *v)
{
	struct sqlite_stmt *stmt = sqlite_stmt(v->db, SQL_VERIFY_ROOMS);
	int err;

	begin_check(v, "rooms");
	struct sqlite_stmt *total = sqlite_stmt(v->db, SQL_STATUS_ROOMS);
	if (sqlite_step(total) == 1) {
		v->messages_total = (uint64_t)sqlite_int(total, 1);
		sqlite_end(total);
	}
	while ((err = sqlite_step(stmt)) == 1) {
		err = check_room(v, stmt);
		if (err != 0) {
			sqlite_end(stmt);
			break;
		}
	}
	err = err != 0 ? err : check_stray_messages(v);
	return end_check(v, err, "%llu rooms, %llu messages without holes",
		(unsigned long long)v->rooms, (unsigned long long)v->messages);
}

/* ---- participants ---- */

static int check_strays(struct verifying *v, enum sql_id id, const char *of)
{
	struct sqlite_stmt *stmt = sqlite_stmt(v->db, id);
	int err;

	while ((err = sqlite_step(stmt)) == 1) {
		char text[UUID_TEXT_SIZE] = "?";
		struct uuid whose;
		if (sqlite_id(stmt, 0, &whose)) {
			uuid_format(&whose, text);
		}
		bad(v, "%lld participants are of %s %s, which there is not",
			(long long)sqlite_int(stmt, 1), of, text);
	}
	return err;
}

static int check_participants(struct verifying *v)
{
	begin_check(v, "participants");
	int err = check_strays(v, SQL_VERIFY_ROOMS_OF_MEMBERS, "room");
	if (err == 0) {
		err = check_strays(v, SQL_VERIFY_USERS_OF_MEMBERS, "user");
	}
	return end_check(v, err, "%llu participants", (unsigned long long)v->participants);
}

/* ---- all ---- */

static int check_all(struct verifying *v)
{
	static int (*const checks[])(struct verifying * v) = {
		check_pages,
		check_schema,
		check_epochs,
		check_rooms,
		check_participants,
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && err == 0; i++) {
		err = checks[i](v);
	}
	return err;
}

static int begin(struct verifying *v, const char *path)
{
	int err = sqlite_run_plain(v->db, SQL_SETUP_VERIFY);

	if (err == 0) {
		err = sqlite_run_plain(v->db, SQL_BEGIN_READ);
	}
	if (err != 0) {
		buf_append_str(v->why, sqlite_why(v->db));
		return err;
	}
	err = sqlite_schema_list(v->db, &v->applied, v->why);
	if (err == 0 && v->applied.count == 0) {
		buf_printf(v->why, "%s has no schema yet: run \"chatctl db migrate\"", path);
		err = ERR_CONFIG;
	}
	return err;
}

int sqlite_admin_verify(struct bytes path, struct store_admin_verify *verify, struct buf *why)
{
	struct verifying v = {.verify = verify, .why = why, .check = ""};
	const struct sqlite_watch watch = {on_watch, &v};
	struct sqlite_file file;
	int err = sqlite_admin_open(path, &file, &v.db, why);

	if (err != 0) {
		return err;
	}
	verify->bad = 0;
	err = begin(&v, file.path);
	if (err == 0) {
		sqlite_watch(v.db, &watch);
		err = check_all(&v);
	}
	sqlite_close(&v.db);
	sqlite_file_close(&file);
	free(v.applied.rows);
	return err == ERR_UNAVAILABLE ? ERR_SYSTEM : err;
}
