/* Lines that are typed or piped in: see chat.h. */
#include "chatctl/chat.h"

#include <errno.h>

#include "chatctl/chat_words.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"

/* Messages that wait before no more lines are read, and before it goes on. */
#define WAITING_MAX 128
#define WAITING_LOW 64
/* Names that /who lists. */
#define WHO_MAX 200
/* Of a message that was not sent, what is shown of it. */
#define EXCERPT 60

/* ---- the end ---- */

/* Whether it goes on without lines. */
static bool follows(const struct chat *chat)
{
	return chat->mode != CHAT_MODE_SEND && !chat->terminal_input && chat->lines == 0;
}

static void leave_when_done(struct chat *chat)
{
	if (!chat->input_ended || chat_outbox_count(chat->outbox) > 0 || follows(chat)) {
		return;
	}
	int err = 0;
	if (chat->refused > 0) {
		err = failure_set(chat->cmd->failure, ERR_INTERNAL, NULL,
			"%llu of %llu lines were not sent", (unsigned long long)chat->refused,
			(unsigned long long)chat->lines);
		chat->cmd->failure->code = "not_sent";
	}
	chat_leave(chat, err);
}

/* ---- messages ---- */

static void refuse_line(struct chat *chat, uint64_t line, int err, struct bytes why)
{
	chat->refused++;
	chat_show_trouble(chat, "line %llu was not sent: %s: %.*s", (unsigned long long)line,
		err_code(err), BYTES_ARG(why));
}

static void on_settled(void *ctx, const struct chat_outgoing *message, int err, struct bytes why)
{
	struct chat *chat = ctx;
	if (err != 0 && chat->terminal_input) {
		struct bytes text = message->text;
		chat_show_trouble(chat, "not sent (%s): %.*s%s: %.*s", err_code(err),
			(int)(text.len < EXCERPT ? text.len : EXCERPT), text.ptr,
			text.len > EXCERPT ? "..." : "", BYTES_ARG(why));
	} else if (err == ERR_NOT_FOUND || err == ERR_NOT_MEMBER || err == ERR_FORBIDDEN) {
		/* All the others would be refused as well. */
		chat_leave(chat, failure_set(chat->cmd->failure, err, NULL,
					 "%s: line %llu was not sent: %.*s", chat->label,
					 (unsigned long long)message->line, BYTES_ARG(why)));
	} else if (err != 0) {
		refuse_line(chat, message->line, err, why);
	}
	if (chat->input_held && chat_outbox_count(chat->outbox) <= WAITING_LOW) {
		chat->input_held = false;
		chat_input_resume(chat->input);
	}
	leave_when_done(chat);
}

static void on_delayed(void *ctx, const struct chat_outgoing *message, int err, struct bytes why)
{
	struct chat *chat = ctx;
	(void)message;
	/* A pipe is slowed down all the time, which is nothing to tell. */
	if (chat->terminal_input || err != ERR_RATE_LIMITED) {
		chat_show_notice(chat, "not sent yet, trying again: %.*s",
			BYTES_ARG(why.len > 0 ? why : bytes_str(err_text(err))));
	}
}

static void on_stalled(void *ctx)
{
	chat_session_reconnect(((struct chat *)ctx)->session, "the server does not answer");
}

const struct chat_outbox_events chat_outbox_events = {on_settled, on_delayed, on_stalled};

static void send_text(struct chat *chat, struct bytes text, uint64_t line)
{
	const char *room = chat_session_room(chat->session);
	if (room[0] == '\0') {
		chat_show_notice(chat, "not sent: the room is not entered yet");
		return;
	}
	chat_outbox_add(chat->outbox, room, text, line);
	if (chat->away && chat->terminal_input) {
		chat_show_notice(
			chat, "there is no connection; it is sent as soon as there is one");
	}
}

/* ---- commands of the console ---- */

static void append_member(struct chat *chat, struct buf *out, const struct value *member)
{
	struct bytes id = chat_value_text(member, "userId");
	struct bytes name = chat_value_text(member, "displayName");
	struct bytes role = chat_value_text(member, "role");
	if (name.len == 0) {
		name = chat_value_text(member, "identity");
	}
	if (name.len > 0) {
		chat_names_put(chat->names, id, name);
	} else {
		name = bytes_str(chat_names_now(chat->names, id));
	}
	buf_append_bytes(out, name);
	if (role.len > 0 && !bytes_eq(role, BYTES_LIT("Member"))) {
		buf_printf(out, " (%.*s)", BYTES_ARG(role));
	}
}

static void on_members(void *ctx, int err, struct bytes message, const struct value *items)
{
	struct chat *chat = ctx;
	struct buf text = {0};
	chat->members = NULL;
	if (err != 0) {
		chat_show_notice(chat, "that did not work: %.*s", BYTES_ARG(message));
		return;
	}
	buf_printf(&text, "%u member%s: ", items->count, items->count == 1 ? "" : "s");
	for (uint32_t i = 0; i < items->count && i < WHO_MAX; i++) {
		buf_append_str(&text, i > 0 ? ", " : "");
		append_member(chat, &text, &items->items[i]);
	}
	if (items->count > WHO_MAX) {
		buf_printf(&text, " and %u more", items->count - WHO_MAX);
	}
	chat_show_notice(chat, "%s", buf_cstr(&text));
	buf_finish(&text);
}

static void join(struct chat *chat, const char *room, const char *label)
{
	int err = chat_session_join(chat->session, room, chat->history);
	if (err == 0) {
		chat->joining = label;
	} else {
		chat_show_notice(chat, err == ERR_CLOSED ? "there is no connection just now"
							 : "something else is under way");
	}
}

