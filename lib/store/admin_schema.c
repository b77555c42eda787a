#include "lib/store/admin_schema.h"

#include "lib/base/err.h"

void admin_schema_status(const struct migration_set *set, const struct migration_applied *applied,
	size_t count, struct arena *arena, struct store_admin_status *status)
{
	size_t missing = 0;
	struct buf why;

	for (size_t i = 0; i < count; i++) {
		status->schema = applied[i].no;
		if (applied[i].oldest_program > status->oldest_program) {
			status->oldest_program = applied[i].oldest_program;
		}
	}
	buf_init(&why);
	if (migrate_judge(set, applied, count, &missing, &why) != 0) {
		status->problem = arena_strdup(arena, buf_cstr(&why));
		missing = set->count;
	}
	buf_finish(&why);
	status->missing_count = set->count - missing;
	status->missing = arena_alloc(arena, (status->missing_count + 1) * sizeof(char *));
	for (size_t i = missing; i < set->count; i++) {
		status->missing[i - missing] = set->rows[i].name;
	}
}

int admin_schema_target(
	const struct migration_set *set, uint32_t to, uint32_t schema, struct buf *why)
{
	bool known = to == 0;

	for (size_t i = 0; i < set->count; i++) {
		known = known || set->rows[i].no == to;
	}
	if (!known) {
		buf_printf(why, "there is no migration %u; the newest is %s", (unsigned)to,
			set->count > 0 ? set->rows[set->count - 1].name : "none");
		return ERR_NOT_FOUND;
	}
	if (to != 0 && to < schema) {
		buf_printf(why,
			"the database is at schema %u already, and migrations only go forward: the "
			"way back to %u is a backup of that time",
			(unsigned)schema, (unsigned)to);
		return ERR_CONFLICT;
	}
	return 0;
}

void admin_schema_plan(const struct migration_set *set, size_t missing, uint32_t to,
	store_admin_step_fn step, void *ctx)
{
	for (size_t i = missing; i < set->count; i++) {
		const struct store_admin_step planned = {
			.no = set->rows[i].no,
			.name = set->rows[i].name,
		};
		if (to == 0 || planned.no <= to) {
			step(ctx, &planned);
		}
	}
}
