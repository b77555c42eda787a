#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/auth/limits.h"
#include "chatd/hub/hub.h"
#include "lib/base/err.h"
#include "lib/value/json.h"
#include "tests/unit/hub_fixture.h"

#define SEPARATOR 0x1e
#define TOKEN_LIFE_MS 3600000

static struct hub_client *client_of(struct transport *transport)
{
	return CONTAINER_OF(transport, struct hub_client, transport);
}

static const struct hub_client *client_of_const(const struct transport *transport)
{
	return CONTAINER_OF(transport, const struct hub_client, transport);
}

/* ---- the transport ---- */

static void fake_send(struct transport *transport, struct chunk *chunk)
{
	struct hub_client *client = client_of(transport);
	assert_non_null(transport->events); /* nothing is sent after the end */
	if (client->chunk_count == client->chunk_cap) {
		client->chunk_cap = client->chunk_cap == 0 ? 16 : client->chunk_cap * 2;
		client->chunks =
			mem_realloc(client->chunks, client->chunk_cap * sizeof(client->chunks[0]));
	}
	client->chunks[client->chunk_count++] = chunk_ref(chunk);
	client->queued += chunk->len;
}

static void fake_close(struct transport *transport)
{
	transport->events = NULL;
	client_of(transport)->closed = true;
}

static void fake_abort(struct transport *transport)
{
	transport->events = NULL;
	client_of(transport)->aborted = true;
}

static size_t fake_queued(const struct transport *transport)
{
	return client_of_const(transport)->queued;
}

static uint64_t fake_stalled_since(const struct transport *transport)
{
	return client_of_const(transport)->stalled_us;
}

static void fake_set_low(struct transport *transport, size_t low)
{
	client_of(transport)->low = low;
}

static void fake_want_drain(struct transport *transport, bool want)
{
	client_of(transport)->drain_wanted = want;
}

static void fake_pause(struct transport *transport)
{
	client_of(transport)->paused = true;
}

static void fake_resume(struct transport *transport)
{
	client_of(transport)->paused = false;
}

#define FAKE_OPS(kind) \
	{ \
		.name = "fake", .framing = (kind), .send = fake_send, .close = fake_close, \
		.abort = fake_abort, .queued = fake_queued, .stalled_since = fake_stalled_since, \
		.set_low = fake_set_low, .want_drain = fake_want_drain, .pause = fake_pause, \
		.resume = fake_resume, \
	}
static const struct transport_ops fake_raw = FAKE_OPS(FRAMING_RAW);
#undef FAKE_OPS

/* ---- what the client got ---- */

static void note_message(struct hub_client *client, const char *record)
{
	struct arena *arena = arena_create(0);
	struct value value;
	assert_int_equal(json_read(arena, bytes_str(record), &value, NULL), 0);
	const struct value *arguments = value_get(&value, "arguments");
	const struct value *message = &arguments->items[0];
	const struct value *room = value_get(message, "roomId");
	const struct value *seq = value_get(message, "seq");
	struct hub_seen seen = {.seq = (uint64_t)seq->integer};
	assert_int_equal(uuid_parse(room->text, &seen.room), 0);
	arena_destroy(&arena);
	if (client->seen_count == client->seen_cap) {
		client->seen_cap = client->seen_cap == 0 ? 16 : client->seen_cap * 2;
		client->seen =
			mem_realloc(client->seen, client->seen_cap * sizeof(client->seen[0]));
	}
	client->seen[client->seen_count++] = seen;
}

static bool is_message(const char *record)
{
	return strstr(record, "\"target\":\"ReceiveMessage\"") != NULL;
}

static void note_record(struct hub_client *client, struct bytes record)
{
	if (client->record_count == client->record_cap) {
		client->record_cap = client->record_cap == 0 ? 16 : client->record_cap * 2;
		client->records = mem_realloc(
			client->records, client->record_cap * sizeof(client->records[0]));
	}
	char *text = mem_dup_bytes(record);
	client->records[client->record_count++] = text;
	if (is_message(text)) {
		note_message(client, text);
	}
}

static void note_records(struct hub_client *client)
{
	struct bytes rest = buf_bytes(&client->inbox);
	ptrdiff_t end;
	while ((end = bytes_find_char(rest, SEPARATOR)) >= 0) {
		note_record(client, bytes_of(rest.ptr, (size_t)end));
		rest = bytes_of(rest.ptr + end + 1, rest.len - (size_t)end - 1);
	}
	buf_consume(&client->inbox, client->inbox.len - rest.len);
}

static bool fell_to(size_t before, size_t after, size_t mark)
{
	return before > mark && after <= mark;
}

