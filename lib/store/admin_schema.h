/* What the back ends of lib/store/admin.h tell of migrations, the same for each. */
#ifndef LIB_STORE_ADMIN_SCHEMA_H
#define LIB_STORE_ADMIN_SCHEMA_H

#include "lib/store/admin.h"
#include "lib/store/migrate.h"

/* Compares what is applied (ascending by no) with what this program brings: fills schema,
 * oldest_program, missing and problem. Texts are on arena. */
void admin_schema_status(const struct migration_set *set, const struct migration_applied *applied,
	size_t count, struct arena *arena, struct store_admin_status *status);

/* Whether a database at number schema (0: nothing applied) can be brought to number to (0: the
 * newest). 0, ERR_NOT_FOUND or ERR_CONFLICT as store_admin_migrate(). */
int admin_schema_target(
	const struct migration_set *set, uint32_t to, uint32_t schema, struct buf *why);

/* Tells what would be applied: the rows from missing on, up to and with number to (0: all). */
void admin_schema_plan(const struct migration_set *set, size_t missing, uint32_t to,
	store_admin_step_fn step, void *ctx);

#endif
