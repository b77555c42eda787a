#include "chatctl/chat_outbox.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/value/json.h"

/* Of a call, beside the text. */
#define OVERHEAD 512
/* Before a message that was refused for now is sent again: doubling. */
#define RETRY_FIRST_US UINT64_C(20000)
#define RETRY_LAST_US UINT64_C(1000000)
/* For the answer to a message; the hub itself gives up on its store before. */
#define ANSWER_US UINT64_C(30000000)

struct chat_outbox {
	struct loop *loop;
	struct loop_defer defer; /* sends */
	struct loop_timer *timer; /* until the first one is sent again; or its answer's deadline */
	const struct chat_outbox_events *events;
	void *ctx;
	struct list queue;
	size_t count;
	struct client *client; /* NULL: none, or one that is not to be used */
	uint64_t max_message;
	bool under_way; /* the first one was sent, its answer has not come */
	uint64_t retry_us; /* the wait before the first one is sent again; 0: not tried yet */
};

struct bytes chat_error_text(struct bytes error_text)
{
	struct bytes code = client_error_code(error_text);
	if (code.len == 0) {
		return error_text;
	}
	const char *behind = code.ptr + code.len + 1; /* a ':' stands there */
	return bytes_trim(bytes_of(behind, (size_t)(error_text.ptr + error_text.len - behind)));
}

uint64_t chat_retry_us(struct bytes why)
{
	const struct bytes mark = BYTES_LIT("try again in ");
	const char *at = why.len > 0 ? memmem(why.ptr, why.len, mark.ptr, mark.len) : NULL;
	unsigned long long seconds, hundredths = 0;
	if (at == NULL) {
		return 0;
	}
	at += mark.len;
	struct bytes rest = bytes_of(at, (size_t)(why.ptr + why.len - at));
	struct bytes number = bytes_split(&rest, ' ');
	struct bytes whole = bytes_split(&number, '.');
	if (bytes_to_u64(whole, &seconds) != 0 || seconds > 3599 ||
		(number.ptr != NULL &&
			(number.len != 2 || bytes_to_u64(number, &hundredths) != 0)) ||
		!(rest.len >= 1 && rest.ptr[0] == 's')) {
		return 0;
	}
	return seconds * 1000000 + hundredths * 10000;
}

static bool comes_later(int err)
{
	return err == ERR_RATE_LIMITED || err == ERR_BUSY || err == ERR_UNAVAILABLE ||
	       err == ERR_UNCERTAIN || err == ERR_TIMEOUT;
}

static void outgoing_free(struct chat_outgoing *message)
{
	list_remove(&message->node);
	free((void *)(uintptr_t)message->text.ptr);
	free(message->room);
	free(message);
}

static struct chat_outgoing *first_of(const struct chat_outbox *outbox)
{
	struct list_node *node = list_first(&outbox->queue);
	return node != NULL ? CONTAINER_OF(node, struct chat_outgoing, node) : NULL;
}

static void send_soon(struct chat_outbox *outbox)
{
	loop_defer(outbox->loop, &outbox->defer, LOOP_GATHER);
}

static void settle(struct chat_outbox *outbox, int err, struct bytes why)
{
	struct chat_outgoing *message = first_of(outbox);
	list_remove(&message->node);
	outbox->count--;
	outbox->retry_us = 0;
	send_soon(outbox);
	outbox->events->on_settled(outbox->ctx, message, err, why);
	outgoing_free(message);
}

static void delay(struct chat_outbox *outbox, int err, struct bytes why)
{
	bool told = outbox->retry_us != 0;
	uint64_t next = outbox->retry_us * 2;
	uint64_t asked = chat_retry_us(why);
	next = next < RETRY_FIRST_US ? RETRY_FIRST_US : next;
	next = next < RETRY_LAST_US ? next : RETRY_LAST_US;
	outbox->retry_us = asked != 0 ? asked : next;
	loop_timer_set(outbox->timer, outbox->retry_us);
	if (!told) {
		outbox->events->on_delayed(outbox->ctx, first_of(outbox), err, why);
	}
}

