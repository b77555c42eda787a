/* A client under test with a scripted server: a listener of ours whose accepted sockets are read
 * and written by hand while the client's loop is turned. For test_client.c and its like. */
#ifndef TESTS_UNIT_CLIENT_SIDE_H
#define TESTS_UNIT_CLIENT_SIDE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/client/client.h"
#include "lib/value/json.h"
#include "lib/wire/ws.h"

#define SEPARATOR "\x1e"
#define OK_NEGOTIATE \
	"{\"negotiateVersion\":1,\"connectionId\":\"cid\",\"connectionToken\":\"tok/+=\"," \
	"\"availableTransports\":[{\"transport\":\"ServerSentEvents\",\"transferFormats\":" \
	"[\"Text\"]},{\"transport\":\"WebSockets\",\"transferFormats\":[\"Text\",\"Binary\"]}]}"

#define WEBSOCKETS \
	"\"availableTransports\":[{\"transport\":\"WebSockets\",\"transferFormats\":[\"Text\"]}]"

/* Where a test closes the client. */
enum inside { NOWHERE, IN_OPEN, IN_INVOCATION, IN_DONE, IN_CLOSE };

static struct loop *loop;
static struct stream_pool *pool;
static struct client *client;
static int listener = -1;
static int peer = -1;
static char url[64];
static struct buf from_client; /* what the peer read and nobody took */
static struct buf heard; /* what callbacks said, as text */
static enum inside close_inside;
static int opens, closes, close_err;
static bool close_reconnect;
static char close_text[256];
static void (*on_heard)(enum inside where); /* what else a test does inside */

/* ---- the client's owner ---- */

static inline void inside_callback(enum inside where)
{
	assert_int_equal(closes, where == IN_CLOSE ? 1 : 0);
	if (on_heard != NULL) {
		on_heard(where);
	}
	if (close_inside == where) {
		client_close(&client);
		assert_null(client);
	}
}

static inline void side_open(void *ctx)
{
	assert_ptr_equal(ctx, &heard);
	assert_true(client_is_open(client));
	opens++;
	inside_callback(IN_OPEN);
}

static inline void side_invocation(void *ctx, struct bytes target, const struct value *arguments)
{
	assert_ptr_equal(ctx, &heard);
	buf_append_bytes(&heard, target);
	json_write(&heard, arguments);
	buf_append_char(&heard, ';');
	inside_callback(IN_INVOCATION);
}

static inline void side_close(void *ctx, int err, struct bytes text, bool allow_reconnect)
{
	assert_ptr_equal(ctx, &heard);
	assert_false(client_is_open(client));
	assert_int_equal(client_calls(client), 0);
	closes++;
	close_err = err;
	close_reconnect = allow_reconnect;
	snprintf(close_text, sizeof(close_text), "%.*s", BYTES_ARG(text));
	inside_callback(IN_CLOSE);
}

static const struct client_events side_events = {side_open, side_invocation, side_close};

/* ctx is the call's name. */
static inline void side_done(void *ctx, int err, struct bytes text, const struct value *result)
{
	buf_printf(&heard, "%s:%s:%.*s:", (const char *)ctx, err != 0 ? err_code(err) : "ok",
		BYTES_ARG(text));
	json_write(&heard, result);
	buf_append_char(&heard, ';');
	inside_callback(IN_DONE);
}

static inline void turns(int count)
{
	for (int i = 0; i < count; i++) {
		loop_turn(loop, 0);
	}
}

static inline void turn_until(const int *value, int wanted)
{
	for (int i = 0; i < 500 && *value < wanted; i++) {
		loop_turn(loop, 20);
	}
	assert_true(*value >= wanted);
}

/* All that was heard since the last time; waits for it, and a little for more. */
static inline void assert_heard(const char *text)
{
	for (int i = 0; i < 500 && heard.len < strlen(text); i++) {
		loop_turn(loop, 20);
	}
	turns(3);
	assert_string_equal(buf_cstr(&heard), text);
	buf_clear(&heard);
}

static inline void assert_closed(int err, const char *text, bool allow_reconnect)
{
	turn_until(&closes, 1);
	turns(3);
	assert_string_equal(close_text, text);
	assert_string_equal(err_code(close_err), err_code(err));
	assert_int_equal(close_err, err);
	assert_int_equal(close_reconnect, allow_reconnect);
	assert_int_equal(closes, 1);
}

