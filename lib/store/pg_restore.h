/* Inside db restore for PostgreSQL: pg_restore writes a script of our part of the archive into
 * psql, which runs it in one transaction between a prologue and an epilogue. psql commits only
 * after pg_restore came to its end. */
#ifndef LIB_STORE_PG_RESTORE_H
#define LIB_STORE_PG_RESTORE_H

#include "lib/store/pg_admin_link.h"
#include "lib/store/pg_archive.h"

struct pg_restore_run {
	const struct pg_tools *tools;
	const struct pg_archive *archive; /* with list */
	struct bytes prologue; /* begins a transaction */
	struct bytes epilogue; /* ends it */
	store_admin_progress_fn progress;
	void *ctx;
	/* out */
	int doubtful; /* with ERR_UNCERTAIN: the error that it is where nothing took effect */
};

/* 0: psql was well, so that the epilogue took effect. ERR_UNCERTAIN: it may have. Other errors:
 * nothing took effect: ERR_BAD_CONTENT (the archive is damaged), ERR_FORBIDDEN, ERR_STORAGE_FULL,
 * ERR_BUSY (others have locks), ERR_SYSTEM, and what progress answered. */
int pg_restore_run(struct pg_restore_run *run, struct buf *why);

#endif
