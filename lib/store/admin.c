#include "lib/store/admin.h"

#include "lib/base/err.h"
#include "lib/store/sqlite_admin.h"

struct backend {
	const char *prefix;
	int (*status)(struct bytes rest, struct arena *arena, struct store_admin_status *ret_status,
		struct buf *why);
	int (*migrate)(struct bytes rest, uint32_t to, bool plan, store_admin_step_fn step,
		void *ctx, struct buf *why);
	int (*backup)(struct bytes rest, struct store_admin_backup *backup, struct buf *why);
	int (*verify)(struct bytes rest, struct store_admin_verify *verify, struct buf *why);
};

static const struct backend backends[] = {
	{"sqlite:", sqlite_admin_status, sqlite_admin_migrate, sqlite_admin_backup,
		sqlite_admin_verify},
};

/* The text of an unknown URL is not repeated: there may be a password in it. */
static const struct backend *find(struct bytes url, struct bytes *ret_rest, struct buf *why)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		struct bytes prefix = bytes_str(backends[i].prefix);
		if (bytes_starts_nocase(url, prefix)) {
			*ret_rest = bytes_of(url.ptr + prefix.len, url.len - prefix.len);
			return &backends[i];
		}
	}
	buf_append_str(why,
		"the database URL starts with nothing that this program supports; it supports "
		"sqlite:PATH");
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

int store_admin_backup(struct bytes url, struct store_admin_backup *backup, struct buf *why)
{
	struct bytes rest;
	const struct backend *backend = find(url, &rest, why);

	return backend != NULL ? backend->backup(rest, backup, why) : ERR_CONFIG;
}

int store_admin_verify(struct bytes url, struct store_admin_verify *verify, struct buf *why)
{
	struct bytes rest;
	const struct backend *backend = find(url, &rest, why);

	return backend != NULL ? backend->verify(rest, verify, why) : ERR_CONFIG;
}
