#include "chatctl/chat_session.h"

#include <assert.h>
#include <stdlib.h>

#include "chatctl/chat_session_private.h"
#include "lib/base/err.h"

/* Before a new token is asked for again. */
#define REFRESH_AGAIN_US UINT64_C(30000000)
/* At first it waits so long for a rate limit to pass, even where it would not wait otherwise. */
#define RATE_PATIENCE_US UINT64_C(30000000)

void chat_session_set_state(struct chat_session *session, enum chat_session_state state)
{
	assert(session->state != CHAT_OVER);
	session->state = state;
}

/* ---- the end of a connection ---- */

static void drop_connection(struct chat_session *session)
{
	chat_outbox_set_client(session->outbox, NULL, 0);
	client_close(&session->client);
	chat_errand_cancel(&session->errand);
	loop_timer_cancel(session->timer);
	loop_timer_cancel(session->refresh);
	chat_entry_break(session);
	session->opened = false;
}

void chat_session_end(struct chat_session *session, int err, struct bytes why)
{
	drop_connection(session);
	chat_session_set_state(session, CHAT_OVER);
	session->events->on_end(session->ctx, err, why);
}

bool chat_session_passes(int err)
{
	return err == ERR_RATE_LIMITED || err == ERR_BUSY || err == ERR_UNAVAILABLE ||
	       err == ERR_UNCERTAIN || err == ERR_TIMEOUT || err == ERR_CLOSED;
}

static bool patience_over(const struct chat_session *session, int err)
{
	uint64_t away = loop_now_us(session->loop) - session->away_us;
	uint64_t patience = session->entered ? session->patience_us : session->first_patience_us;
	if (err == ERR_RATE_LIMITED && patience < RATE_PATIENCE_US) {
		patience = RATE_PATIENCE_US;
	}
	return away >= patience;
}

void chat_session_retry(struct chat_session *session, int err, struct bytes why)
{
	uint32_t random;
	bool lost = session->away_us == 0;
	/* why may lie in what is dropped now. */
	char *kept = mem_dup_bytes(why);
	drop_connection(session);
	if (lost) {
		session->away_us = loop_now_us(session->loop);
	}
	if (!lost && patience_over(session, err)) {
		chat_session_end(session, err, bytes_str(kept));
	} else {
		random_bytes(&random, sizeof(random));
		chat_session_set_state(session, CHAT_AWAY);
		loop_timer_set(session->timer, chat_backoff_us(session->failed++, random));
		if (lost) {
			session->events->on_lost(session->ctx, err, bytes_str(kept));
		}
	}
	free(kept);
}

/* ---- connecting ---- */

static void on_open(void *ctx)
{
	struct chat_session *session = ctx;
	session->opened = true;
	if (session->refresh_us != 0) {
		loop_timer_set(session->refresh, session->refresh_us);
	}
	chat_entry_begin(session);
}

static void on_invocation(void *ctx, struct bytes target, const struct value *arguments)
{
	chat_entry_take(ctx, target, arguments);
}

/* What cannot become better by trying again: the server refuses this user, or said goodbye without
 * asking to come again. */
static bool is_final(const struct chat_session *session, int err, bool allow_reconnect)
{
	if (err == ERR_UNAUTHORIZED || err == ERR_FORBIDDEN) {
		return true;
	}
	if (session->opened) {
		return !allow_reconnect && (err == 0 || err == ERR_UNAVAILABLE);
	}
	/* At another address that was never right. */
	return !session->entered &&
	       (err == ERR_NOT_SUPPORTED || err == ERR_BAD_REQUEST || err == ERR_TOO_LARGE);
}

static void on_close(void *ctx, int err, struct bytes text, bool allow_reconnect)
{
	struct chat_session *session = ctx;
	if (err == ERR_NOT_FOUND) { /* not a room: the hub */
		err = ERR_UNREACHABLE;
		text = BYTES_LIT("there is no hub at that address");
	}
	if (is_final(session, err, allow_reconnect)) {
		/* The text goes with the client. */
		char *kept = mem_dup_bytes(text);
		chat_session_end(session, err, bytes_str(kept));
		free(kept);
	} else {
		chat_session_retry(session, err != 0 ? err : ERR_CLOSED, text);
	}
}

static const struct client_events client_events = {on_open, on_invocation, on_close};

static const char *opening_text(int err)
{
	switch (err) {
	case ERR_USAGE:
		return "the hub is named as http://HOST[:PORT][/PATH] or unix:PATH, and a token "
		       "has neither blanks nor control characters";
	case ERR_NOT_SUPPORTED:
		return "https is not offered here: use http:// or unix:";
	default:
		return err_text(err);
	}
}

