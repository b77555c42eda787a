/* Entering a room and coming back to it, and the order of what comes: see chat_session_private.h.
 */
#include "chatctl/chat_session_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"

/* What is held while a room is entered. */
#define HELD_MAX ((size_t)64 * 1024 * 1024)
/* For the hub's answers, catching up included. */
#define ENTER_US UINT64_C(60000000)

void chat_room_finish(struct chat_room *room)
{
	free(room->ref);
	*room = (struct chat_room){0};
}

static void copy_text(char *to, size_t size, struct bytes text)
{
	snprintf(to, size, "%.*s", BYTES_ARG(text));
}

/* ---- what comes ---- */

static void hand_on_message(struct chat_session *session, struct chat_item **item)
{
	struct chat_room *room = &session->room;
	uint64_t seq = chat_value_number(&(*item)->value, "seq");
	bool ours = bytes_eq(chat_value_text(&(*item)->value, "roomId"), bytes_str(room->id));
	uint64_t missing = 0;
	if (!ours || seq == 0 || !chat_feed_take(&room->feed, seq, &missing)) {
		chat_item_free(item);
		return;
	}
	session->events->on_message(session->ctx, *item, missing);
	*item = NULL;
}

static void hold(struct chat_session *session, struct chat_item *item)
{
	session->held_bytes += arena_size(item->arena);
	list_append(&session->held, &item->node);
	if (session->held_bytes > HELD_MAX) {
		chat_session_retry(
			session, ERR_CLOSED, BYTES_LIT("more came at once than can be held"));
	}
}

void chat_entry_take(
	struct chat_session *session, struct bytes target, const struct value *arguments)
{
	bool is_message = bytes_eq(target, BYTES_LIT("ReceiveMessage"));
	bool good =
		arguments->kind == VALUE_ARRAY &&
		(!is_message || (arguments->count > 0 && arguments->items[0].kind == VALUE_OBJECT));
	if (!good) {
		return;
	}
	struct chat_item *item = is_message ? chat_item_message(&arguments->items[0])
					    : chat_item_event(target, arguments);
	if (session->state != CHAT_LIVE) {
		hold(session, item);
	} else if (is_message) {
		hand_on_message(session, &item);
	} else {
		session->events->on_event(session->ctx, item);
	}
}

/* What was held is handed on; from here on it is LIVE. */
static void release(struct chat_session *session)
{
	struct list items;
	struct list_node *node;
	list_take_all(&items, &session->held);
	session->held_bytes = 0;
	while ((node = list_pop(&items)) != NULL) {
		struct chat_item *item = CONTAINER_OF(node, struct chat_item, node);
		if (item->kind == CHAT_ITEM_MESSAGE) {
			hand_on_message(session, &item);
		} else {
			session->events->on_event(session->ctx, item);
		}
	}
}

/* New messages of the room among those that are held. */
static uint64_t count_held(const struct chat_session *session)
{
	uint64_t count = 0;
	LIST_FOREACH (&session->held, node) {
		const struct chat_item *item = CONTAINER_OF(node, const struct chat_item, node);
		bool counts = item->kind == CHAT_ITEM_MESSAGE &&
			      bytes_eq(chat_value_text(&item->value, "roomId"),
				      bytes_str(session->room.id)) &&
			      chat_value_number(&item->value, "seq") >= session->room.feed.next;
		count += counts ? 1 : 0;
	}
	return count;
}

/* ---- entering ---- */

static void go_live(struct chat_session *session)
{
	loop_timer_cancel(session->timer);
	chat_session_set_state(session, CHAT_LIVE);
	session->entered = true;
	session->room.known = true;
	session->failed = 0;
	session->away_us = 0;
	chat_outbox_set_client(session->outbox, session->client, session->max_message);
}

static void on_first_history(void *ctx, int err, struct bytes why, struct list *messages)
{
	struct chat_session *session = ctx;
	session->history = NULL;
	if (err == ERR_CLOSED) {
		return; /* the connection tells it */
	}
	struct list_node *first = list_first(messages);
	if (first != NULL) {
		session->room.oldest = chat_value_number(
			&CONTAINER_OF(first, struct chat_item, node)->value, "seq");
	}
	go_live(session);
	session->events->on_history(session->ctx, messages, session->room.oldest > 1);
	if (err != 0) {
		session->events->on_refused(session->ctx, err, why);
	}
	release(session);
}

/* For the first time: what was there before is history. */
static void enter_new(struct chat_session *session, uint64_t last)
{
	struct chat_room *room = &session->room;
	const struct chat_arrival arrival = {.again = false};
	room->feed.next = last + 1;
	room->oldest = last + 1;
	int err = last == 0 || session->wanted_history == 0
			  ? ERR_NOT_FOUND
			  : chat_history_start(session->client, room->id, last + 1,
				    session->wanted_history, on_first_history, session,
				    &session->history);
	chat_session_set_state(session, CHAT_READING);
	session->events->on_arrival(session->ctx, &arrival);
	if (err != 0) {
		go_live(session);
		release(session);
	}
}

