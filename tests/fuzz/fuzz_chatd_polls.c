/* Events and polls: two workers with the hub's HTTP routes, on frozen time. The input is a row of
 * commands, each a byte and its operand: what clients ask for on which connection id over which
 * socket, whole and in pieces, what the hub sends or ends, how far time goes. What is sent carries
 * numbers, of which no client may see one twice, nor a lower one behind a higher one. At the end
 * nothing may be left. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chatd/auth/conn_token.h"
#include "chatd/auth/jwt.h"
#include "chatd/auth/principal.h"
#include "chatd/conn/conns.h"
#include "chatd/hub/endpoint.h"
#include "chatd/net/http_conn.h"
#include "chatd/transport/longpoll.h"
#include "chatd/transport/ws.h"
#include "lib/conf/conf.h"
#include "lib/net/stream.h"
#include "tests/unit/hub_fixture.h"
#include "tests/unit/jwt_help.h"

#define WORKERS 2
#define PEERS 4
#define IDS 3
#define NUMBERS 512 /* messages for one connection */
#define FILL_MAX ((size_t)24 * 1024)
#define PATH "/chathub"
#define SETTINGS \
	"[hub]\nmax_message_size = 4096\n[limits]\nsend_queue = 64KiB\nsend_memory = 1MiB\n" \
	"address_connects = 0\n"

enum command {
	TURN,
	NEGOTIATE, /* the id becomes a new one */
	GET_EVENTS,
	GET_POLL,
	POST,
	POST_IN_PIECES, /* only the head; the body comes by RAW */
	DELETE,
	UPGRADE,
	RECONNECT, /* the peer's socket is dropped, and there is another one */
	SHUT,
	SLEEP,
	SEND,
	END, /* by the hub */
	READ, /* a slow peer reads, or becomes slow */
	RAW,
	HOLD, /* or release, or less memory */
	COMMANDS,
};

struct peer {
	int fd;
	bool slow;
	unsigned matched; /* bytes of a mark that were seen */
	unsigned id, number;
	int last[IDS]; /* number, -1: none */
};