/* ---- the server ---- */

static inline void server_listen(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(at.sin_port));
}

static inline void server_hang_up(bool reset)
{
	const struct linger now = {.l_onoff = reset, .l_linger = 0};
	if (peer >= 0) {
		setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(peer);
	}
	peer = -1;
	buf_clear(&from_client);
}

static inline void server_accept(void)
{
	server_hang_up(false);
	for (int i = 0; i < 500 && peer < 0; i++) {
		loop_turn(loop, 5);
		peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	assert_true(peer >= 0);
}

/* Turns once and reads what is there. false: the client's end has come. */
static inline bool server_read(void)
{
	char piece[65536];
	ssize_t n;
	loop_turn(loop, 5);
	while ((n = recv(peer, piece, sizeof(piece), 0)) > 0) {
		buf_append(&from_client, piece, (size_t)n);
	}
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* At least so many bytes of the client. */
static inline void server_want(size_t len)
{
	for (int i = 0; i < 1000 && from_client.len < len; i++) {
		if (!server_read()) {
			break;
		}
	}
	assert_true(from_client.len >= len);
}

/* The head of a request, NUL-terminated, good until the next one. */
static inline const char *server_request(void)
{
	static char head[4096];
	char *end = NULL;
	for (int i = 0; i < 500 && end == NULL; i++) {
		server_read();
		end = strstr((char *)(uintptr_t)buf_cstr(&from_client), "\r\n\r\n");
	}
	assert_non_null(end);
	snprintf(head, sizeof(head), "%.*s", (int)(end + 4 - from_client.data), from_client.data);
	buf_consume(&from_client, strlen(head));
	return head;
}

static inline void server_send(const char *data, size_t len)
{
	size_t sent = 0;
	for (int i = 0; i < 5000 && sent < len; i++) {
		ssize_t n = send(peer, data + sent, len - sent, MSG_NOSIGNAL);
		assert_true(n > 0 || errno == EAGAIN || errno == EWOULDBLOCK);
		sent += n > 0 ? (size_t)n : 0;
		loop_turn(loop, 0);
	}
	assert_int_equal(sent, len);
}

static inline void server_say(const char *text)
{
	server_send(text, strlen(text));
}

/* One byte at a time, each in a turn of its own. */
static inline void server_dribble(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		server_send(data + i, 1);
	}
}

static inline size_t frame_write(char *out, unsigned first, const char *payload, size_t len)
{
	size_t head = 2;
	out[0] = (char)first;
	out[1] = (char)(len < 126 ? len : len < 65536 ? 126 : 127);
	if (len >= 126) {
		int bytes = len < 65536 ? 2 : 8;
		for (int i = bytes - 1; i >= 0; i--) {
			out[head++] = (char)((uint64_t)len >> (8 * i));
		}
	}
	memcpy(out + head, payload, len);
	return head + len;
}

static inline void server_frame(unsigned first, const char *payload, size_t len)
{
	char *frame = malloc(len + 10);
	server_send(frame, frame_write(frame, first, payload, len));
	free(frame);
}

/* One text frame with these records. */
static inline void server_record(const char *text)
{
	char frame[8192];
	int len = snprintf(frame, sizeof(frame), "%s" SEPARATOR, text);
	server_frame(0x81, frame, (size_t)len);
}

/* The next frame of the client, unmasked by hand: its first byte, and the payload in out. */
static inline unsigned server_take(char *out, size_t size)
{
	server_want(2);
	const uint8_t *at = (const uint8_t *)from_client.data;
	size_t head = 2, len = at[1] & 0x7fu;
	assert_true((at[1] & 0x80) != 0); /* clients mask */
	if (len >= 126) {
		size_t bytes = len == 126 ? 2 : 8;
		server_want(head + bytes);
		at = (const uint8_t *)from_client.data;
		len = 0;
		for (size_t i = 0; i < bytes; i++) {
			len = len << 8 | at[head++];
		}
	}
	server_want(head + 4 + len);
	at = (const uint8_t *)from_client.data;
	assert_true(len < size);
	for (size_t i = 0; i < len; i++) {
		out[i] = (char)(at[head + 4 + i] ^ at[head + (i & 3)]);
	}
	out[len] = '\0';
	unsigned first = at[0];
	buf_consume(&from_client, head + 4 + len);
	return first;
}

static inline void assert_server_gets(unsigned first, const char *payload, size_t len)
{
	char got[4096];
	assert_int_equal(server_take(got, sizeof(got)), first);
	assert_int_equal(strlen(got) < len ? strlen(got) : len, len);
	assert_memory_equal(got, payload, len);
}

static inline void assert_server_gets_record(const char *text)
{
	char wanted[2048];
	char got[4096];
	snprintf(wanted, sizeof(wanted), "%s" SEPARATOR, text);
	assert_int_equal(server_take(got, sizeof(got)), 0x81);
	assert_string_equal(got, wanted);
}

static inline void assert_server_gets_close(unsigned code)
{
	char got[4096];
	assert_int_equal(server_take(got, sizeof(got)), 0x88);
	assert_int_equal((uint8_t)got[0] << 8 | (uint8_t)got[1], code);
}

static inline void assert_server_sees_end(void)
{
	bool open = true;
	for (int i = 0; i < 1000 && open; i++) {
		open = server_read();
	}
	assert_false(open);
	assert_int_equal(from_client.len, 0);
}

/* The answer to negotiate. */
static inline void server_negotiate(const char *body)
{
	char answer[4096];
	snprintf(answer, sizeof(answer),
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
		"%zu\r\n\r\n%s",
		strlen(body), body);
	server_say(answer);
}

/* ---- ways to an open client ---- */

static inline void side_start(const struct client_options *options)
{
	struct client_options all = *options;
	if (all.url.len == 0) {
		all.url = bytes_str(url);
	}
	int before = opens + closes;
	assert_int_equal(client_open(loop, pool, &all, &side_events, &heard, &client), 0);
	assert_int_equal(opens + closes, before); /* nothing comes inside */
	assert_false(client_is_open(client));
}

/* The right answer to an upgrade, without the last CRLF. */
static inline const char *upgrade_answer(const char *request)
{
	static char answer[512];
	char accept[WS_ACCEPT_SIZE];
	const char *key = strstr(request, "Sec-WebSocket-Key: ");
	assert_non_null(key);
	ws_accept_key(bytes_of(key + 19, WS_KEY_SIZE - 1), accept);
	snprintf(answer, sizeof(answer),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n"
		"Connection: keep-alive, upgrade\r\nSec-WebSocket-Accept: %s\r\n",
		accept);
	return answer;
}

/* Up to the client's handshake, which is left unanswered. */
static inline void side_to_handshake(const struct client_options *options)
{
	struct client_options all = *options;
	all.skip_negotiation = true;
	side_start(&all);
	server_accept();
	server_say(upgrade_answer(server_request()));
	server_say("\r\n");
	assert_server_gets_record("{\"protocol\":\"json\",\"version\":1}");
}

static inline void side_to_open(const struct client_options *options)
{
	side_to_handshake(options);
	server_record("{}");
	turn_until(&opens, 1);
	if (client != NULL) {
		assert_server_gets_record("{\"type\":6}");
	}
}

/* A call that must be taken. */
static inline void side_call(const char *name)
{
	const struct value none = {.kind = VALUE_ARRAY};
	assert_int_equal(
		client_invoke(client, bytes_str(name), &none, side_done, (void *)(uintptr_t)name),
		0);
}

static inline int client_setup(void **state)
{
	(void)state;
	loop = loop_create();
	pool = stream_pool_create(loop);
	opens = closes = 0;
	close_err = 1;
	close_inside = NOWHERE;
	on_heard = NULL;
	server_listen();
	return 0;
}

static inline int client_teardown(void **state)
{
	(void)state;
	client_close(&client);
	server_hang_up(false);
	close(listener);
	buf_finish(&from_client);
	buf_finish(&heard);
	assert_int_equal(stream_pool_count(pool), 0);
	stream_pool_destroy(&pool);
	loop_destroy(&loop);
	return 0;
}

#define CLIENT_TEST(f) cmocka_unit_test_setup_teardown(f, client_setup, client_teardown)

#endif