/* Again: what came meanwhile was sent before the answer, and is held. */
static void enter_again(struct chat_session *session, const struct value *result, uint64_t last)
{
	struct chat_room *room = &session->room;
	const struct value *gap = value_get_nocase(result, "gap");
	const struct value *recovered = value_get_nocase(result, "recovered");
	bool whole = recovered != NULL && recovered->kind == VALUE_BOOL && recovered->boolean;
	struct chat_arrival arrival = {.again = true};
	if (gap != NULL && gap->kind == VALUE_OBJECT) {
		arrival.gap_from = chat_value_number(gap, "from");
		arrival.gap_to = chat_value_number(gap, "to");
	}
	bool other_epoch = !bytes_eq(chat_value_text(result, "epoch"), bytes_str(room->epoch));
	if (other_epoch || (!whole && arrival.gap_from == 0)) {
		arrival.anew = true;
		room->feed.next = room->oldest = last + 1;
	} else if (arrival.gap_from != 0 && arrival.gap_from <= room->feed.next) {
		chat_feed_skip(&room->feed, arrival.gap_to);
	}
	copy_text(room->epoch, sizeof(room->epoch), chat_value_text(result, "epoch"));
	arrival.caught_up = count_held(session);
	go_live(session);
	session->events->on_arrival(session->ctx, &arrival);
	release(session);
}

static void enter_failed(struct chat_session *session, int err, struct bytes why)
{
	if (session->wanted.ref != NULL) { /* it stays where it is */
		chat_room_finish(&session->wanted);
		loop_timer_cancel(session->timer);
		chat_session_set_state(session, CHAT_LIVE);
		session->events->on_refused(session->ctx, err, why);
		release(session);
	} else if (chat_session_passes(err)) {
		chat_session_retry(session, err, why);
	} else {
		chat_session_end(session, err, why);
	}
}

static void on_joined(void *ctx, int err, struct bytes error_text, const struct value *result)
{
	struct chat_session *session = ctx;
	struct bytes id = chat_value_text(result, "roomId");
	if (err == ERR_CLOSED) {
		return; /* the connection tells it */
	}
	if (err == 0 && (id.len == 0 || id.len >= UUID_TEXT_SIZE)) {
		err = ERR_BAD_REQUEST;
	}
	if (err != 0) {
		enter_failed(session, err, chat_error_text(error_text));
		return;
	}
	uint64_t last = chat_value_number(result, "lastSeq");
	if (session->wanted.ref != NULL) {
		chat_room_finish(&session->room);
		session->room = session->wanted;
		session->wanted = (struct chat_room){0};
	}
	if (session->room.known) {
		enter_again(session, result, last);
		return;
	}
	copy_text(session->room.id, sizeof(session->room.id), id);
	copy_text(
		session->room.epoch, sizeof(session->room.epoch), chat_value_text(result, "epoch"));
	enter_new(session, last);
}

static int invoke_join(struct chat_session *session, const struct chat_room *room)
{
	struct arena *arena = arena_create(0);
	struct value arguments = value_array(arena, 3);
	value_add(&arguments, value_str(room->known ? room->id : room->ref));
	if (room->known) {
		value_add(&arguments, value_int((int64_t)room->feed.next - 1));
		value_add(&arguments, value_str(room->epoch));
	}
	int err = client_invoke(
		session->client, BYTES_LIT("JoinRoom"), &arguments, on_joined, session);
	loop_timer_set(session->timer, ENTER_US);
	arena_destroy(&arena);
	return err;
}

void chat_entry_begin(struct chat_session *session)
{
	chat_session_set_state(session, CHAT_ENTERING);
	int err = invoke_join(session, &session->room);
	if (err != 0) {
		chat_session_retry(session, err, bytes_str(err_text(err)));
	}
}

void chat_entry_break(struct chat_session *session)
{
	/* Behind client_close() nobody else frees it; before it was answered with ERR_CLOSED. */
	chat_history_free(&session->history);
	chat_items_free(&session->held);
	session->held_bytes = 0;
	chat_room_finish(&session->wanted);
}

int chat_session_join(struct chat_session *session, const char *room, unsigned history)
{
	if (session->state != CHAT_LIVE) {
		return session->client != NULL ? ERR_BUSY : ERR_CLOSED;
	}
	if (session->history != NULL) {
		return ERR_BUSY;
	}
	session->wanted.ref = mem_strdup(room);
	int err = invoke_join(session, &session->wanted);
	if (err != 0) {
		chat_room_finish(&session->wanted);
		loop_timer_cancel(session->timer);
		return err;
	}
	session->wanted_history = history;
	chat_session_set_state(session, CHAT_ENTERING);
	return 0;
}

/* ---- older messages ---- */

static void on_older(void *ctx, int err, struct bytes why, struct list *messages)
{
	struct chat_session *session = ctx;
	session->history = NULL;
	if (err == ERR_CLOSED) {
		return;
	}
	struct list_node *first = list_first(messages);
	if (first != NULL) {
		session->room.oldest = chat_value_number(
			&CONTAINER_OF(first, struct chat_item, node)->value, "seq");
	} else if (err == 0) {
		session->room.oldest = 1;
	}
	if (err == 0 || first != NULL) {
		session->events->on_history(session->ctx, messages, session->room.oldest > 1);
	}
	if (err != 0) {
		session->events->on_refused(session->ctx, err, why);
	}
}

int chat_session_history(struct chat_session *session, unsigned count)
{
	struct list none;
	if (session->state != CHAT_LIVE || session->history != NULL) {
		return session->client != NULL ? ERR_BUSY : ERR_CLOSED;
	}
	if (session->room.oldest <= 1) {
		list_init(&none);
		session->events->on_history(session->ctx, &none, false);
		return 0;
	}
	return chat_history_start(session->client, session->room.id, session->room.oldest, count,
		on_older, session, &session->history);
}
