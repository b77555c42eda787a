/* How commands are run: those of the daemon in one way, what chatctl does itself in a file of its
 * own each (cmd_*.c). */
#ifndef CHATCTL_CMD_H
#define CHATCTL_CMD_H

#include "chatctl/command.h"
#include "chatctl/failure.h"
#include "chatctl/output.h"

struct cmd {
	const struct invocation *invocation;
	struct output *output;
	struct failure *failure;
};

/* Asks the daemon and puts out its items; with --wait as soon as it is there. 0, or an error with
 * the failure set (ERR_CLOSED without: nobody reads the output). */
int cmd_remote(struct cmd *cmd);
/* The same for ping, which waits until the daemon is ready. */
int cmd_ping(struct cmd *cmd);
/* The console, or a pipe into and out of a room. */
int cmd_chat(struct cmd *cmd);
/* A file, in batches. */
int cmd_history_import(struct cmd *cmd);
/* To stdout or a webhook; else the daemon does it. */
int cmd_history_replay(struct cmd *cmd);
/* With --wait: until no connection is left. */
int cmd_node_drain(struct cmd *cmd);
int cmd_config_check(struct cmd *cmd);
/* --config only; without it the daemon is asked. */
int cmd_config_show(struct cmd *cmd);
int cmd_config_defaults(struct cmd *cmd);

/* On the database itself, with lib/store/admin.h. */
int cmd_db_status(struct cmd *cmd);
int cmd_db_migrate(struct cmd *cmd);
int cmd_db_plan(struct cmd *cmd);
int cmd_db_new_epoch(struct cmd *cmd);
int cmd_db_backup(struct cmd *cmd);
int cmd_db_restore(struct cmd *cmd);
int cmd_db_verify(struct cmd *cmd);

/* What monitoring gets as exit code, of whatever may be wrong. */
enum cmd_check_level {
	CMD_CHECK_OK = 0,
	CMD_CHECK_WARNING = 1,
	CMD_CHECK_CRITICAL = 2,
	CMD_CHECK_UNKNOWN = 3,
};
int cmd_check_live(struct cmd *cmd);
int cmd_check_ready(struct cmd *cmd);
int cmd_check_database(struct cmd *cmd);

#endif
