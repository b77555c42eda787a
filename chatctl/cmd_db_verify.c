/* db verify. */
#include "chatctl/cmd_db.h"

#include "chatctl/progress.h"
#include "lib/base/err.h"
#include "lib/store/admin.h"

struct verifying {
	struct cmd *cmd;
	struct progress progress;
};

static int on_finding(void *ctx, const struct store_admin_finding *finding)
{
	struct verifying *verifying = ctx;
	struct arena *arena = verifying->cmd->invocation->arena;
	struct value item = value_object(arena, 3);
	struct bytes detail = arena_dup(arena, bytes_str(finding->detail));

	value_put(&item, "check", value_str(finding->check));
	value_put(&item, "ok", value_bool(finding->ok));
	value_put(&item, "detail", value_text(detail));
	progress_finish(&verifying->progress);
	return output_item(verifying->cmd->output, &item);
}

static int on_verify_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct verifying *verifying = ctx;

	progress_name(&verifying->progress, what);
	progress_update(&verifying->progress, done, total);
	return 0;
}

int cmd_db_verify(struct cmd *cmd)
{
	struct verifying verifying = {.cmd = cmd};
	struct store_admin_verify verify = {
		.finding = on_finding, .progress = on_verify_progress, .ctx = &verifying};
	struct bytes url;
	struct buf why = {0};
	int err = db_find(cmd, &url);

	if (err != 0) {
		return err;
	}
	progress_init(&verifying.progress, &cmd->invocation->options, "verify");
	err = store_admin_verify(url, &verify, &why);
	progress_finish(&verifying.progress);
	if (err == ERR_CLOSED || (err != 0 && cmd->failure->exit != 0)) {
		buf_finish(&why);
		return err; /* of the output */
	}
	if (err != 0) {
		return db_fail(cmd, url, err, &why);
	}
	buf_finish(&why);
	return verify.bad == 0 ? 0
			       : failure_set(cmd->failure, ERR_CORRUPT, "restore a backup",
					 "the database is damaged: %llu findings",
					 (unsigned long long)verify.bad);
}
