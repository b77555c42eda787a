/* db migrate, plan and new-epoch. */
#include "chatctl/cmd_db.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/store/admin.h"

/* ---- migrate, plan ---- */

struct migrating {
	struct cmd *cmd;
	struct bytes url;
	bool plan;
	size_t count; /* steps so far */
	bool applied; /* one of them was done */
	int err; /* of the output */
};

static void on_step(void *ctx, const struct store_admin_step *step)
{
	struct migrating *migrating = ctx;
	struct arena *arena = migrating->cmd->invocation->arena;
	struct value item = value_object(arena, 4);

	migrating->count++;
	migrating->applied = migrating->applied || step->applied;
	value_put(&item, "no", value_int(step->no));
	value_put(&item, "name", value_str(step->name));
	value_put(&item, "applied", value_bool(step->applied));
	value_put(&item, "ms", step->applied ? value_int((int64_t)(step->us / 1000)) : value_null);
	if (migrating->err == 0) {
		migrating->err = output_item(migrating->cmd->output, &item);
	}
}

static int migrate_once(void *ctx, struct buf *why)
{
	struct migrating *migrating = ctx;
	const struct invocation *invocation = migrating->cmd->invocation;

	return store_admin_migrate(migrating->url,
		(uint32_t)ctl_args_number(&invocation->args, "to", 0), migrating->plan, on_step,
		migrating, why);
}

static int migrate(struct cmd *cmd, bool plan)
{
	struct migrating migrating = {.cmd = cmd, .plan = plan};
	struct buf why = {0};
	int err = db_find(cmd, &migrating.url);

	if (err != 0) {
		return err;
	}
	err = db_wait(cmd, migrate_once, &migrating, &why);
	if (err != 0) {
		return db_fail(cmd, migrating.url, migrating.applied ? ERR_PARTIAL : err, &why);
	}
	buf_finish(&why);
	if (migrating.count == 0 && !cmd->invocation->options.quiet && isatty(STDERR_FILENO)) {
		fputs("chatctl: no migration is missing\n", stderr);
	}
	return migrating.err;
}

int cmd_db_migrate(struct cmd *cmd)
{
	return migrate(cmd, cmd->invocation->options.dry_run);
}

int cmd_db_plan(struct cmd *cmd)
{
	return migrate(cmd, true);
}

/* ---- new-epoch ---- */

struct beginning {
	struct bytes url;
	bool plan;
	struct store_admin_epoch epoch;
};

static int begin_epoch(void *ctx, struct buf *why)
{
	struct beginning *beginning = ctx;

	return store_admin_new_epoch(beginning->url, beginning->plan, &beginning->epoch, why);
}

int cmd_db_new_epoch(struct cmd *cmd)
{
	struct beginning beginning = {.plan = cmd->invocation->options.dry_run};
	const struct store_admin_epoch *epoch = &beginning.epoch;
	struct buf why = {0};
	int err = db_find(cmd, &beginning.url);

	if (err != 0) {
		return err;
	}
	err = db_wait(cmd, begin_epoch, &beginning, &why);
	if (err != 0) {
		return db_fail(cmd, beginning.url, err, &why);
	}
	buf_finish(&why);
	struct value item = value_object(cmd->invocation->arena, 3);
	value_put(&item, "no", value_int(epoch->no));
	value_put(&item, "epoch", epoch->epoch[0] != '\0' ? value_str(epoch->epoch) : value_null);
	value_put(
		&item, "former", epoch->former[0] != '\0' ? value_str(epoch->former) : value_null);
	return output_item(cmd->output, &item);
}
