#include "chatd/conn/conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "chatd/conn/conn_log.h"
#include "chatd/conn/conns.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/hubproto/handshake.h"
#include "lib/metrics/metrics.h"

/* Room for the usual message without a second allocation. */
#define SCRATCH_SIZE 2048
/* Input that a held connection keeps beyond one message: what one read can bring. */
#define HELD_SLACK (128 * 1024)

static void conn_set_state(struct conn *conn, enum conn_state state)
{
	assert(conn->state < state);
	conn->state = state;
}

/* The transport is gone or on its own: everything that refers to the connection lets go. */
static void conn_end(struct conn *conn, const char *why)
{
	conn_set_state(conn, CONN_ENDED);
	conn_log_ended(conn, why);
	conn->transport = NULL;
	op_caller_gone(&conn->caller);
	conn->events->on_gone(conn);
	conns_remove(conn->sv->conns, conn);
	conns_bury(conn->sv->conns, conn);
}

static void conn_send_chunk(struct conn *conn, struct chunk *chunk, uint32_t messages)
{
	conn->transport->ops->send(conn->transport, chunk);
	conn->sv->metrics->messages_out += messages;
	conns_weigh(conn->sv->conns, conn);
}

bool conn_send_local(struct conn *conn, struct outmsg_local *local)
{
	/* Who has ended has none. The state is in a cache line that nothing else here needs. */
	struct transport *transport = conn->transport;
	if (transport == NULL || conn->codec == NULL) {
		return true;
	}
	struct chunk *chunk = outmsg_chunk(local, conn->codec, transport->ops->framing);
	if (chunk == NULL) {
		return false;
	}
	conn_send_chunk(conn, chunk, outmsg_local_count(local));
	return true;
}

void conn_send(struct conn *conn, const struct hub_message *message)
{
	if (conn->state == CONN_ENDED || conn->codec == NULL) {
		return;
	}
	struct chunk *chunk = outmsg_alone(conn->codec, message, conn->transport->ops->framing);
	conn_send_chunk(conn, chunk, 1);
	chunk_unref(chunk);
}

size_t conn_queued(const struct conn *conn)
{
	return conn->transport != NULL ? conn->transport->ops->queued(conn->transport) : 0;
}

static void conn_send_handshake(struct conn *conn, const char *error)
{
	struct chunk *chunk = outmsg_handshake(error, conn->transport->ops->framing);
	conn->transport->ops->send(conn->transport, chunk);
	chunk_unref(chunk);
}

void conn_close(struct conn *conn, const char *error, bool allow_reconnect)
{
	if (conn->state == CONN_ENDED) {
		return;
	}
	if (conn->codec != NULL && !conn->peer_left) {
		struct hub_message message = {
			.type = HUB_CLOSE,
			.error = bytes_str(error),
			.allow_reconnect = allow_reconnect,
		};
		conn_send(conn, &message);
	}
	struct transport *transport = conn->transport;
	conn_end(conn, error);
	transport->ops->close(transport);
}

void conn_fail(struct conn *conn, const char *detail)
{
	char text[512] = "Connection closed with an error.";
	conn_log_failed(conn, detail);
	if (detail != NULL && conn->sv->conf->hub.detailed_errors) {
		snprintf(text, sizeof(text), "Connection closed with an error. %s", detail);
	}
	conn_close(conn, text, true);
}

static void conn_refuse_handshake(struct conn *conn, const char *error)
{
	conn_send_handshake(conn, error);
	struct transport *transport = conn->transport;
	conn_end(conn, error);
	transport->ops->close(transport);
}