struct world {
	struct hub hub;
	struct jwt_verifier *verifier;
	struct buf jwt[2]; /* of two users */
	struct peer peers[PEERS];
	struct conn_token ids[IDS];
	char tokens[IDS][CONN_TOKEN_SIZE];
	unsigned made; /* ids ever */
	unsigned sent[IDS];
	bool seen[IDS][NUMBERS];
	const uint8_t *at, *end;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- workers ---- */

static enum http_decision on_head(void *ctx, struct http_exchange *exchange, size_t *body_max)
{
	return hub_endpoint_head(ctx, exchange, body_max);
}

static void on_request(void *ctx, struct http_exchange *exchange)
{
	if (hub_endpoint_owns(ctx, exchange->path)) {
		hub_endpoint_request(ctx, exchange);
	} else {
		http_respond(exchange, 404, NULL, NULL, BYTES_NONE);
	}
}

static const struct http_handler handler = {.on_head = on_head, .on_request = on_request};

static void worker_start(struct world *w, struct services *sv)
{
	const struct ws_params sockets = {.close_timeout_us = 5000000, .max_frame = 1024 * 1024};
	struct http_limits limits = http_limits_default;
	limits.bodies_max = 256 * 1024;
	struct http_server_params http = {
		.loop = sv->loop,
		.pool = sv->streams,
		.clock = sv->clock,
		.limits = &limits,
		.metrics = sv->metrics,
		.number = sv->worker,
		.handler = &handler,
		.ctx = sv,
	};
	sv->verifier = w->verifier;
	sv->incarnation = 1;
	sv->principals = principal_cache_create(8);
	sv->sockets = ws_pool_create(sv->loop, &sockets);
	stream_pool_set_sndbuf(sv->streams, 8192);
	sv->http = http_server_create(&http);
}

/* As chatd/run/worker.c closes one. */
static void worker_stop(struct services *sv)
{
	http_server_destroy(&sv->http);
	conns_abort_all(sv->conns);
	ws_pool_destroy(&sv->sockets);
	longpoll_pool_abort(sv->polls);
	principal_cache_destroy(&sv->principals);
	assert(longpoll_pool_queued(sv->polls) == 0 && longpoll_pool_closing(sv->polls) == 0);
}

/* ---- peers ---- */

/* The number that ends here is one that was sent to this id, to nobody yet, and behind what this
 * socket brought before. */
static void note(struct world *w, struct peer *peer)
{
	assert(peer->id < IDS && peer->number < w->sent[peer->id]);
	assert(!w->seen[peer->id][peer->number]);
	assert(peer->last[peer->id] < (int)peer->number);
	w->seen[peer->id][peer->number] = true;
	peer->last[peer->id] = (int)peer->number;
}

/* A mark is "@@I:NNN@", with the digit of the id and three of the number. */
static void scan(struct world *w, struct peer *peer, char c)
{
	static const char mark[] = "@@i:nnn@";
	unsigned digit = (unsigned)(c - '0');
	char wanted = mark[peer->matched];
	bool fits = wanted == 'i' || wanted == 'n' ? digit < 10 : c == wanted;
	if (!fits) {
		peer->matched = c == '@' ? 1 : 0;
		return;
	}
	if (wanted == 'i') {
		peer->id = digit;
		peer->number = 0;
	} else if (wanted == 'n') {
		peer->number = peer->number * 10 + digit;
	}
	if (++peer->matched == strlen(mark)) {
		note(w, peer);
		peer->matched = 0;
	}
}

static void peer_read(struct world *w, struct peer *peer)
{
	static char chunk[65536];
	ssize_t n;
	while ((n = recv(peer->fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			scan(w, peer, chunk[i]);
		}
	}
}

static void peer_connect(struct world *w, struct peer *peer, unsigned worker)
{
	int fds[2];
	int err = socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	assert(err == 0);
	(void)err;
	*peer = (struct peer){.fd = fds[0]};
	for (unsigned id = 0; id < IDS; id++) {
		peer->last[id] = -1;
	}
	http_server_adopt(w->hub.sv[worker].http, fds[1], "192.0.2.1:4711");
}

static void turn(struct world *w)
{
	hub_turns(&w->hub, 2);
	fake_store_answer_all(w->hub.store);
	for (unsigned i = 0; i < PEERS; i++) {
		if (!w->peers[i].slow) {
			peer_read(w, &w->peers[i]);
		}
	}
}

static void peer_send(struct world *w, const struct peer *peer, struct bytes bytes)
{
	/* What finds no room is not sent: requests are cut anywhere. */
	(void)!send(peer->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	turn(w);
}

/* ---- what clients do ---- */

static uint8_t next(struct world *w)
{
	return w->at < w->end ? *w->at++ : 0;
}

/* The numbers go on, for something of the one before may still be under way. */
static void make_id(struct world *w, unsigned id)
{
	struct conn_token *token = &w->ids[id];
	struct store *store = w->hub.sv[0].store;
	*token = (struct conn_token){
		.incarnation = 1,
		.worker = (uint16_t)(w->made % WORKERS),
		.issued_ms = clock_wall_ms(&fake_clock),
	};
	memcpy(&token->id, &(unsigned){++w->made}, sizeof(unsigned));
	struct uuid user = hub_user("alice");
	conn_token_user_hash(&user, token->user_hash);
	conn_token_issue(
		bytes_of(store->fleet_secret, sizeof(store->fleet_secret)), token, w->tokens[id]);
}

/* line: method and path. user: 1 is another one than the id's. */
static void request(struct world *w, const struct peer *peer, unsigned id, unsigned user,
	const char *line, const char *headers, struct bytes body)
{
	struct buf out = {0};
	buf_printf(&out,
		"%s?id=%s&negotiateVersion=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "
		"%.*s\r\n%s\r\n",
		line, w->tokens[id], BYTES_ARG(buf_bytes(&w->jwt[user])), headers);
	buf_append_bytes(&out, body);
	peer_send(w, peer, buf_bytes(&out));
	buf_finish(&out);
}

/* Bodies that mean something, and some that mean nothing. */
static void write_body(struct buf *body, uint8_t kind)
{
	static const char *const texts[] = {
		"{\"protocol\":\"json\",\"version\":1}\x1e",
		"{\"protocol\":\"messagepack\",\"version\":1}\x1e",
		"{\"type\":6}\x1e",
		"{\"type\":7}\x1e",
		"{\"type\":1,\"invocationId\":\"1\",\"target\":\"GetTime\",\"arguments\":[]}\x1e",
		"{\"type\":1,\"invocationId\":\"2\",\"target\":\"No\",\"arguments\":[]}\x1e",
		"{\"type\":6}\x1e{\"ty",
		"pe\":6}\x1e",
		"garbage\x1e",
		"\x02\x91\x06",
		"",
	};
	const unsigned count = sizeof(texts) / sizeof(texts[0]);
	if (kind < 0xf0) {
		buf_append_str(body, texts[kind % count]);
		return;
	}
	for (unsigned i = 0; i < (kind & 15U) * 700; i++) { /* up to 115 KiB of pings */
		buf_append_str(body, "{\"type\":6}\x1e");
	}
}

static void post(struct world *w, const struct peer *peer, unsigned id, bool whole)
{
	struct buf body = {0};
	char headers[64];
	uint8_t kind = next(w);
	write_body(&body, kind);
	size_t len = whole ? body.len : kind;
	snprintf(headers, sizeof(headers), "Content-Length: %zu\r\n", len);
	request(w, peer, id, 0, "POST " PATH, headers, whole ? buf_bytes(&body) : BYTES_NONE);
	buf_finish(&body);
}

/* No mark comes from here. */
static void send_raw(struct world *w, const struct peer *peer)
{
	char raw[256];
	size_t len = next(w);
	for (size_t i = 0; i < len; i++) {
		uint8_t c = next(w);
		raw[i] = (char)(c == '@' ? '#' : c);
	}
	peer_send(w, peer, bytes_of(raw, len));
}

static void negotiate(struct world *w, const struct peer *peer, unsigned id)
{
	make_id(w, id);
	request(w, peer, id, 0, "POST " PATH "/negotiate", "Content-Length: 0\r\n", BYTES_NONE);
}

/* ---- what the hub does ---- */

static struct conn *conn_of(struct world *w, unsigned id)
{
	for (unsigned worker = 0; worker < WORKERS; worker++) {
		struct conn *conn = conns_find(w->hub.sv[worker].conns, &w->ids[id].id);
		if (conn != NULL) {
			return conn;
		}
	}
	return NULL;
}

/* A message with the next number, and size bytes more. */
static void send_number(struct world *w, unsigned id, size_t size)
{
	static char fill[FILL_MAX + 16];
	struct conn *conn = conn_of(w, id);
	if (conn == NULL || conn->codec == NULL || w->sent[id] == NUMBERS) {
		return;
	}
	int len = snprintf(fill, sizeof(fill), "@@%u:%03u@", id, w->sent[id]++);
	memset(fill + len, 'f', size);
	struct value text = value_text(bytes_of(fill, (size_t)len + size));
	const struct hub_message message = {
		.type = HUB_INVOCATION,
		.target = BYTES_LIT("T"),
		.arguments = {.kind = VALUE_ARRAY, .count = 1, .items = &text},
	};
	conn_send(conn, &message);
}

static void end(struct world *w, unsigned id, uint8_t how)
{
	struct conn *conn = conn_of(w, id);
	if (conn == NULL) {
		return;
	}
	if (how % 2 == 0) {
		conn_close(conn, "over", true);
	} else {
		conn_abort(conn);
	}
}

static void hold(struct world *w, unsigned id, uint8_t how)
{
	struct conn *conn = conn_of(w, id);
	if (how % 4 == 0) {
		longpoll_pool_drop_closing(w->hub.sv[id % WORKERS].polls, how);
	} else if (conn != NULL && how % 4 == 1) {
		conn->transport->ops->want_drain(conn->transport, true);
	} else if (conn != NULL && conn->state == CONN_OPEN && how % 4 == 2) {
		conn_hold(conn);
	} else if (conn != NULL && conn->state == CONN_OPEN) {
		conn_release(conn);
	}
}

/* ---- the input ---- */

static void client_command(struct world *w, uint8_t command, struct peer *peer, unsigned id)
{
	switch (command) {
	case NEGOTIATE:
		negotiate(w, peer, id);
		break;
	case GET_EVENTS:
		request(w, peer, id, 0, "GET " PATH, "Accept: text/event-stream\r\n", BYTES_NONE);
		break;
	case GET_POLL:
		request(w, peer, id, next(w) == 0xff, "GET " PATH, "", BYTES_NONE);
		break;
	case POST:
	case POST_IN_PIECES:
		post(w, peer, id, command == POST);
		break;
	case DELETE:
		request(w, peer, id, 0, "DELETE " PATH, "", BYTES_NONE);
		break;
	case UPGRADE:
		request(w, peer, id, 0, "GET " PATH,
			"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
			BYTES_NONE);
		break;
	case RECONNECT:
		close(peer->fd);
		peer_connect(w, peer, next(w) % WORKERS);
		break;
	case SHUT:
		shutdown(peer->fd, SHUT_WR);
		break;
	default:
		send_raw(w, peer);
		break;
	}
}

/* The operand: two bits of the socket, two of the id. */
static void run_command(struct world *w, uint8_t command)
{
	uint8_t operand = next(w);
	struct peer *peer = &w->peers[operand % PEERS];
	unsigned id = (operand >> 2) % IDS;
	switch (command) {
	case TURN:
		turn(w);
		break;
	case SLEEP:
		fake_time_skip((uint64_t)operand * 500000);
		turn(w);
		break;
	case SEND:
		send_number(w, id, (size_t)next(w) * next(w) * FILL_MAX / (255 * 255));
		break;
	case END:
		end(w, id, operand >> 4);
		break;
	case READ:
		peer->slow = !peer->slow;
		peer_read(w, peer);
		break;
	case HOLD:
		hold(w, id, operand >> 4);
		break;
	default:
		client_command(w, command, peer, id);
		break;
	}
}

static void mint(struct world *w, unsigned user, const char *name)
{
	struct jwt_mint_params params = {.user = bytes_str(name), .ttl_s = 300000000};
	int err = jwt_mint(w->verifier, &params, clock_wall_ms(&fake_clock), &w->jwt[user], NULL);
	assert(err == 0);
	(void)err;
}

static void world_open(struct world *w)
{
	hub_open(&w->hub, WORKERS, SETTINGS);
	w->verifier = jwt_plain_verifier();
	mint(w, 0, "alice");
	mint(w, 1, "bob");
	for (unsigned worker = 0; worker < WORKERS; worker++) {
		worker_start(w, &w->hub.sv[worker]);
	}
	for (unsigned i = 0; i < PEERS; i++) {
		peer_connect(w, &w->peers[i], i % WORKERS);
	}
	for (unsigned id = 0; id < IDS; id++) {
		make_id(w, id);
	}
}

/* Long after the clients went everything has ended by itself; or the workers stop at once. */
static void world_close(struct world *w, bool at_once)
{
	for (unsigned i = 0; i < PEERS; i++) {
		close(w->peers[i].fd);
	}
	for (unsigned rounds = 0; !at_once && rounds < 200; rounds++) {
		fake_time_skip(1000000);
		hub_turns(&w->hub, 2);
		fake_store_answer_all(w->hub.store);
	}
	for (unsigned worker = 0; worker < WORKERS; worker++) {
		struct services *sv = &w->hub.sv[worker];
		assert(at_once || conns_count(sv->conns) == 0);
		assert(at_once || http_server_count(sv->http) == 0);
		worker_stop(sv);
	}
	hub_close(&w->hub);
	jwt_verifier_unref(&w->verifier);
	buf_finish(&w->jwt[0]);
	buf_finish(&w->jwt[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	w = (struct world){.at = data, .end = data + size};
	world_open(&w);
	while (w.at < w.end) {
		run_command(&w, next(&w) % COMMANDS);
	}
	turn(&w);
	world_close(&w, size % 2 == 1);
	return 0;
}