static void on_room(void *ctx, int err, struct bytes message, const struct value *items)
{
	struct chat *chat = ctx;
	struct arena *arena = chat->cmd->invocation->arena;
	const char *wanted = chat->wanted;
	chat->lookup = NULL;
	if (err != 0 && err != ERR_NOT_FOUND) {
		chat_show_notice(chat, "that did not work: %.*s", BYTES_ARG(message));
		return;
	}
	struct bytes id = BYTES_NONE, label = BYTES_NONE;
	if (err == 0 && items->count > 0) {
		const struct value *room = &items->items[0];
		id = chat_value_text(room, "id");
		label = chat_value_text(room, "alias");
		label = label.len > 0 ? label : chat_value_text(room, "name");
	}
	join(chat, id.len > 0 ? arena_dup(arena, id).ptr : wanted,
		label.len > 0 ? arena_dup(arena, label).ptr : wanted);
}

static bool asks_daemon(const struct chat *chat)
{
	return chat->access.locate.count > 0;
}

static struct chat_call *ask(
	struct chat *chat, const char *command, const char *room, chat_call_fn done)
{
	struct arena *arena = arena_create(0);
	struct value args = value_object(arena, 1);
	value_put(&args, "room", value_str(room));
	struct chat_call *call = chat_call_start(chat->pool, &chat->access.locate, command, &args,
		chat->access.timeout_us, done, chat);
	arena_destroy(&arena);
	return call;
}

static void who(struct chat *chat)
{
	if (!asks_daemon(chat)) {
		chat_show_notice(chat, "the members are asked over the control socket, which is "
				       "not used here");
	} else if (chat->members == NULL) {
		chat->members =
			ask(chat, "room members", chat_session_room(chat->session), on_members);
	}
}

static void join_named(struct chat *chat, struct bytes room)
{
	const char *name = arena_dup(chat->cmd->invocation->arena, room).ptr;
	if (chat->joining != NULL || chat->lookup != NULL) {
		chat_show_notice(chat, "something else is under way");
	} else if (asks_daemon(chat)) {
		chat->wanted = name;
		chat->lookup = ask(chat, "room show", name, on_room);
	} else {
		join(chat, name, name);
	}
}

static void older(struct chat *chat, unsigned count)
{
	chat->history_asked = true;
	int err = chat_session_history(chat->session, count);
	if (err != 0) {
		chat->history_asked = false;
		chat_show_notice(chat, err == ERR_CLOSED ? "there is no connection just now"
							 : "something else is under way");
	}
}

static void take_words(struct chat *chat, struct bytes line, uint64_t number)
{
	struct chat_words words;
	struct buf help = {0};
	chat_words_read(&words, line);
	switch (words.word) {
	case CHAT_WORD_NOTHING:
		break;
	case CHAT_WORD_TEXT:
		send_text(chat, words.text, number);
		break;
	case CHAT_WORD_HELP:
		chat_words_help(&help);
		chat_show_trouble(chat, "%s", buf_cstr(&help));
		buf_finish(&help);
		break;
	case CHAT_WORD_WHO:
		who(chat);
		break;
	case CHAT_WORD_JOIN:
		join_named(chat, words.text);
		break;
	case CHAT_WORD_HISTORY:
		older(chat, words.count);
		break;
	case CHAT_WORD_QUIT:
		chat_leave(chat, 0);
		break;
	case CHAT_WORD_WRONG:
		chat_show_trouble(chat, "%s", words.why);
		break;
	}
}

/* ---- a terminal with line editing ---- */

static void on_typed(void *ctx, struct bytes text)
{
	take_words(ctx, text, 0);
}

static void on_page_up(void *ctx)
{
	older(ctx, CHAT_HISTORY_DEFAULT);
}

static void on_leave(void *ctx)
{
	chat_leave(ctx, 0);
}

const struct chat_terminal_events chat_terminal_events = {on_typed, on_page_up, on_leave};

/* ---- anything else ---- */

static void on_line(void *ctx, struct bytes text, uint64_t number, bool too_long)
{
	struct chat *chat = ctx;
	if (chat->terminal_input && utf8_valid(text) && !too_long) {
		take_words(chat, text, number);
		return;
	}
	if (text.len == 0) {
		return; /* a message has something in it */
	}
	if (chat->lines++ == 0 && !chat->terminal_input) {
		chat_session_set_patience(chat->session, chat->access.timeout_us);
	}
	if (too_long) {
		refuse_line(chat, number, ERR_TOO_LARGE, bytes_str(err_text(ERR_TOO_LARGE)));
	} else if (!utf8_valid(text)) {
		refuse_line(chat, number, ERR_BAD_CONTENT, BYTES_LIT("it is no UTF-8 text"));
	} else {
		send_text(chat, text, number);
	}
	if (!chat->input_held && chat_outbox_count(chat->outbox) >= WAITING_MAX) {
		chat->input_held = true;
		chat_input_pause(chat->input);
	}
}

static void on_end(void *ctx, int err)
{
	struct chat *chat = ctx;
	chat->input_ended = true;
	if (err != 0) {
		chat->refused++;
		chat_show_trouble(chat, "cannot read stdin: %s", strerror(errno));
	}
	leave_when_done(chat);
}

const struct chat_input_events chat_input_events = {on_line, on_end};

void chat_talk_begin(struct chat *chat)
{
	if (chat->input != NULL && !chat->input_held) {
		chat_input_resume(chat->input);
	}
}

void chat_talk_finish(struct chat *chat)
{
	chat_call_cancel(&chat->members);
	chat_call_cancel(&chat->lookup);
	chat_input_close(&chat->input);
}
