/* history replay: to members and connections by the daemon; to stdout and webhooks from here. */
#include "chatctl/cmd.h"

#include "chatctl/progress.h"
#include "chatctl/remote.h"
#include "chatctl/webhook.h"
#include "lib/base/err.h"
#include "lib/value/json.h"

#define PAGE 200

struct replay {
	struct cmd *cmd;
	struct locate locate;
	struct webhook *webhook; /* NULL: stdout */
	struct progress progress;
	struct arena *arena;
	int64_t next, to; /* to 0: the head */
	int64_t sent, first, last;
	uint32_t in_page;
};

static int64_t seq_of(const struct value *message)
{
	const struct value *seq = value_get(message, "seq");
	return seq != NULL && seq->kind == VALUE_INT ? seq->integer : 0;
}

static int pass_on(struct replay *replay, const struct value *message, int64_t seq)
{
	struct failure *failure = replay->cmd->failure;
	const struct value *room = value_get(message, "roomId");
	struct buf json = {0};
	json_write(&json, message);
	int err;
	if (replay->webhook == NULL) {
		buf_append_char(&json, '\n');
		err = output_raw(replay->cmd->output, buf_bytes(&json));
	} else {
		const char *key = arena_printf(replay->arena, "%.*s:%lld",
			BYTES_ARG(room != NULL ? room->text : BYTES_NONE), (long long)seq);
		err = webhook_post(replay->webhook, buf_bytes(&json), key, failure);
	}
	buf_finish(&json);
	return err;
}

static int on_message(void *ctx, const struct value *message)
{
	struct replay *replay = ctx;
	int64_t seq = seq_of(message);
	replay->in_page++;
	replay->next = seq + 1;
	if (replay->to != 0 && seq > replay->to) {
		return 0;
	}
	int err = pass_on(replay, message, seq);
	if (err != 0) {
		return err;
	}
	replay->first = replay->sent++ == 0 ? seq : replay->first;
	replay->last = seq;
	progress_update(&replay->progress, (uint64_t)replay->sent, 0);
	return 0;
}

static int read_page(struct replay *replay)
{
	const struct invocation *invocation = replay->cmd->invocation;
	arena_reset(replay->arena);
	struct value args = value_object(replay->arena, 3);
	value_put(&args, "room", value_text(ctl_args_text(&invocation->args, "room")));
	value_put(&args, "after", value_int(replay->next - 1));
	value_put(&args, "limit", value_int(PAGE));
	const struct remote_call call = {.locate = &replay->locate,
		.command = "history show",
		.args = &args,
		.timeout_us = invocation->options.timeout_us,
		.item = on_message,
		.ctx = replay};
	replay->in_page = 0;
	return remote_call(&call, replay->cmd->failure);
}

static int read_pages(struct replay *replay)
{
	do {
		int err = read_page(replay);
		if (err != 0) {
			return err;
		}
	} while (replay->in_page == PAGE && (replay->to == 0 || replay->next <= replay->to));
	return 0;
}

static int report(struct replay *replay, int err)
{
	struct cmd *cmd = replay->cmd;
	if (err != 0) {
		const char *message = cmd->failure->message;
		return replay->sent == 0 || err == ERR_CLOSED || message == NULL
			       ? err
			       : failure_set(cmd->failure, ERR_PARTIAL,
					 "replay again with --from after it",
					 "%s; %lld is the last "
					 "one that got through",
					 message, (long long)replay->last);
	}
	if (replay->webhook == NULL) {
		return 0;
	}
	bool any = replay->sent > 0;
	struct value item = value_object(replay->arena, 3);
	value_put(&item, "sent", value_int(replay->sent));
	value_put(&item, "from", any ? value_int(replay->first) : value_null);
	value_put(&item, "to", any ? value_int(replay->last) : value_null);
	return output_item(cmd->output, &item);
}

int cmd_history_replay(struct cmd *cmd)
{
	const struct value *args = &cmd->invocation->args;
	const struct options *options = &cmd->invocation->options;
	struct bytes url = ctl_args_text(args, "webhook");
	if ((url.len == 0 && !ctl_args_flag(args, "stdout")) || options->dry_run) {
		return cmd_remote(cmd);
	}
	struct replay replay = {
		.cmd = cmd,
		.next = ctl_args_number(args, "from", 1),
		.to = ctl_args_number(args, "to", 0),
	};
	int err = locate_socket(&replay.locate, options, cmd->failure);
	if (err == 0 && url.len > 0) {
		err = webhook_open(&replay.webhook, url, options->timeout_us, cmd->failure);
	}
	if (err == 0) {
		replay.arena = arena_create(0);
		progress_init(&replay.progress, options, "replay");
		err = read_pages(&replay);
		progress_finish(&replay.progress);
		err = report(&replay, err);
	}
	webhook_close(&replay.webhook);
	arena_destroy(&replay.arena);
	return err;
}