static void on_answer(void *ctx, int err, struct bytes error_text, const struct value *result)
{
	struct chat_outbox *outbox = ctx;
	(void)result;
	outbox->under_way = false;
	loop_timer_cancel(outbox->timer);
	if (err == ERR_CLOSED) {
		return; /* sent again over the next connection */
	}
	struct bytes why = chat_error_text(error_text);
	if (comes_later(err)) {
		delay(outbox, err, why);
	} else {
		settle(outbox, err, why);
	}
}

static bool too_long(const struct chat_outbox *outbox, struct bytes text)
{
	struct buf json = {0};
	json_write_text(&json, text);
	bool result = json.len + OVERHEAD > outbox->max_message;
	buf_finish(&json);
	return result;
}

static void send_first(void *ctx)
{
	struct chat_outbox *outbox = ctx;
	struct chat_outgoing *message = first_of(outbox);
	if (message == NULL || outbox->client == NULL || outbox->under_way ||
		loop_timer_armed(outbox->timer)) {
		return;
	}
	if (too_long(outbox, message->text)) {
		settle(outbox, ERR_TOO_LARGE, bytes_str(err_text(ERR_TOO_LARGE)));
		return;
	}
	struct arena *arena = arena_create(0);
	struct value arguments = value_array(arena, 3);
	value_add(&arguments, value_str(message->room));
	value_add(&arguments, value_text(message->text));
	value_add(&arguments, value_str(message->id));
	int err = client_invoke(
		outbox->client, BYTES_LIT("SendMessage"), &arguments, on_answer, outbox);
	arena_destroy(&arena);
	outbox->under_way = err == 0;
	if (err == 0) {
		loop_timer_set(outbox->timer, ANSWER_US);
	} else if (err == ERR_BUSY) {
		delay(outbox, err, bytes_str(err_text(err)));
	}
}

static void on_timer(void *ctx)
{
	struct chat_outbox *outbox = ctx;
	if (outbox->under_way) {
		outbox->events->on_stalled(outbox->ctx);
	} else {
		send_soon(outbox);
	}
}

struct chat_outbox *chat_outbox_create(
	struct loop *loop, const struct chat_outbox_events *events, void *ctx)
{
	struct chat_outbox *outbox = mem_zalloc(sizeof(*outbox));
	outbox->loop = loop;
	outbox->events = events;
	outbox->ctx = ctx;
	list_init(&outbox->queue);
	loop_defer_init(&outbox->defer, send_first, outbox);
	outbox->timer = loop_timer_create(loop, on_timer, outbox);
	return outbox;
}

void chat_outbox_destroy(struct chat_outbox **outbox)
{
	if (*outbox == NULL) {
		return;
	}
	struct chat_outgoing *message;
	while ((message = first_of(*outbox)) != NULL) {
		outgoing_free(message);
	}
	loop_defer_cancel(&(*outbox)->defer);
	loop_timer_destroy(&(*outbox)->timer);
	free(*outbox);
	*outbox = NULL;
}

void chat_outbox_add(struct chat_outbox *outbox, const char *room, struct bytes text, uint64_t line)
{
	struct chat_outgoing *message = mem_zalloc(sizeof(*message));
	struct uuid id;
	uuid_v7(clock_wall_ms(&clock_system), &id);
	uuid_format(&id, message->id);
	message->line = line;
	message->room = mem_strdup(room);
	message->text = bytes_of(mem_dup_bytes(text), text.len);
	list_append(&outbox->queue, &message->node);
	outbox->count++;
	send_soon(outbox);
}

void chat_outbox_set_client(struct chat_outbox *outbox, struct client *client, uint64_t max_message)
{
	if (outbox->under_way && client != outbox->client) {
		/* An answer over the connection before will not come any more. */
		outbox->under_way = false;
		loop_timer_cancel(outbox->timer);
	}
	outbox->client = client;
	if (client != NULL) {
		outbox->max_message = max_message;
		send_soon(outbox);
	}
}

size_t chat_outbox_count(const struct chat_outbox *outbox)
{
	return outbox->count;
}