static void on_ticket(void *ctx, int err, struct bytes message, const struct chat_ticket *ticket)
{
	struct chat_session *session = ctx;
	session->errand = NULL;
	if (err == 0) {
		const struct client_options options = {
			.url = ticket->url,
			.unix_path = ticket->path,
			.token = ticket->token,
			.transport = session->transport,
			.encoding = session->encoding,
		};
		session->max_message = ticket->max_message;
		session->refresh_us = ticket->refresh_us;
		err = client_open(session->loop, session->pool, &options, &client_events, session,
			&session->client);
		message = bytes_str(opening_text(err));
	}
	if (err == 0) {
		chat_session_set_state(session, CHAT_OPENING);
	} else if (chat_session_passes(err) || err == ERR_UNREACHABLE) {
		chat_session_retry(session, err, message);
	} else {
		chat_session_end(session, err, message);
	}
}

/* Asks for a ticket; or the room was not entered in time. */
static void on_timer(void *ctx)
{
	struct chat_session *session = ctx;
	if (session->state != CHAT_AWAY) {
		chat_session_reconnect(session, "the server does not answer");
		return;
	}
	chat_session_set_state(session, CHAT_ASKING);
	session->errand = chat_errand_start(session->access, session->pool, on_ticket, session);
}

/* ---- a new token for the connection that stands ---- */

static void on_refreshed(void *ctx, int err, struct bytes text, const struct value *result)
{
	(void)ctx;
	(void)err;
	(void)text;
	(void)result;
	/* Where it failed the server ends the connection when the token expires, and the next one
	 * has a new one. */
}

static void on_new_token(void *ctx, int err, struct bytes message, const struct chat_ticket *ticket)
{
	struct chat_session *session = ctx;
	(void)message;
	session->errand = NULL;
	if (err != 0) {
		loop_timer_set(session->refresh, REFRESH_AGAIN_US);
		return;
	}
	struct arena *arena = arena_create(0);
	struct value arguments = value_array(arena, 1);
	client_set_token(session->client, ticket->token);
	value_add(&arguments, value_text(ticket->token));
	client_invoke(
		session->client, BYTES_LIT("RefreshToken"), &arguments, on_refreshed, session);
	arena_destroy(&arena);
	if (ticket->refresh_us != 0) {
		loop_timer_set(session->refresh, ticket->refresh_us);
	}
}

/* The client is open: the timer is cancelled with it. */
static void on_refresh(void *ctx)
{
	struct chat_session *session = ctx;
	session->errand = chat_errand_start(session->access, session->pool, on_new_token, session);
}

/* ---- public ---- */

struct chat_session *chat_session_create(struct stream_pool *pool, struct chat_outbox *outbox,
	const struct chat_session_options *options, const struct chat_session_events *events,
	void *ctx)
{
	struct chat_session *session = mem_zalloc(sizeof(*session));
	session->loop = stream_pool_loop(pool);
	session->pool = pool;
	session->outbox = outbox;
	session->access = options->access;
	session->transport = options->transport;
	session->encoding = options->encoding;
	session->events = events;
	session->ctx = ctx;
	session->first_patience_us = options->first_patience_us;
	session->patience_us = options->patience_us;
	session->state = CHAT_AWAY;
	session->away_us = loop_now_us(session->loop);
	session->room.ref = mem_strdup(options->room);
	session->wanted_history = options->history;
	list_init(&session->held);
	session->refresh = loop_timer_create(session->loop, on_refresh, session);
	session->timer = loop_timer_create(session->loop, on_timer, session);
	loop_timer_set(session->timer, 0);
	return session;
}

void chat_session_destroy(struct chat_session **session)
{
	struct chat_session *s = *session;
	if (s == NULL) {
		return;
	}
	*session = NULL;
	drop_connection(s);
	chat_room_finish(&s->room);
	loop_timer_destroy(&s->timer);
	loop_timer_destroy(&s->refresh);
	free(s);
}

void chat_session_set_patience(struct chat_session *session, uint64_t patience_us)
{
	session->patience_us = patience_us;
}

void chat_session_reconnect(struct chat_session *session, const char *why)
{
	if (session->client != NULL) {
		chat_session_retry(session, ERR_TIMEOUT, bytes_str(why));
	}
}

const char *chat_session_room(const struct chat_session *session)
{
	return session->room.id;
}

bool chat_session_is_live(const struct chat_session *session)
{
	return session->state == CHAT_LIVE;
}