static void conn_take_handshake(struct conn *conn, struct bytes record)
{
	const struct conf *conf = conn->sv->conf;
	struct handshake_request request;
	const char *error = NULL;
	struct codecs *codecs = conn->sv->codecs;
	int err = handshake_read(conn->scratch, record, codecs_spoken(codecs),
		!conn->transport->ops->text_only, conf->hub.detailed_errors, &request, &error);
	if (err != 0) {
		conn_refuse_handshake(conn, error);
		return;
	}
	conn->codec = codecs->by_id[request.codec->id];
	codecs_use(codecs, conn->codec->id);
	conns_count_in(conn->sv->conns, conn);
	conn_send_handshake(conn, NULL);
	conn_set_state(conn, CONN_OPENING);
	conn->last_ping_us = loop_now_us(conn->sv->loop);
	conn->events->on_handshake(conn);
}

static void conn_take_message(struct conn *conn, const struct hub_message *message)
{
	conn->sv->metrics->messages_in++;
	switch (message->type) {
	case HUB_PING:
		conn->client_pings = true;
		return;
	case HUB_CLOSE:
		conn_close(conn, NULL, false);
		return;
	case HUB_ACK:
	case HUB_SEQUENCE:
	case HUB_UNKNOWN:
		return; /* nothing was promised for them: skipped, as clients skip them */
	case HUB_INVOCATION:
	case HUB_STREAM_INVOCATION:
	case HUB_STREAM_ITEM:
	case HUB_COMPLETION:
	case HUB_CANCEL_INVOCATION:
		break;
	}
	if (conn->events->on_message(conn, message, conn->scratch)) {
		conn->scratch = NULL;
	}
}

static void conn_take_record(struct conn *conn, struct bytes record)
{
	if (conn->scratch == NULL) {
		conn->scratch = arena_create(SCRATCH_SIZE);
	}
	if (conn->state == CONN_HANDSHAKE) {
		conn_take_handshake(conn, record);
		return;
	}
	struct hub_message message;
	const char *why = NULL;
	const size_t plain_max = conn->sv->conf->hub.max_message_size;
	if (conn->codec->read_bounded(conn->scratch, record, plain_max, &message, &why) != 0) {
		char detail[256];
		snprintf(detail, sizeof(detail), "InvalidDataException: %s", why);
		conn_fail(conn, detail);
		return;
	}
	conn_take_message(conn, &message);
}

static void conn_refuse_record(struct conn *conn, int err, size_t max)
{
	conn->transport->too_large = err == ERR_TOO_LARGE;
	if (conn->state == CONN_HANDSHAKE) {
		conn_refuse_handshake(conn, "Handshake was canceled.");
		return;
	}
	char detail[192] = "InvalidDataException: Error reading the message's length.";
	if (err == ERR_TOO_LARGE) {
		snprintf(detail, sizeof(detail),
			"InvalidDataException: The maximum message size of %zuB was exceeded. The "
			"message size can be configured in AddHubOptions.",
			max);
	}
	conn_fail(conn, detail);
}

void conn_expire_handshake(struct conn *conn)
{
	conn_refuse_handshake(conn, "Handshake was canceled.");
}

void conn_abort(struct conn *conn)
{
	if (conn->state == CONN_ENDED) {
		return;
	}
	struct transport *transport = conn->transport;
	conn_end(conn, "aborted");
	transport->ops->abort(transport);
}

void conn_drop_greedy(struct conn *conn)
{
	conn->sv->metrics->send_memory_dropped++;
	conn_log_slow(conn, "send_memory");
	conn_abort(conn);
}

void conn_drop_slow(struct conn *conn)
{
	bool over = conn_queued(conn) > conn->sv->conf->limits.send_queue;
	conn->sv->metrics->slow_clients_dropped++;
	conn_log_slow(conn, over ? "send_queue" : "send_stall");
	conn_close(conn, "Connection closed: it reads too slowly.", true);
}

/* Before the codec is known records are those of the handshake: JSON's. */
static const struct hub_codec *conn_codec(const struct conn *conn)
{
	return conn->codec != NULL ? conn->codec : &hub_codec_json;
}

static bool conn_waits(const struct conn *conn)
{
	return conn->held || conn->choked || conn->leaving;
}

