/* What the session says: see chat.h. */
#include "chatctl/chat.h"

#include "lib/base/err.h"
#include "lib/base/ident.h"

void chat_leave(struct chat *chat, int err)
{
	if (!chat->over) {
		chat->over = true;
		chat->err = err;
		loop_stop(chat->loop);
	}
}

static void tell_gap(struct chat *chat, const struct chat_arrival *arrival)
{
	if (arrival->anew) {
		chat_show_notice(chat, "the numbers of the messages do not go on where they were: "
				       "what was missed is not known");
	} else if (arrival->gap_from != 0) {
		chat_show_notice(chat,
			"messages %llu to %llu are not sent again: there were too many, or they "
			"were purged",
			(unsigned long long)arrival->gap_from, (unsigned long long)arrival->gap_to);
	}
}

static void on_arrival(void *ctx, const struct chat_arrival *arrival)
{
	struct chat *chat = ctx;
	unsigned long long caught_up = arrival->caught_up;
	chat->away = false;
	if (chat->joining != NULL) {
		chat->label = chat->joining;
		chat->joining = NULL;
	}
	chat_show_prompt(chat);
	if (arrival->again) {
		chat_names_retry(chat->names);
		chat_show_notice(chat, "back; %llu message%s caught up", caught_up,
			caught_up == 1 ? "" : "s");
		tell_gap(chat, arrival);
	} else if (chat->mode == CHAT_MODE_SCREEN) {
		chat_show_notice(chat, "this is %s; /help lists what you can do", chat->label);
	}
	chat_talk_begin(chat);
}

static void on_message(void *ctx, struct chat_item *message, uint64_t missing)
{
	struct chat *chat = ctx;
	unsigned long long before = chat_value_number(&message->value, "seq") - 1;
	if (missing != 0) {
		chat_show_trouble(chat, "messages %llu to %llu never came",
			(unsigned long long)missing, before);
	}
	chat_show_item(chat, message);
}

static bool names_us(const struct chat *chat, struct bytes id)
{
	struct uuid user;
	char text[UUID_TEXT_SIZE];
	if (chat->access.user == NULL) {
		return false;
	}
	ident_user(bytes_str(chat->access.user), &user);
	uuid_format(&user, text);
	return bytes_eq_nocase(id, bytes_str(text));
}

static struct bytes argument(const struct value *arguments, uint32_t i)
{
	bool there = i < arguments->count && arguments->items[i].kind == VALUE_TEXT;
	return there ? arguments->items[i].text : BYTES_NONE;
}

/* Why the room is none for us any more, or NULL. */
static const char *put_out(const struct chat *chat, const struct chat_item *event)
{
	struct bytes room = bytes_str(chat_session_room(chat->session));
	if (bytes_eq(event->target, BYTES_LIT("RoomDeleted")) &&
		bytes_eq(argument(&event->value, 0), room)) {
		return "the room was deleted";
	}
	if (bytes_eq(event->target, BYTES_LIT("UserLeft")) &&
		bytes_eq(argument(&event->value, 1), room) &&
		names_us(chat, argument(&event->value, 0))) {
		return "you are no member of the room any more";
	}
	return NULL;
}

static void on_event(void *ctx, struct chat_item *event)
{
	struct chat *chat = ctx;
	const char *why = put_out(chat, event);
	chat_show_item(chat, event);
	if (why == NULL) {
		return;
	}
	if (chat->terminal_input) {
		chat_show_notice(chat, "%s; /join goes to another one", why);
	} else {
		chat_leave(chat, failure_set(chat->cmd->failure, ERR_NOT_FOUND, NULL, "%s: %s",
					 chat->label, why));
	}
}

static void on_history(void *ctx, struct list *messages, bool more)
{
	struct chat *chat = ctx;
	bool asked = chat->history_asked;
	struct list_node *node;
	chat->history_asked = false;
	if (asked) {
		chat_show_notice(chat, list_empty(messages) ? "there are no earlier messages"
				       : more		    ? "earlier messages:"
					      : "earlier messages, from the first one:");
	}
	bool any = !list_empty(messages);
	while ((node = list_pop(messages)) != NULL) {
		chat_show_item(chat, CONTAINER_OF(node, struct chat_item, node));
	}
	if (asked && any) {
		chat_show_notice(chat, "end of the earlier messages");
	}
}

static void on_lost(void *ctx, int err, struct bytes why)
{
	struct chat *chat = ctx;
	/* That it was lost is all that is to be said of that. */
	why = err == ERR_CLOSED ? BYTES_NONE : why;
	chat->away = true;
	chat->joining = NULL;
	chat->history_asked = false;
	chat_show_notice(chat, "connection lost%s%.*s%s, trying again", why.len > 0 ? " (" : "",
		BYTES_ARG(why), why.len > 0 ? ")" : "");
	chat_show_prompt(chat);
}

static void on_refused(void *ctx, int err, struct bytes why)
{
	struct chat *chat = ctx;
	chat->joining = NULL;
	chat->history_asked = false;
	chat_show_notice(chat, "that did not work: %.*s",
		BYTES_ARG(why.len > 0 ? why : bytes_str(err_text(err))));
}

static const char *hint_of(const struct chat *chat, int err)
{
	if (err == ERR_UNREACHABLE) {
		return chat->access.url != NULL
			       ? "is the address right, and chatd running there?"
			       : "start it (systemctl start chatd, or make run), or name its "
				 "socket with --socket";
	}
	if (err == ERR_NOT_FOUND || err == ERR_BAD_ROOM) {
		return "chatctl room list shows the rooms, chatctl room create makes one";
	}
	return NULL;
}

static void on_end(void *ctx, int err, struct bytes why)
{
	struct chat *chat = ctx;
	struct failure *failure = chat->cmd->failure;
	size_t waiting = chat_outbox_count(chat->outbox);
	struct buf text = {0};
	if (err == ERR_BAD_ROOM) {
		err = ERR_NOT_FOUND; /* there can be none */
	}
	if (err == 0) {
		buf_append_str(&text, "the server ended the connection");
		err = ERR_CLOSED;
	}
	if (text.len == 0 || why.len > 0) {
		buf_append_str(&text, text.len > 0 ? ": " : "");
		buf_append_bytes(&text, why.len > 0 ? why : bytes_str(err_text(err)));
	}
	if (waiting > 0 && !chat->terminal_input) {
		buf_printf(&text, "\n%zu line%s not acknowledged", waiting,
			waiting == 1 ? " was" : "s were");
	}
	failure_set(failure, err, hint_of(chat, err), "%s: %s", chat->label, buf_cstr(&text));
	buf_finish(&text);
	chat_leave(chat, err);
}

const struct chat_session_events chat_session_events = {
	.on_arrival = on_arrival,
	.on_message = on_message,
	.on_event = on_event,
	.on_history = on_history,
	.on_lost = on_lost,
	.on_refused = on_refused,
	.on_end = on_end,
};
