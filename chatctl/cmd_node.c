/* node drain: with --wait until no connection is left. */
#include "chatctl/cmd.h"

#include <time.h>

#include "chatctl/remote.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"

#define AGAIN_NS 100000000

static int take_connections(void *ctx, const struct value *item)
{
	const struct value *connections = value_get(item, "connections");
	*(int64_t *)ctx =
		connections != NULL && connections->kind == VALUE_INT ? connections->integer : -1;
	return 0;
}

static int call_daemon(struct cmd *cmd, const struct locate *locate, const char *command,
	const struct value *args, int64_t *ret_connections)
{
	const struct remote_call call = {.locate = locate,
		.command = command,
		.args = args,
		.timeout_us = cmd->invocation->options.timeout_us,
		.item = take_connections,
		.ctx = ret_connections};
	return remote_call(&call, cmd->failure);
}

static int wait_for_none(struct cmd *cmd, const struct locate *locate, int64_t connections)
{
	const struct options *options = &cmd->invocation->options;
	uint64_t end = clock_mono_us(&clock_system) + options->wait_us;
	const struct value none = value_object(cmd->invocation->arena, 0);
	while (connections > 0) {
		if (clock_mono_us(&clock_system) >= end) {
			return failure_set(cmd->failure, ERR_TIMEOUT, NULL,
				"%lld connections are still open", (long long)connections);
		}
		const struct timespec pause = {.tv_nsec = AGAIN_NS};
		nanosleep(&pause, NULL);
		int err = call_daemon(cmd, locate, "status", &none, &connections);
		if (err != 0) {
			return err;
		}
	}
	struct value item = value_object(cmd->invocation->arena, 2);
	value_put(&item, "draining", value_bool(true));
	value_put(&item, "connections", value_int(0));
	return output_item(cmd->output, &item);
}

int cmd_node_drain(struct cmd *cmd)
{
	const struct invocation *invocation = cmd->invocation;
	if (!invocation->options.wait || invocation->options.dry_run) {
		return cmd_remote(cmd);
	}
	struct locate locate;
	int64_t connections = 0;
	int err = locate_socket(&locate, &invocation->options, cmd->failure);
	if (err < 0) {
		return err;
	}
	err = call_daemon(cmd, &locate, "node drain", &invocation->args, &connections);
	return err != 0 ? err : wait_for_none(cmd, &locate, connections);
}
