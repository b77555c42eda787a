/* The scripted server of client_side.h for clients with several connections: server-sent events and
 * long polling. Each of its connections has a place; server_use() chooses the one that
 * client_side.h's functions speak on. */
#ifndef TESTS_UNIT_CLIENT_HTTP_H
#define TESTS_UNIT_CLIENT_HTTP_H

#include "tests/unit/client_side.h"

#define OFFER_ALL \
	"{\"negotiateVersion\":1,\"connectionId\":\"cid\",\"connectionToken\":\"tok\"," \
	"\"availableTransports\":[{\"transport\":\"WebSockets\",\"transferFormats\":[\"Text\"," \
	"\"Binary\"]},{\"transport\":\"ServerSentEvents\",\"transferFormats\":[\"Text\"]}," \
	"{\"transport\":\"LongPolling\",\"transferFormats\":[\"Text\",\"Binary\"]}]}"
#define EMPTY_200 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n"

enum place { DOWN, UP, PLACES }; /* what comes from the server, what goes to it */

static struct {
	int peer;
	struct buf from_client;
} places[PLACES] = {{.peer = -1}, {.peer = -1}};
static enum place here;

static inline void server_use(enum place place)
{
	places[here].peer = peer;
	places[here].from_client = from_client;
	here = place;
	peer = places[here].peer;
	from_client = places[here].from_client;
}

static inline void server_hang_up_all(void)
{
	for (int i = 0; i < PLACES; i++) {
		server_use((enum place)i);
		server_hang_up(false);
		buf_finish(&from_client);
	}
	server_use(DOWN);
}

static inline int http_teardown(void **state)
{
	server_hang_up_all();
	return client_teardown(state);
}

#define HTTP_TEST(f) cmocka_unit_test_setup_teardown(f, client_setup, http_teardown)

static inline void assert_starts(const char *text, const char *start)
{
	char copy[256];
	snprintf(copy, sizeof(copy), "%.*s", (int)strlen(start), text);
	assert_string_equal(copy, start);
}

/* Up to the answer to negotiate, on DOWN, which is hung up. */
static inline void server_offer(const char *body)
{
	server_use(DOWN);
	server_accept();
	assert_starts(server_request(), "POST /chathub/negotiate?negotiateVersion=1 HTTP/1.1\r\n");
	server_negotiate(body);
	turns(3);
	server_hang_up(false);
}

/* The next POST on UP, which is accepted where it is not there; its body is text, not answered.
 * Answers its head, good until the next request. */
static inline const char *server_gets_post(const char *body)
{
	server_use(UP);
	if (peer < 0) {
		server_accept();
	}
	const char *head = server_request();
	assert_starts(head, "POST /chathub?id=tok HTTP/1.1\r\n");
	const char *length = strstr(head, "\r\nContent-Length: ");
	assert_non_null(length);
	assert_non_null(strstr(head, "\r\nContent-Type: text/plain;charset=UTF-8\r\n"));
	size_t len = strtoul(length + 18, NULL, 10);
	server_want(len);
	char *got = mem_dup_bytes(bytes_of(from_client.data, len));
	buf_consume(&from_client, len);
	assert_string_equal(got, body);
	free(got);
	return head;
}

static inline void server_takes_post(const char *body)
{
	server_gets_post(body);
	server_say(EMPTY_200);
}

/* The client has let go of the connection at place. */
static inline void assert_let_go(enum place place)
{
	server_use(place);
	assert_server_sees_end();
	server_hang_up(false);
}

static inline void assert_nobody_lingers(void)
{
	for (int i = 0; i < 500 && stream_pool_lingering(pool) > 0; i++) {
		loop_turn(loop, 5);
	}
	assert_int_equal(stream_pool_lingering(pool), 0);
}

/* Nobody comes to the listener. */
static inline void assert_nobody_comes(void)
{
	turns(5);
	assert_int_equal(accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), -1);
}

/* The server closes the connection for POST, which is idle, and the client sees it. */
static inline void server_drops_idle(void)
{
	server_use(UP);
	server_hang_up(false);
	turns(5);
}

#define HANDSHAKE "{\"protocol\":\"json\",\"version\":1}" SEPARATOR
#define PING "{\"type\":6}" SEPARATOR
#define CALL(id, name) \
	"{\"type\":1,\"invocationId\":\"" id "\",\"target\":\"" name \
	"\",\"arguments\":[]}" SEPARATOR

/* ---- what the transports have in common ---- */

/* The first request of a client with a token: that line, with those headers behind the others. */
static inline void check_first_request(
	const struct client_options *options, const char *line, const char *headers)
{
	char wanted[256];
	struct client_options all = *options;
	all.token = BYTES_LIT("a.b");
	side_start(&all);
	server_offer(OFFER_ALL);
	server_accept();
	snprintf(wanted, sizeof(wanted),
		"%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer a.b\r\n%s\r\n", line, url + 7,
		headers);
	assert_string_equal(server_request(), wanted);
	assert_nobody_comes(); /* nothing is posted before the answer */
}

/* The owner closes inside each of his callbacks. answer: the server invokes X(1), answers the call
 * "a" with 1, and closes. */
static inline void check_close_inside(void (*to_open)(const struct client_options *options),
	const struct client_options *options, void (*answer)(void))
{
	static const char *const wanted[] = {
		[IN_OPEN] = "",
		[IN_INVOCATION] = "X[1];",
		[IN_DONE] = "X[1];a:ok::1;",
		[IN_CLOSE] = "X[1];a:ok::1;",
	};
	for (enum inside where = IN_OPEN; where <= IN_CLOSE; where++) {
		close_inside = where;
		to_open(options);
		if (client != NULL) {
			side_call("a");
			server_takes_post(CALL("1", "a"));
			answer();
		}
		turns(8);
		assert_null(client);
		assert_heard(wanted[where]);
		assert_int_equal(closes, where == IN_CLOSE ? 1 : 0);
		server_hang_up_all();
		assert_nobody_lingers();
		closes = 0;
	}
}

/* ---- server-sent events ---- */

#define EVENTS_HEAD \
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Bytes of the stream of events, as a chunk. */
static inline void server_stream(const char *text)
{
	char chunk[8192];
	int len = snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(text), text);
	server_use(DOWN);
	server_send(chunk, (size_t)len);
}

static inline void server_event(const char *record)
{
	char event[4096];
	snprintf(event, sizeof(event), "data: %s" SEPARATOR "\r\n\r\n", record);
	server_stream(event);
}

static inline void sse_to_answer(const struct client_options *options)
{
	side_start(options);
	server_offer(OFFER_ALL);
	server_accept();
	server_request();
}

static inline void sse_to_handshake(const struct client_options *options)
{
	sse_to_answer(options);
	server_say(EVENTS_HEAD);
	server_stream(":\r\n");
	server_takes_post(HANDSHAKE);
}

static inline void sse_to_open(const struct client_options *options)
{
	int before = opens;
	sse_to_handshake(options);
	server_event("{}");
	turn_until(&opens, before + 1);
	if (client != NULL) {
		server_takes_post(PING);
		turns(2);
	}
}

#endif
