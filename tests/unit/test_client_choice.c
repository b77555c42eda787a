/* Which transport and encoding a client takes, and what it falls back to. */
#include "tests/unit/client_http.h"

static const struct client_options plain;

static const char *offer(const char *list)
{
	static char body[1024];
	snprintf(body, sizeof(body),
		"{\"negotiateVersion\":1,\"connectionId\":\"cid\",\"connectionToken\":\"tok\","
		"\"availableTransports\":[%s]}",
		list);
	return body;
}

#define WS(formats) "{\"transport\":\"WebSockets\",\"transferFormats\":[" formats "]}"
#define SSE(formats) "{\"transport\":\"ServerSentEvents\",\"transferFormats\":[" formats "]}"
#define LP(formats) "{\"transport\":\"LongPolling\",\"transferFormats\":[" formats "]}"
#define TEXT "\"Text\""
#define BINARY "\"Binary\""

/* What the request behind negotiate asks for. */
static enum client_transport server_sees(void)
{
	server_use(DOWN);
	server_accept();
	const char *head = server_request();
	assert_starts(head, "GET /chathub?id=tok");
	return strstr(head, "\r\nUpgrade: websocket\r\n") != NULL ? CLIENT_TRANSPORT_WEBSOCKETS
	       : strstr(head, "\r\nAccept: text/event-stream\r\n") != NULL
		       ? CLIENT_TRANSPORT_SSE
		       : CLIENT_TRANSPORT_LONGPOLLING;
}

static void check_chosen(enum client_transport wanted, enum client_encoding encoding,
	const char *list, enum client_transport chosen)
{
	side_start(&(struct client_options){.transport = wanted, .encoding = encoding});
	server_offer(offer(list));
	assert_int_equal(server_sees(), chosen);
	client_close(&client);
	server_hang_up_all();
}

static void test_chosen(void **state)
{
	const enum client_transport automatic = CLIENT_TRANSPORT_AUTO;
	const enum client_transport ws = CLIENT_TRANSPORT_WEBSOCKETS, sse = CLIENT_TRANSPORT_SSE,
				    poll = CLIENT_TRANSPORT_LONGPOLLING;
	const enum client_encoding json = CLIENT_ENCODING_JSON,
				   messagepack = CLIENT_ENCODING_MESSAGEPACK;
	(void)state;
	/* Ours is the order. */
	check_chosen(automatic, json, LP(TEXT) "," SSE(TEXT) "," WS(TEXT), ws);
	check_chosen(automatic, json, LP(TEXT) "," SSE(TEXT), sse);
	check_chosen(automatic, json, "{\"transport\":\"Pigeons\"},7,{}," LP(TEXT), poll);
	check_chosen(automatic, json, WS(BINARY) "," LP(BINARY "," TEXT), poll);
	check_chosen(
		automatic, messagepack, WS(TEXT) "," SSE(TEXT "," BINARY) "," LP(BINARY), poll);
	check_chosen(automatic, messagepack, WS(TEXT "," BINARY) "," LP(BINARY), ws);
	check_chosen(ws, json, LP(TEXT) "," SSE(TEXT) "," WS(TEXT), ws);
	check_chosen(sse, json, LP(TEXT) "," SSE(TEXT) "," WS(TEXT), sse);
	check_chosen(poll, json, LP(TEXT) "," SSE(TEXT) "," WS(TEXT), poll);
	check_chosen(poll, messagepack, LP(BINARY) "," WS(BINARY), poll);
}

static void check_none(enum client_transport wanted, enum client_encoding encoding,
	const char *list, const char *text)
{
	side_start(&(struct client_options){.transport = wanted, .encoding = encoding});
	server_offer(offer(list));
	assert_closed(ERR_NOT_SUPPORTED, text, false);
	client_close(&client);
	assert_nobody_comes();
	closes = 0;
}

