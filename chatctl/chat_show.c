/* Showing: see chat.h. */
#include <errno.h>
#include <stdio.h>

#include "chatctl/chat.h"
#include "chatctl/text.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"

/* How long a line waits for the name of its user. */
#define NAME_US UINT64_C(500000)

static const char *name_now(void *ctx, struct bytes id)
{
	return chat_names_now(ctx, id);
}

static struct chat_style style_of(const struct chat *chat)
{
	return (struct chat_style){.colour = chat->colour, .name = name_now, .ctx = chat->names};
}

/* ---- the stream ---- */

static void broken(struct chat *chat)
{
	int err = errno == EPIPE ? ERR_CLOSED
				 : failure_set(chat->cmd->failure, ERR_SYSTEM, NULL,
					   "cannot write the output: %s", strerror(errno));
	chat_leave(chat, err);
}

static void write_lines(struct chat *chat, struct bytes lines)
{
	if (chat->terminal != NULL) {
		chat_terminal_print(chat->terminal, lines);
		return;
	}
	if (fwrite(lines.ptr, 1, lines.len, stdout) != lines.len || fflush(stdout) != 0) {
		broken(chat);
	}
}

static void write_item(struct chat *chat, const struct value *message)
{
	int err = output_item(chat->cmd->output, message);
	if (err != 0) {
		chat_leave(chat, err);
	} else if (fflush(stdout) != 0) {
		broken(chat);
	}
}

/* ---- lines for people ---- */

static struct bytes user_of(const struct chat *chat, const struct chat_item *item)
{
	switch (item->kind) {
	case CHAT_ITEM_MESSAGE:
		return chat_lines_user(&item->value);
	case CHAT_ITEM_EVENT:
		return chat_lines_event_user(
			item->target, &item->value, bytes_str(chat_session_room(chat->session)));
	case CHAT_ITEM_NOTICE:
		break;
	}
	return BYTES_NONE;
}

static void write_text(struct chat *chat, const struct chat_item *item)
{
	const struct chat_style style = style_of(chat);
	struct buf lines = {0};
	switch (item->kind) {
	case CHAT_ITEM_MESSAGE:
		chat_lines_day(
			&lines, &item->value, clock_wall_ms(&clock_system), &chat->day, &style);
		chat_lines_message(&lines, &item->value, &style);
		break;
	case CHAT_ITEM_EVENT:
		if (!chat->cmd->invocation->options.quiet) {
			chat_lines_event(&lines, item->target, &item->value,
				bytes_str(chat_session_room(chat->session)), &style);
		}
		break;
	case CHAT_ITEM_NOTICE:
		chat_lines_notice(&lines, item->text, &style);
		break;
	}
	if (lines.len > 0) {
		write_lines(chat, buf_bytes(&lines));
	}
	buf_finish(&lines);
}

/* Whether the first of the queue must wait for its name still. */
static bool must_wait(struct chat *chat, const struct chat_item *item)
{
	struct bytes user = user_of(chat, item);
	if (user.len == 0 || chat_names_get(chat->names, user) != NULL) {
		return false;
	}
	uint64_t waited = loop_now_us(chat->loop) - item->since_us;
	if (waited >= NAME_US) {
		return false;
	}
	if (!loop_timer_armed(chat->patience)) {
		loop_timer_set(chat->patience, NAME_US - waited);
	}
	return true;
}

void chat_show_go_on(struct chat *chat)
{
	struct list_node *node;
	while ((node = list_first(&chat->queue)) != NULL) {
		struct chat_item *item = CONTAINER_OF(node, struct chat_item, node);
		if (must_wait(chat, item)) {
			return;
		}
		loop_timer_cancel(chat->patience);
		list_remove(node);
		write_text(chat, item);
		chat_item_free(&item);
	}
}

void chat_show_rest(struct chat *chat)
{
	uint64_t end = loop_now_us(chat->loop) + NAME_US;
	while (!list_empty(&chat->queue) && chat->err != ERR_CLOSED &&
		loop_now_us(chat->loop) < end) {
		loop_turn(chat->loop, 10);
	}
	LIST_FOREACH (&chat->queue, node) {
		CONTAINER_OF(node, struct chat_item, node)->since_us = 0;
	}
	chat_show_go_on(chat);
}

static void on_patience(void *ctx)
{
	chat_show_go_on(ctx);
}

/* ---- public ---- */

void chat_show_init(struct chat *chat)
{
	list_init(&chat->queue);
	chat->patience = loop_timer_create(chat->loop, on_patience, chat);
}

void chat_show_finish(struct chat *chat)
{
	chat_items_free(&chat->queue);
	loop_timer_destroy(&chat->patience);
}

static bool shows_text(const struct chat *chat)
{
	return chat->mode == CHAT_MODE_SCREEN || chat->mode == CHAT_MODE_PLAIN;
}

void chat_show_item(struct chat *chat, struct chat_item *item)
{
	if (shows_text(chat)) {
		item->since_us = loop_now_us(chat->loop);
		list_append(&chat->queue, &item->node);
		chat_show_go_on(chat);
		return;
	}
	if (chat->mode == CHAT_MODE_ITEMS && item->kind == CHAT_ITEM_MESSAGE && !chat->over) {
		write_item(chat, &item->value);
	}
	chat_item_free(&item);
}

/* Among the messages where somebody reads them while he types, elsewhere on stderr. */
static void show_words(struct chat *chat, const char *fmt, va_list ap)
{
	struct buf text = {0};
	buf_vprintf(&text, fmt, ap);
	if (shows_text(chat) && chat->terminal_input) {
		chat_show_item(chat, chat_item_notice(buf_bytes(&text)));
	} else {
		struct buf safe = {0};
		text_escape(&safe, buf_bytes(&text), true);
		fprintf(stderr, "chatctl: %s\n", buf_cstr(&safe));
		buf_finish(&safe);
	}
	buf_finish(&text);
}

void chat_show_notice(struct chat *chat, const char *fmt, ...)
{
	va_list ap;
	if (chat->cmd->invocation->options.quiet) {
		return;
	}
	va_start(ap, fmt);
	show_words(chat, fmt, ap);
	va_end(ap);
}

void chat_show_trouble(struct chat *chat, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	show_words(chat, fmt, ap);
	va_end(ap);
}

void chat_show_prompt(struct chat *chat)
{
	struct buf prompt = {0};
	if (chat->terminal == NULL) {
		return;
	}
	text_escape(&prompt, bytes_str(chat->label), false);
	buf_append_str(&prompt, chat->away ? " (away)> " : "> ");
	chat_terminal_set_prompt(chat->terminal, buf_cstr(&prompt));
	buf_finish(&prompt);
}