/* Nothing is read while something that was read waits, so that what waits is bounded. */
static void conn_set_reading(struct conn *conn)
{
	bool pause = conn_waits(conn) || list_linked(&conn->in_resumed);
	if (conn->state == CONN_ENDED || pause == conn->paused) {
		return;
	}
	conn->paused = pause;
	if (pause) {
		conn->transport->ops->pause(conn->transport);
	} else {
		/* Pings may have waited in the socket: the silence begins now. */
		conn->last_received_us = loop_now_us(conn->sv->loop);
		conn->transport->ops->resume(conn->transport);
	}
}

void conn_watch_drain(struct conn *conn)
{
	if (conn->transport != NULL) {
		bool wanted = conn->choked || conn->catching_up > 0 || conn->stalled_streams > 0;
		conn->transport->ops->want_drain(conn->transport, wanted);
	}
}

/* Who does not read its answers is not served more of them. */
static bool conn_choke(struct conn *conn)
{
	bool choked = conn_queued(conn) > conn->sv->conf->limits.send_queue / 2;
	if (choked != conn->choked) {
		conn->choked = choked;
		conn_watch_drain(conn);
	}
	return choked;
}

/* What waited goes on at the end of the turn; where nothing did, reading goes on. */
static void conn_go_on(struct conn *conn)
{
	if (conn->input.len > 0 && !conn_waits(conn)) {
		conns_mark_resumed(conn->sv->conns, conn);
	}
	conn_set_reading(conn);
}

/* Takes whole records off *input until none is left, input waits, or the connection ends. */
static void conn_take_records(struct conn *conn, struct bytes *input)
{
	size_t max = conn->sv->conf->hub.max_message_size;
	while (conn->state != CONN_ENDED && input->len > 0 && !conn->held && !conn_choke(conn)) {
		struct bytes record;
		int err = conn_codec(conn)->next_record(input, max, &conn->scanned, &record);
		if (err == ERR_AGAIN) {
			return;
		}
		if (err != 0) {
			conn_refuse_record(conn, err, max);
			return;
		}
		conn->scanned = 0;
		conn->last_received_us = loop_now_us(conn->sv->loop);
		conn_take_record(conn, record);
		if (conn->scratch != NULL) {
			arena_reset(conn->scratch);
		}
	}
}

static void conn_drop_scratch(struct conn *conn)
{
	if (conn->scratch != NULL) {
		arena_destroy(&conn->scratch);
	}
}

void conn_take_input(struct conn *conn)
{
	if (conn_waits(conn) || conn->in_input || conn->state == CONN_ENDED) {
		return;
	}
	struct bytes input = buf_bytes(&conn->input);
	conn->in_input = true;
	conn_take_records(conn, &input);
	conn->in_input = false;
	if (conn->state == CONN_ENDED || input.len == 0) {
		buf_finish(&conn->input);
	} else {
		buf_consume(&conn->input, conn->input.len - input.len);
	}
	conn_drop_scratch(conn);
	conn_set_reading(conn);
}

void conn_leave(struct conn *conn)
{
	if (conn->state != CONN_OPEN || list_empty(&conn->calls)) {
		conn_close(conn, NULL, true);
		return;
	}
	conn->leaving = true;
	conn_set_reading(conn);
}

static void conn_keep(struct conn *conn, struct bytes rest)
{
	size_t max = conn->sv->conf->hub.max_message_size + HELD_SLACK;
	if (conn->input.len + rest.len > max || buf_try_reserve(&conn->input, rest.len) != 0) {
		conn_fail(conn, "InvalidDataException: Too much input is waiting.");
		return;
	}
	buf_append_bytes(&conn->input, rest);
}