static void test_none(void **state)
{
	(void)state;
	check_none(CLIENT_TRANSPORT_AUTO, CLIENT_ENCODING_JSON, "",
		"the server offers no transport with text");
	check_none(CLIENT_TRANSPORT_AUTO, CLIENT_ENCODING_MESSAGEPACK, WS(TEXT) "," SSE(BINARY),
		"the server offers no transport with binary data");
	check_none(CLIENT_TRANSPORT_WEBSOCKETS, CLIENT_ENCODING_JSON, LP(TEXT) "," SSE(TEXT),
		"the server offers no WebSockets with text");
	check_none(CLIENT_TRANSPORT_SSE, CLIENT_ENCODING_JSON, LP(TEXT) "," WS(TEXT),
		"the server offers no server-sent events with text");
	check_none(CLIENT_TRANSPORT_LONGPOLLING, CLIENT_ENCODING_JSON, SSE(TEXT) "," WS(TEXT),
		"the server offers no long polling with text");
	check_none(CLIENT_TRANSPORT_WEBSOCKETS, CLIENT_ENCODING_MESSAGEPACK, WS(TEXT),
		"the server offers no WebSockets with binary data");
}

/* ---- falling back ---- */

/* A refusal of the transport that is now tried, and the next negotiate. */
static void server_refuses(enum client_transport transport, const char *answer)
{
	assert_int_equal(server_sees(), transport);
	server_say(answer);
	turns(3);
	server_hang_up(false);
}

static void test_falls_back(void **state)
{
	(void)state;
	side_start(&plain);
	server_offer(OFFER_ALL);
	server_refuses(CLIENT_TRANSPORT_WEBSOCKETS, "HTTP/1.1 403 No\r\n\r\n");
	server_offer(OFFER_ALL);
	server_refuses(CLIENT_TRANSPORT_SSE, "HTTP/1.1 502 x\r\n\r\n");
	server_offer(OFFER_ALL);
	assert_int_equal(server_sees(), CLIENT_TRANSPORT_LONGPOLLING);
	server_say(EMPTY_200);
	server_takes_post(HANDSHAKE);
	server_use(DOWN);
	server_request();
	server_say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}" SEPARATOR);
	turn_until(&opens, 1);
	assert_int_equal(client_transport(client), CLIENT_TRANSPORT_LONGPOLLING);
}

/* The last one's failure is the client's. */
static void test_nothing_left(void **state)
{
	(void)state;
	side_start(&plain);
	server_offer(OFFER_ALL);
	server_refuses(CLIENT_TRANSPORT_WEBSOCKETS, "HTTP/1.1 404 No\r\n\r\n");
	server_offer(offer(WS(TEXT) "," LP(TEXT)));
	server_refuses(CLIENT_TRANSPORT_LONGPOLLING, "HTTP/1.1 401 x\r\n\r\n");
	assert_closed(ERR_UNAUTHORIZED, "the server answered 401 Unauthorized", false);
	client_close(&client);
	closes = 0;
	/* And so is what negotiate says meanwhile. */
	side_start(&plain);
	server_offer(OFFER_ALL);
	server_refuses(CLIENT_TRANSPORT_WEBSOCKETS, "nonsense\r\n");
	server_offer("{\"error\":\"enough\"}");
	assert_closed(ERR_UNAVAILABLE, "enough", false);
	client_close(&client);
	closes = 0;
	side_start(&plain);
	server_offer(OFFER_ALL);
	assert_int_equal(server_sees(), CLIENT_TRANSPORT_WEBSOCKETS);
	close(listener);
	listener = -1;
	server_hang_up(false);
	assert_closed(ERR_UNREACHABLE, "nobody answers at that address", false);
}

/* One that was asked for by name is all that is tried. */
static void test_no_fall_back(void **state)
{
	(void)state;
	side_start(&(struct client_options){.transport = CLIENT_TRANSPORT_SSE});
	server_offer(OFFER_ALL);
	server_refuses(CLIENT_TRANSPORT_SSE, "HTTP/1.1 503 x\r\n\r\n");
	assert_closed(ERR_UNAVAILABLE, "the server answered 503 Service Unavailable", false);
	assert_nobody_comes();
}

/* Somebody between swallows what he does not know: the next one is tried in time. */
static void test_swallowed(void **state)
{
	uint64_t start;
	(void)state;
	side_start(&(struct client_options){.open_timeout_us = 600000});
	start = loop_now_us(loop);
	server_offer(OFFER_ALL);
	assert_int_equal(server_sees(), CLIENT_TRANSPORT_WEBSOCKETS);
	assert_server_sees_end();
	assert_true(loop_now_us(loop) - start >= 200000);
	server_offer(OFFER_ALL);
	assert_int_equal(server_sees(), CLIENT_TRANSPORT_SSE);
	assert_server_sees_end();
	server_offer(OFFER_ALL);
	assert_int_equal(server_sees(), CLIENT_TRANSPORT_LONGPOLLING);
	assert_int_equal(closes, 0);
	assert_closed(ERR_TIMEOUT, "the server does not answer", false);
	assert_true(loop_now_us(loop) - start >= 600000);
}