void client_take(struct hub_client *client, size_t max)
{
	size_t before = client->queued;
	size_t taken = 0;
	while (taken < client->chunk_count &&
		before - client->queued + client->chunks[taken]->len <= max) {
		struct chunk *chunk = client->chunks[taken++];
		buf_append(&client->inbox, chunk->data, chunk->len);
		client->queued -= chunk->len;
		chunk_unref(chunk);
	}
	client->chunk_count -= taken;
	if (client->chunk_count > 0) {
		memmove(client->chunks, client->chunks + taken,
			client->chunk_count * sizeof(client->chunks[0]));
	}
	note_records(client);
	if (client->transport.events != NULL && client->drain_wanted &&
		(fell_to(before, client->queued, 0) ||
			fell_to(before, client->queued, client->low / 2))) {
		client->transport.events->on_drain(client->transport.ctx);
	}
}

const char *client_next(struct hub_client *client)
{
	return client->next < client->record_count ? client->records[client->next++] : NULL;
}

const char *client_next_other(struct hub_client *client)
{
	const char *record;
	do {
		record = client_next(client);
	} while (record != NULL && is_message(record));
	return record;
}

void client_skip(struct hub_client *client)
{
	client->next = client->record_count;
}

static void quotes(char *text)
{
	for (char *at = text; (at = strpbrk(at, "'`")) != NULL; at++) {
		*at = *at == '`' ? '\'' : '"';
	}
}

void client_expect(struct hub_client *client, const char *text)
{
	char wanted[2048];
	const char *got = client_next(client);
	assert_true(strlen(text) < sizeof(wanted));
	strcpy(wanted, text);
	quotes(wanted);
	if (got == NULL) {
		fail_msg("nothing came instead of %s", wanted);
		return;
	}
	assert_string_equal(got, wanted);
}

const char *client_seqs(const struct hub_client *client, const struct uuid *room)
{
	static char text[8192];
	size_t len = 0;
	text[0] = '\0';
	for (size_t i = 0; i < client->seen_count; i++) {
		if (uuid_eq(&client->seen[i].room, room)) {
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%llu",
				len > 0 ? " " : "", (unsigned long long)client->seen[i].seq);
			assert_true(len < sizeof(text));
		}
	}
	return text;
}

/* ---- what the client does ---- */

struct hub_client *client_open(struct hub *hub, unsigned worker, const char *user)
{
	struct hub_client *client = mem_zalloc(sizeof(*client));
	const struct principal from = {
		.identity = bytes_str(user),
		.expires_ms = clock_wall_ms(&fake_clock) + TOKEN_LIFE_MS,
	};
	client->hub = hub;
	client->sv = &hub->sv[worker];
	client->principal = principal_create(&from);
	client->transport.ops = &fake_raw;
	list_append(&hub->clients, &client->in_hub);
	struct uuid id;
	uuid_random(&id);
	limits_enter(hub->limits, 0);
	conn_open(client->sv, &client->transport, client->principal, &id, &hub_conn_events);
	return client;
}

struct conn *client_conn(const struct hub_client *client)
{
	return client->transport.events != NULL ? client->transport.ctx : NULL;
}

void client_bytes(struct hub_client *client, struct bytes bytes)
{
	if (client->transport.events != NULL) {
		/* Memory of its own, that is gone when the call is over. */
		char *copy = mem_dup_bytes(bytes);
		client->transport.events->on_payload(
			client->transport.ctx, bytes_of(copy, bytes.len));
		free(copy);
	}
}

void client_say(struct hub_client *client, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	buf_cstr(&text);
	quotes(text.data);
	buf_append_char(&text, SEPARATOR);
	client_bytes(client, buf_bytes(&text));
	buf_finish(&text);
}

void client_handshake(struct hub_client *client)
{
	client_say(client, "{'protocol':'json','version':1}");
}

struct hub_client *client_start(struct hub *hub, unsigned worker, const char *user)
{
	struct hub_client *client = client_open(hub, worker, user);
	client_handshake(client);
	hub_settle(hub);
	client_expect(client, "{}");
	assert_non_null(client_conn(client));
	assert_int_equal(client_conn(client)->state, CONN_OPEN);
	return client;
}

void client_drop(struct hub_client *client)
{
	const struct transport_events *events = client->transport.events;
	if (events != NULL) {
		client->transport.events = NULL;
		client->gone = true;
		events->on_end(client->transport.ctx, ERR_CLOSED);
	}
}

void client_leave(struct hub_client *client)
{
	const struct transport_events *events = client->transport.events;
	if (events != NULL && !events->on_closing(client->transport.ctx)) {
		client->transport.events = NULL;
		client->gone = true;
		events->on_end(client->transport.ctx, 0);
	}
}