static void conn_on_payload(void *ctx, struct bytes payload)
{
	struct conn *conn = ctx;
	if (conn->state == CONN_ENDED) {
		return;
	}
	if (conn_waits(conn) || conn->in_input || list_linked(&conn->in_resumed)) {
		conn_keep(conn, payload);
		return;
	}
	if (conn->input.len > 0) {
		conn_keep(conn, payload);
		if (conn->state != CONN_ENDED) {
			conn_take_input(conn);
		}
		return;
	}
	conn->in_input = true;
	conn_take_records(conn, &payload);
	conn->in_input = false;
	if (conn->state != CONN_ENDED && payload.len > 0) {
		conn_keep(conn, payload);
	}
	conn_drop_scratch(conn);
	conn_set_reading(conn);
}

static void conn_on_end(void *ctx, int err)
{
	struct conn *conn = ctx;
	if (conn->state != CONN_ENDED) {
		conn_end(conn, err != 0 ? err_code(err) : NULL);
	}
}

static bool conn_on_closing(void *ctx)
{
	struct conn *conn = ctx;
	if (conn->state != CONN_OPEN || list_empty(&conn->calls)) {
		return false;
	}
	conn->leaving = conn->peer_left = true;
	conn->leave_by_us = loop_now_us(conn->sv->loop) + conn->sv->conf->hub.close_timeout_us;
	conn_set_reading(conn);
	return true;
}

static void conn_on_terminate(void *ctx)
{
	conn_close(ctx, NULL, true);
}

void conn_end_left(struct conn *conn)
{
	struct transport *transport = conn->transport;
	conn_end(conn, NULL);
	transport->ops->close(transport);
}

void conn_call_ended(struct conn *conn)
{
	if (conn->peer_left && conn->state == CONN_OPEN && list_empty(&conn->calls)) {
		conns_mark_left(conn->sv->conns, conn);
	}
}

static void conn_on_drain(void *ctx)
{
	struct conn *conn = ctx;
	if (conn->choked && !conn_choke(conn)) {
		conn_go_on(conn);
	}
	if (conn->state == CONN_OPEN && conn->events->on_drain != NULL) {
		conn->events->on_drain(conn);
	}
}

static const struct transport_events conn_transport_events = {
	.on_payload = conn_on_payload,
	.on_end = conn_on_end,
	.on_closing = conn_on_closing,
	.on_terminate = conn_on_terminate,
	.on_drain = conn_on_drain,
};

void conn_hold(struct conn *conn)
{
	if (!conn->held && conn->state != CONN_ENDED) {
		conn->held = true;
		conn_set_reading(conn);
	}
}

void conn_release(struct conn *conn)
{
	if (!conn->held || conn->state == CONN_ENDED) {
		return;
	}
	conn->held = false;
	conn_go_on(conn);
}

void conn_set_principal(struct conn *conn, struct principal *principal)
{
	struct principal *old = conn->principal;
	conn->principal = principal_ref(principal);
	principal_unref(&old);
}

void conn_opened(struct conn *conn)
{
	if (conn->state == CONN_OPENING) {
		conn_set_state(conn, CONN_OPEN);
		conn_release(conn);
	}
}

struct conn *conn_open(struct services *sv, struct transport *transport,
	struct principal *principal, const struct uuid *id, const struct conn_events *events)
{
	struct conn *conn = mem_zalloc(sizeof(*conn));
	conn->sv = sv;
	conn->transport = transport;
	conn->events = events;
	conn->principal = principal_ref(principal);
	conn->id = *id;
	conn_id_format(id, conn->id_text);
	op_caller_init(&conn->caller, NULL); /* the hub gives its events with the handshake */
	list_init(&conn->calls);
	list_init(&conn->rooms);
	list_init(&conn->catchups);
	conn->opened_us = conn->last_received_us = loop_now_us(sv->loop);
	transport_own(transport, &conn_transport_events, conn);
	transport->ops->set_low(transport, sv->conf->limits.send_queue / 2);
	conns_add(sv->conns, conn);
	sv->metrics->connections_opened++;
	return conn;
}
