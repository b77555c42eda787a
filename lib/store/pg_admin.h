/* lib/store/admin.h for PostgreSQL. url: the whole of it. */
#ifndef LIB_STORE_PG_ADMIN_H
#define LIB_STORE_PG_ADMIN_H

#include "lib/store/admin.h"

int pg_admin_status(struct bytes url, struct arena *arena, struct store_admin_status *ret_status,
	struct buf *why);
int pg_admin_migrate(struct bytes url, uint32_t to, bool plan, store_admin_step_fn step, void *ctx,
	struct buf *why);
int pg_admin_new_epoch(
	struct bytes url, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why);
int pg_admin_backup(struct bytes url, struct store_admin_backup *backup, struct buf *why);
int pg_admin_restore(struct bytes url, struct store_admin_restore *restore, struct buf *why);
int pg_admin_verify(struct bytes url, struct store_admin_verify *verify, struct buf *why);

#endif
