#include "lib/store/admin.h"

#include <unistd.h>

#include "lib/base/err.h"
#include "lib/store/pg_admin.h"
#include "lib/store/pg_url.h"
#include "lib/store/restore_source.h"
#include "lib/store/sqlite_admin.h"
#include "lib/store/sqlite_open.h"

/* Each takes what its form of URL leaves: SQLite the path, PostgreSQL the whole. */
struct backend {
	int (*status)(struct bytes rest, struct arena *arena, struct store_admin_status *ret_status,
		struct buf *why);
	int (*migrate)(struct bytes rest, uint32_t to, bool plan, store_admin_step_fn step,
		void *ctx, struct buf *why);
	int (*new_epoch)(
		struct bytes rest, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why);
	int (*backup)(struct bytes rest, struct store_admin_backup *backup, struct buf *why);
	int (*restore)(struct bytes rest, struct store_admin_restore *restore, struct buf *why);
	enum restore_kind backup_kind; /* what backup writes, and restore takes */
	int (*verify)(struct bytes rest, struct store_admin_verify *verify, struct buf *why);
};

static const struct backend sqlite_backend = {
	.status = sqlite_admin_status,
	.migrate = sqlite_admin_migrate,
	.new_epoch = sqlite_admin_new_epoch,
	.backup = sqlite_admin_backup,
	.restore = sqlite_admin_restore,
	.backup_kind = RESTORE_SQLITE,
	.verify = sqlite_admin_verify,
};

static const struct backend pg_backend = {
	.status = pg_admin_status,
	.migrate = pg_admin_migrate,
	.new_epoch = pg_admin_new_epoch,
	.backup = pg_admin_backup,
	.restore = pg_admin_restore,
	.backup_kind = RESTORE_POSTGRES,
	.verify = pg_admin_verify,
};

/* The text of an unknown URL is not repeated: there may be a password in it. */
static const struct backend *find(struct bytes url, struct bytes *ret_rest, struct buf *why)
{
	if (sqlite_url_is(url, ret_rest)) {
		return &sqlite_backend;
	}
	if (pg_url_is(url)) {
		*ret_rest = url;
		return &pg_backend;
	}
	buf_append_str(why,
		"the database URL starts with nothing that this program supports; it supports "
		"sqlite:PATH and postgresql://HOST/DATABASE");
	return NULL;
}

int store_admin_status(struct bytes url, struct arena *arena, struct store_admin_status *ret_status,
	struct buf *why)
{
	struct bytes rest;
	const struct backend *backend = find(url, &rest, why);

	return backend != NULL ? backend->status(rest, arena, ret_status, why) : ERR_CONFIG;
}

int store_admin_migrate(struct bytes url, uint32_t to, bool plan, store_admin_step_fn step,
	void *ctx, struct buf *why)
{
	struct bytes rest;
	const struct backend *backend = find(url, &rest, why);

	return backend != NULL ? backend->migrate(rest, to, plan, step, ctx, why) : ERR_CONFIG;
}

int store_admin_new_epoch(
	struct bytes url, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why)
{
	struct bytes rest;
	const struct backend *backend = find(url, &rest, why);

	return backend != NULL ? backend->new_epoch(rest, plan, ret_epoch, why) : ERR_CONFIG;
}

int store_admin_backup(struct bytes url, struct store_admin_backup *backup, struct buf *why)
{
	struct bytes rest;
	const struct backend *backend = find(url, &rest, why);

	return backend != NULL ? backend->backup(rest, backup, why) : ERR_CONFIG;
}

static int check_kind(const struct backend *backend, const char *source, struct buf *why)
{
	static const char *const names[] = {
		[RESTORE_SQLITE] = "an SQLite database",
		[RESTORE_POSTGRES] = "a PostgreSQL database",
	};
	enum restore_kind kind;
	int fd;
	int err = restore_source_open(source, &kind, &fd, why);

	if (err != 0) {
		return err;
	}
	close(fd);
	if (kind != backend->backup_kind) {
		buf_printf(why, "%s is a backup of %s, but the URL names %s", source, names[kind],
			names[backend->backup_kind]);
		return ERR_CONFLICT;
	}
	return 0;
}

int store_admin_restore(struct bytes url, struct store_admin_restore *restore, struct buf *why)
{
	struct bytes rest;
	const struct backend *backend = find(url, &rest, why);
	int err = backend != NULL ? check_kind(backend, restore->source, why) : ERR_CONFIG;

	return err != 0 ? err : backend->restore(rest, restore, why);
}

int store_admin_verify(struct bytes url, struct store_admin_verify *verify, struct buf *why)
{
	struct bytes rest;
	const struct backend *backend = find(url, &rest, why);

	return backend != NULL ? backend->verify(rest, verify, why) : ERR_CONFIG;
}
