/* Commands of the daemon. */
#include "chatctl/cmd.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "chatctl/remote.h"
#include "chatctl/text.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/value/json.h"

#define AGAIN_US 50000

/* One attempt, and what came of it. */
struct attempt {
	struct cmd *cmd;
	const struct value *args;
	bool ping;
	struct arena *arena; /* of the answer to a ping */
	struct value pong; /* VALUE_NULL until it came */
};

static int on_item(void *ctx, const struct value *item)
{
	struct attempt *attempt = ctx;
	struct cmd *cmd = attempt->cmd;
	if (!attempt->ping) {
		return output_item(cmd->output, item);
	}
	/* A ping's answer is put out only when it is the last attempt. */
	const struct value *ready = value_get(item, "ready");
	attempt->pong = value_object(attempt->arena, 2);
	value_put(&attempt->pong, "pong", value_bool(true));
	value_put(&attempt->pong, "ready",
		value_bool(ready != NULL && ready->kind == VALUE_BOOL && ready->boolean));
	return 0;
}

static int on_idle(void *ctx)
{
	struct attempt *attempt = ctx;
	return output_flush(attempt->cmd->output);
}

static int try_once(struct attempt *attempt, uint64_t timeout_us)
{
	struct cmd *cmd = attempt->cmd;
	const struct invocation *invocation = cmd->invocation;
	struct locate locate;
	int err = locate_socket(&locate, &invocation->options, cmd->failure);
	if (err < 0) {
		return err;
	}
	const struct remote_call call = {.locate = &locate,
		.command = invocation->command->name,
		.args = attempt->args,
		.timeout_us = timeout_us,
		.patient = ctl_args_flag(attempt->args, "follow"),
		.item = on_item,
		.idle = on_idle,
		.ctx = attempt};
	attempt->pong = value_null;
	err = remote_call(&call, cmd->failure);
	if (err == 0 && attempt->ping) {
		if (attempt->pong.kind == VALUE_NULL ||
			!value_get(&attempt->pong, "ready")->boolean) {
			return failure_set(cmd->failure, ERR_UNAVAILABLE,
				"chatctl ping --wait waits until it is",
				"chatd answers, but is not ready");
		}
		return output_item(cmd->output, &attempt->pong);
	}
	return err;
}

/* What goes by itself: no daemon yet, or one that is still starting. */
static bool may_wait(const struct attempt *attempt, int err)
{
	return err == ERR_UNREACHABLE ||
	       (attempt->ping &&
		       (err == ERR_UNAVAILABLE || err == ERR_CLOSED || err == ERR_TIMEOUT));
}

static int wait_and_try(struct attempt *attempt)
{
	const struct options *options = &attempt->cmd->invocation->options;
	struct failure *failure = attempt->cmd->failure;
	uint64_t end = clock_mono_us(&clock_system) + options->wait_us;
	for (;;) {
		uint64_t now = clock_mono_us(&clock_system);
		uint64_t left = end > now ? end - now : 0;
		/* A ping has no other work than to wait; other calls keep their own time. */
		uint64_t timeout = attempt->ping && left < options->timeout_us && left > 0
					   ? left
					   : options->timeout_us;
		*failure = (struct failure){.arena = failure->arena};
		int err = try_once(attempt, timeout);
		if (err == 0 || !may_wait(attempt, err) || failure->exit == 0) {
			return err;
		}
		if (clock_mono_us(&clock_system) + AGAIN_US >= end) {
			return failure_set(failure, ERR_TIMEOUT, failure->hint,
				"chatd was not there within %.3g s: %s",
				(double)options->wait_us / 1e6, failure->message);
		}
		const struct timespec pause = {.tv_nsec = AGAIN_US * 1000};
		nanosleep(&pause, NULL);
	}
}

/* What would be asked. */
static int print_plan(struct cmd *cmd)
{
	const struct invocation *invocation = cmd->invocation;
	struct buf out = {0};
	bool json = invocation->options.format_given && invocation->options.format != OUTPUT_TABLE;
	if (json) {
		buf_append_str(&out, "{\"dryRun\":true,\"command\":");
		json_write_text(&out, bytes_str(invocation->command->name));
		buf_append_str(&out, ",\"args\":");
		json_write(&out, &invocation->args);
		buf_append_str(&out, "}\n");
	} else {
		buf_printf(&out, "The daemon would be asked: %s", invocation->command->name);
		for (uint32_t i = 0; i < invocation->args.count; i++) {
			const struct value_member *arg = &invocation->args.members[i];
			struct buf text = {0};
			text_value(&text, &arg->value);
			buf_printf(&out, "\n  %.*s: ", BYTES_ARG(arg->name));
			text_escape(&out, buf_bytes(&text), false);
			buf_finish(&text);
		}
		buf_append_char(&out, '\n');
	}
	int err = output_raw(cmd->output, buf_bytes(&out));
	buf_finish(&out);
	return err;
}

/* The daemon itself says what it would do, where the command has an argument for that. */
static bool asks_for_plan(const struct ctl_command *command)
{
	const struct ctl_arg *plan = ctl_arg_find(command, "plan");
	return plan != NULL && plan->kind == CTL_ARG_INTERNAL;
}

static struct value args_with_plan(const struct invocation *invocation)
{
	struct value args = value_object(invocation->arena, invocation->args.count + 1);
	for (uint32_t i = 0; i < invocation->args.count; i++) {
		const struct value_member *arg = &invocation->args.members[i];
		value_put(&args, arg->name.ptr, arg->value);
	}
	value_put(&args, "plan", value_bool(true));
	return args;
}

static int run(struct cmd *cmd, bool ping)
{
	const struct invocation *invocation = cmd->invocation;
	struct attempt attempt = {.cmd = cmd,
		.args = &invocation->args,
		.ping = ping,
		.arena = invocation->arena,
		.pong = value_null};
	struct value args;
	if (ctl_args_flag(&invocation->args, "follow") && invocation->options.format_given &&
		invocation->options.format == OUTPUT_TABLE) {
		return failure_set(cmd->failure, ERR_USAGE, "use -o jsonl or -o csv",
			"a table ends, and --follow does not");
	}
	if (invocation->options.dry_run && asks_for_plan(invocation->command)) {
		args = args_with_plan(invocation);
		attempt.args = &args;
	} else if (invocation->options.dry_run && !invocation->command->read_only) {
		return print_plan(cmd);
	}
	int err = invocation->options.wait ? wait_and_try(&attempt)
					   : try_once(&attempt, invocation->options.timeout_us);
	if (err == 0 && output_is_blank(cmd->output) && isatty(STDERR_FILENO)) {
		fputs("chatctl: there is nothing to show\n", stderr);
	}
	return err;
}

int cmd_remote(struct cmd *cmd)
{
	return run(cmd, false);
}

int cmd_ping(struct cmd *cmd)
{
	return run(cmd, true);
}