/* Once a transport has started, nothing else is tried. */
static void test_started(void **state)
{
	(void)state;
	side_start(&plain);
	server_offer(OFFER_ALL);
	server_accept();
	server_say(upgrade_answer(server_request()));
	server_say("\r\n");
	assert_server_gets_record("{\"protocol\":\"json\",\"version\":1}");
	server_hang_up(false);
	assert_closed(ERR_CLOSED, "the connection was lost", false);
	assert_nobody_comes();
}

static void test_closed_meanwhile(void **state)
{
	(void)state;
	for (int stage = 0; stage < 4; stage++) {
		side_start(&plain);
		server_offer(OFFER_ALL);
		assert_int_equal(server_sees(), CLIENT_TRANSPORT_WEBSOCKETS);
		if (stage > 0) {
			server_say("HTTP/1.1 404 x\r\n\r\n");
			turns(3);
		}
		if (stage > 1) {
			server_offer(OFFER_ALL);
		}
		if (stage > 2) {
			assert_int_equal(server_sees(), CLIENT_TRANSPORT_SSE);
		}
		client_close(&client);
		turns(3);
		server_hang_up_all();
		int left = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (left >= 0) {
			close(left);
		}
	}
	assert_int_equal(closes + opens, 0);
}

/* ---- what goes together ---- */

static void test_faults(void **state)
{
	struct client_options options = {.url = bytes_str(url)};
	(void)state;
	for (int i = 0; i < CLIENT_TRANSPORT_COUNT * CLIENT_ENCODING_COUNT * 2; i++) {
		options.transport = (enum client_transport)(i / 4);
		options.encoding = (enum client_encoding)(i / 2 % 2);
		options.skip_negotiation = i % 2 != 0;
		bool sse = options.transport == CLIENT_TRANSPORT_SSE;
		bool poll = options.transport == CLIENT_TRANSPORT_LONGPOLLING;
		bool bad = (sse && options.encoding == CLIENT_ENCODING_MESSAGEPACK) ||
			   ((sse || poll) && options.skip_negotiation);
		assert_int_equal(client_options_fault(&options) != NULL, bad);
		if (bad) {
			assert_int_equal(
				client_open(loop, pool, &options, &side_events, &heard, &client),
				ERR_USAGE);
			assert_null(client);
		}
	}
	assert_nobody_comes();
}

static void test_names(void **state)
{
	enum client_transport transport;
	enum client_encoding encoding;
	(void)state;
	for (int i = 0; i < CLIENT_TRANSPORT_COUNT; i++) {
		const char *name = client_transport_name((enum client_transport)i);
		assert_int_equal(client_transport_find(bytes_str(name), &transport), 0);
		assert_int_equal(transport, i);
	}
	for (int i = 0; i < CLIENT_ENCODING_COUNT; i++) {
		const char *name = client_encoding_name((enum client_encoding)i);
		assert_int_equal(client_encoding_find(bytes_str(name), &encoding), 0);
		assert_int_equal(encoding, i);
	}
	assert_int_equal(client_transport_find(BYTES_LIT("LongPolling"), &transport), 0);
	assert_int_equal(transport, CLIENT_TRANSPORT_LONGPOLLING);
	assert_int_equal(client_transport_find(BYTES_LIT("pigeons"), &transport), ERR_NOT_FOUND);
	assert_int_equal(client_encoding_find(BYTES_NONE, &encoding), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(test_chosen),
		HTTP_TEST(test_none),
		HTTP_TEST(test_falls_back),
		HTTP_TEST(test_nothing_left),
		HTTP_TEST(test_no_fall_back),
		HTTP_TEST(test_swallowed),
		HTTP_TEST(test_started),
		HTTP_TEST(test_closed_meanwhile),
		HTTP_TEST(test_faults),
		HTTP_TEST(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
