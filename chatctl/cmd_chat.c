/* chatctl chat ROOM. */
#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chatctl/chat.h"
#include "lib/base/err.h"

#define HISTORY_SCREEN 20

/* ---- what it is about ---- */

static int choose_mode(struct chat *chat)
{
	const struct options *options = &chat->cmd->invocation->options;
	bool screen = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	chat->terminal_input = isatty(STDIN_FILENO);
	if (options->dry_run) {
		return failure_set(chat->cmd->failure, ERR_USAGE, NULL,
			"--dry-run: nothing is told beforehand of a conversation");
	}
	if (options->format_given && options->format == OUTPUT_JSON) {
		return failure_set(chat->cmd->failure, ERR_USAGE, "use -o jsonl",
			"a conversation has no end, so that it cannot be one JSON text");
	}
	if (options->format_given && options->format != OUTPUT_TABLE) {
		chat->mode = CHAT_MODE_ITEMS;
	} else if (screen && !options->no_input) {
		chat->mode = CHAT_MODE_SCREEN;
	} else if (chat->terminal_input || options->format_given) {
		chat->mode = CHAT_MODE_PLAIN;
	} else {
		chat->mode = CHAT_MODE_SEND;
	}
	return 0;
}

/* The table lets nothing else in than what has a name there. */
static int choose_way(struct chat *chat)
{
	const struct value *args = &chat->cmd->invocation->args;
	struct bytes transport = ctl_args_text(args, "transport");
	struct bytes encoding = ctl_args_text(args, "encoding");
	bool known =
		(transport.len == 0 || client_transport_find(transport, &chat->transport) == 0) &&
		(encoding.len == 0 || client_encoding_find(encoding, &chat->encoding) == 0);
	const struct client_options options = {
		.transport = chat->transport, .encoding = chat->encoding};
	const char *fault = client_options_fault(&options);
	assert(known);
	(void)known;
	return fault == NULL ? 0 : failure_set(chat->cmd->failure, ERR_USAGE, NULL, "%s", fault);
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");
	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && terminal != NULL &&
	       strcmp(terminal, "dumb") != 0;
}

/* Sockets must not get the numbers of streams that are closed. */
static void fill_streams(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) {
			return;
		}
	}
}

/* ---- signals, and readers that go ---- */

static void on_signal(void *ctx)
{
	chat_leave(ctx, 0);
}

/* Data, and an end for one direction of a socket, are none: then nobody is watched any more. */
static void on_reader_gone(void *ctx, int events)
{
	struct chat *chat = ctx;
	struct pollfd state = {.fd = STDOUT_FILENO};
	(void)events;
	if (poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR)) != 0) {
		chat_leave(chat, ERR_CLOSED);
	}
	loop_fd_close(&chat->reader);
}

/* The end of a pipe that is written to never becomes readable, but tells when its reader has gone.
 */
static void watch_reader(struct chat *chat)
{
	struct stat status;
	bool writes = chat->mode == CHAT_MODE_ITEMS || chat->mode == CHAT_MODE_PLAIN;
	if (writes && fstat(STDOUT_FILENO, &status) == 0 &&
		(S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode))) {
		chat->reader =
			loop_fd_open(chat->loop, STDOUT_FILENO, LOOP_READ, on_reader_gone, chat);
	}
}

static const int leave_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define SIGNALS (sizeof(leave_signals) / sizeof(leave_signals[0]))

/* The terminal must be left as it was. */
static void run_screen(struct chat *chat)
{
	struct loop_signal *watches[SIGNALS] = {NULL};
	for (size_t i = 0; i < SIGNALS; i++) {
		watches[i] = loop_signal_open(chat->loop, leave_signals[i], on_signal, chat);
	}
	chat_show_prompt(chat);
	loop_run(chat->loop);
	chat_terminal_close(&chat->terminal);
	for (size_t i = 0; i < SIGNALS; i++) {
		loop_signal_close(&watches[i]);
	}
}

static void run_stream(struct chat *chat)
{
	watch_reader(chat);
	if (!chat->terminal_input || !chat->cmd->invocation->options.no_input) {
		chat->input = chat_input_open(chat->loop, STDIN_FILENO, &chat_input_events, chat);
	}
	loop_run(chat->loop);
	chat_show_rest(chat);
	loop_fd_close(&chat->reader);
}

/* ---- all of it ---- */

static void on_name(void *ctx)
{
	chat_show_go_on(ctx);
}

static void open_session(struct chat *chat, const char *room)
{
	const struct options *options = &chat->cmd->invocation->options;
	const struct chat_session_options session_options = {
		.access = &chat->access,
		.transport = chat->transport,
		.encoding = chat->encoding,
		.room = room,
		.history = chat->history,
		.first_patience_us = options->wait ? options->wait_us : 0,
		.patience_us = chat->mode == CHAT_MODE_SEND ? options->timeout_us : UINT64_MAX,
	};
	chat->outbox = chat_outbox_create(chat->loop, &chat_outbox_events, chat);
	chat->names = chat_names_create(
		chat->pool, &chat->access.locate, chat->access.timeout_us, on_name, chat);
	chat->session = chat_session_create(
		chat->pool, chat->outbox, &session_options, &chat_session_events, chat);
}

static void close_session(struct chat *chat)
{
	chat_talk_finish(chat);
	chat_session_destroy(&chat->session);
	chat_outbox_destroy(&chat->outbox);
	chat_names_destroy(&chat->names);
	chat_show_finish(chat);
	while (stream_pool_lingering(chat->pool) > 0) { /* the goodbye */
		loop_turn(chat->loop, 100);
	}
}

static void run(struct chat *chat, const char *room)
{
	chat->loop = loop_create();
	chat->pool = stream_pool_create(chat->loop);
	chat_show_init(chat);
	open_session(chat, room);
	if (chat->mode == CHAT_MODE_SCREEN &&
		chat_terminal_open(chat->loop, &chat_terminal_events, chat, &chat->terminal) != 0) {
		chat->mode = CHAT_MODE_PLAIN;
	}
	if (chat->mode == CHAT_MODE_SCREEN) {
		run_screen(chat);
	} else {
		run_stream(chat);
	}
	close_session(chat);
	stream_pool_destroy(&chat->pool);
	loop_destroy(&chat->loop);
}

int cmd_chat(struct cmd *cmd)
{
	struct chat chat = {.cmd = cmd, .colour = wants_colour()};
	const char *room = ctl_args_text(&cmd->invocation->args, "room").ptr;
	fill_streams();
	int err = choose_mode(&chat);
	if (err == 0) {
		err = choose_way(&chat);
	}
	if (err == 0) {
		err = chat_access_init(&chat.access, cmd);
	}
	if (err == 0) {
		err = chat_access_room(&chat.access, cmd, room, &room, &chat.label);
	}
	if (err == 0) {
		chat.history = (unsigned)ctl_args_number(&cmd->invocation->args, "history",
			chat.mode == CHAT_MODE_SCREEN ? HISTORY_SCREEN : 0);
		run(&chat, room);
		err = chat.err;
	}
	chat_access_finish(&chat.access);
	return err;
}
