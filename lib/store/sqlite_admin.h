/* lib/store/admin.h for SQLite. path: what follows "sqlite:". */
#ifndef LIB_STORE_SQLITE_ADMIN_H
#define LIB_STORE_SQLITE_ADMIN_H

#include "lib/store/admin.h"

struct sqlite;
struct sqlite_file;

int sqlite_admin_status(struct bytes path, struct arena *arena,
	struct store_admin_status *ret_status, struct buf *why);
int sqlite_admin_migrate(struct bytes path, uint32_t to, bool plan, store_admin_step_fn step,
	void *ctx, struct buf *why);
int sqlite_admin_new_epoch(
	struct bytes path, bool plan, struct store_admin_epoch *ret_epoch, struct buf *why);
int sqlite_admin_backup(struct bytes path, struct store_admin_backup *backup, struct buf *why);
int sqlite_admin_restore(struct bytes path, struct store_admin_restore *restore, struct buf *why);
int sqlite_admin_verify(struct bytes path, struct store_admin_verify *verify, struct buf *why);

/* Looks at the file, which must be there, and opens it to be read beside a chatd that may be
 * running. The caller closes both, the connection first. */
int sqlite_admin_open(
	struct bytes path, struct sqlite_file *ret_file, struct sqlite **ret_db, struct buf *why);

#endif
