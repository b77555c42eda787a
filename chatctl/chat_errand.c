/* Getting a ticket: what chat_access.h says of errands. */
#include "chatctl/chat_access.h"

#include <stdlib.h>

#include "chatctl/chat_item.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/conf/units.h"

#define MAX_MESSAGE_DEFAULT (UINT64_C(128) * 1024)
#define DEFAULT_PATH "/chathub"

struct chat_errand {
	struct chat_access *access;
	struct stream_pool *pool;
	struct chat_call *call; /* under way, or NULL */
	struct loop_timer *timer; /* where nobody has to be asked */
	size_t step;
	struct arena *arena; /* of what was answered */
	struct bytes listen, hub_path;
	struct buf url;
	struct chat_ticket ticket;
	chat_ticket_fn done;
	void *ctx;
};

static void errand_free(struct chat_errand *errand)
{
	chat_call_cancel(&errand->call);
	loop_timer_destroy(&errand->timer);
	buf_finish(&errand->url);
	arena_destroy(&errand->arena);
	free(errand);
}

static void errand_finish(struct chat_errand *errand, int err, struct bytes message)
{
	errand->done(errand->ctx, err, message, err == 0 ? &errand->ticket : NULL);
	errand_free(errand);
}

/* ---- what is asked ---- */

static int take_status(struct chat_errand *errand, const struct value *items)
{
	for (uint32_t i = 0; i < items->count; i++) {
		errand->listen =
			arena_dup(errand->arena, chat_value_text(&items->items[i], "listen"));
	}
	return 0;
}

static int take_settings(struct chat_errand *errand, const struct value *items)
{
	for (uint32_t i = 0; i < items->count; i++) {
		struct bytes key = chat_value_text(&items->items[i], "key");
		struct bytes value = chat_value_text(&items->items[i], "value");
		if (bytes_eq(key, BYTES_LIT("server.hub_path")) && value.len > 0) {
			errand->hub_path = arena_dup(errand->arena, value);
		} else if (bytes_eq(key, BYTES_LIT("hub.max_message_size"))) {
			units_size(value, &errand->ticket.max_message);
		}
	}
	return 0;
}

/* A new one is wanted when three quarters of its life are over. */
static int take_token(struct chat_errand *errand, const struct value *items)
{
	int64_t expires_ms;
	if (items->count == 0) {
		return ERR_BAD_REQUEST;
	}
	const struct value *item = &items->items[0];
	errand->ticket.token = arena_dup(errand->arena, chat_value_text(item, "token"));
	if (clock_parse(chat_value_text(item, "expiresAt"), &expires_ms) == 0) {
		int64_t left_ms = expires_ms - clock_wall_ms(&clock_system);
		errand->ticket.refresh_us = left_ms > 0 ? (uint64_t)left_ms * 750 : 0;
	}
	return errand->ticket.token.len > 0 ? 0 : ERR_BAD_REQUEST;
}

static bool needs_address(const struct chat_access *access)
{
	return access->url == NULL;
}

static bool needs_token(const struct chat_access *access)
{
	return access->token_file == NULL;
}

static const struct {
	const char *command;
	bool (*needed)(const struct chat_access *access);
	int (*take)(struct chat_errand *errand, const struct value *items);
} steps[] = {
	{"status", needs_address, take_status},
	{"config show", needs_address, take_settings},
	{"token mint", needs_token, take_token},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void ask_next(struct chat_errand *errand);

static void on_answer(void *ctx, int err, struct bytes message, const struct value *items)
{
	struct chat_errand *errand = ctx;
	errand->call = NULL;
	if (err == 0) {
		err = steps[errand->step].take(errand, items);
		message = bytes_str("what chatd answers is not understood");
	}
	if (err != 0) {
		errand_finish(errand, err, message);
		return;
	}
	errand->step++;
	ask_next(errand);
}

static void deliver(struct chat_errand *errand)
{
	struct chat_access *access = errand->access;
	struct chat_ticket *ticket = &errand->ticket;
	ticket->path = errand->hub_path;
	if (access->url != NULL) {
		buf_append_str(&errand->url, access->url);
	} else if (chat_access_url(&errand->url, errand->listen, errand->hub_path) != 0) {
		errand_finish(errand, ERR_UNREACHABLE, BYTES_LIT("chatd listens nowhere"));
		return;
	}
	ticket->url = buf_bytes(&errand->url);
	if (access->token_file != NULL) {
		chat_access_read_token(access);
		ticket->token = bytes_str(access->token);
	}
	errand_finish(errand, 0, BYTES_NONE);
}

static void ask_next(struct chat_errand *errand)
{
	const struct chat_access *access = errand->access;
	while (errand->step < STEPS && !steps[errand->step].needed(access)) {
		errand->step++;
	}
	if (errand->step == STEPS) {
		deliver(errand);
		return;
	}
	struct value args = value_object(errand->arena, 1);
	if (steps[errand->step].needed == needs_token) {
		value_put(&args, "user", value_str(access->user));
	}
	errand->call = chat_call_start(errand->pool, &access->locate, steps[errand->step].command,
		&args, access->timeout_us, on_answer, errand);
}

static void on_timer(void *ctx)
{
	ask_next(ctx);
}

struct chat_errand *chat_errand_start(
	struct chat_access *access, struct stream_pool *pool, chat_ticket_fn done, void *ctx)
{
	struct chat_errand *errand = mem_zalloc(sizeof(*errand));
	errand->access = access;
	errand->pool = pool;
	errand->done = done;
	errand->ctx = ctx;
	errand->arena = arena_create(0);
	errand->hub_path = BYTES_LIT(DEFAULT_PATH);
	errand->ticket.max_message = MAX_MESSAGE_DEFAULT;
	errand->timer = loop_timer_create(stream_pool_loop(pool), on_timer, errand);
	loop_timer_set(errand->timer, 0);
	return errand;
}

void chat_errand_cancel(struct chat_errand **errand)
{
	if (*errand != NULL) {
		errand_free(*errand);
		*errand = NULL;
	}
}
