/* Servers that refuse a client, or are no SignalR servers at all. */
#include "tests/unit/client_side.h"

static const struct client_options plain;
static const struct client_options websockets = {.transport = CLIENT_TRANSPORT_WEBSOCKETS};
static const struct client_options skip = {.skip_negotiation = true};

static const struct refusal {
	const char *answer; /* of the server; of a body alone a 200 is made */
	int err;
	const char *text;
} negotiate_refusals[] = {
	{"{\"error\":\"no more rooms\"}", ERR_UNAVAILABLE, "no more rooms"},
	{"{\"url\":\"http://elsewhere/\",\"accessToken\":\"x\"}", ERR_NOT_SUPPORTED,
		"the server redirects to another one"},
	{"{\"negotiateVersion\":1,\"connectionId\":\"a\",\"connectionToken\":\"b\","
	 "\"availableTransports\":[{\"transport\":\"LongPolling\",\"transferFormats\":[\"Text\"]}]"
	 "}",
		ERR_NOT_SUPPORTED, "the server offers no WebSockets with text"},
	{"{\"negotiateVersion\":1,\"connectionId\":\"a\",\"connectionToken\":\"b\","
	 "\"availableTransports\":[{\"transport\":\"WebSockets\",\"transferFormats\":[\"Binary\"]},"
	 "{\"transport\":null},7]}",
		ERR_NOT_SUPPORTED, "the server offers no WebSockets with text"},
	{"{\"negotiateVersion\":1,\"connectionId\":\"a\"," WEBSOCKETS "}", ERR_UNREACHABLE,
		"the server names no connection"},
	{"{\"negotiateVersion\":1,\"connectionToken\":7," WEBSOCKETS "}", ERR_UNREACHABLE,
		"the server names no connection"},
	{"{}", ERR_UNREACHABLE, "what answers there is no SignalR server"},
	{"{\"ProtocolVersion\":\"1.4\"}", ERR_UNREACHABLE,
		"what answers there is no SignalR server"},
	{"[1]", ERR_UNREACHABLE, "what answers there is no SignalR server"},
	{"<html>", ERR_UNREACHABLE, "what answers there is no SignalR server"},
	{"", ERR_UNREACHABLE, "what answers there is no SignalR server"},
	{"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", ERR_UNAUTHORIZED,
		"the server answered 401 Unauthorized"},
	{"HTTP/1.1 403 No\r\n\r\n", ERR_FORBIDDEN, "the server answered 403 Forbidden"},
	{"HTTP/1.1 404 Not Found\r\n\r\n", ERR_NOT_FOUND, "the server answered 404 Not Found"},
	{"HTTP/1.1 429 Slow\r\n\r\n", ERR_RATE_LIMITED,
		"the server answered 429 Too Many Requests"},
	{"HTTP/1.1 503 x\r\nContent-Length: 3\r\n\r\nabc", ERR_UNAVAILABLE,
		"the server answered 503 Service Unavailable"},
	{"HTTP/1.1 307 x\r\nLocation: /\r\n\r\n", ERR_NOT_SUPPORTED,
		"the server answered 307 Temporary Redirect"},
	{"HTTP/1.1 204 x\r\n\r\n", ERR_UNREACHABLE, "what answers there is no SignalR server"},
	{"HTTP/1.1 101 x\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n", ERR_UNREACHABLE,
		"what answers there is no SignalR server"},
	{"SSH-2.0-OpenSSH_9.2p1\r\n", ERR_UNREACHABLE, "what answers there speaks no HTTP"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ERR_UNREACHABLE,
		"what answers there speaks no HTTP"},
};

static void check_refused(const struct refusal *refusal)
{
	if (refusal->answer[0] == 'H' || refusal->answer[0] == 'S') {
		server_say(refusal->answer);
	} else {
		server_negotiate(refusal->answer);
	}
	assert_closed(refusal->err, refusal->text, false);
	assert_int_equal(opens, 0);
	assert_server_sees_end();
	client_close(&client);
	closes = 0;
}

static void test_negotiate_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(negotiate_refusals) / sizeof(negotiate_refusals[0]); i++) {
		side_start(&websockets);
		server_accept();
		server_request();
		check_refused(&negotiate_refusals[i]);
	}
}

static const struct refusal upgrade_refusals[] = {
	{"HTTP/1.1 401 x\r\n\r\n", ERR_UNAUTHORIZED, "the server answered 401 Unauthorized"},
	{"HTTP/1.1 403 x\r\n\r\n", ERR_FORBIDDEN, "the server answered 403 Forbidden"},
	{"HTTP/1.1 404 x\r\n\r\n", ERR_NOT_FOUND, "the server answered 404 Not Found"},
	{"HTTP/1.1 503 x\r\n\r\n", ERR_UNAVAILABLE, "the server answered 503 Service Unavailable"},
	{"HTTP/1.1 302 x\r\n\r\n", ERR_NOT_SUPPORTED, "the server answered 302 Found"},
	{"HTTP/1.1 400 x\r\n\r\n", ERR_UNREACHABLE, "the server answered 400 Bad Request"},
	{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ERR_UNREACHABLE,
		"what answers there is no SignalR server"},
	{"HTTP/9.9 what\r\n\r\n", ERR_UNREACHABLE, "what answers there speaks no HTTP"},
};

static void test_upgrade_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(upgrade_refusals) / sizeof(upgrade_refusals[0]); i++) {
		side_start(&skip);
		server_accept();
		server_request();
		check_refused(&upgrade_refusals[i]);
	}
}

/* Each is a right answer but for one thing (RFC 6455 section 4.1). %s: the right accept value. */
static const char *const bad_upgrades[] = {
	"Upgrade: websocket\r\nConnection: Upgrade\r\n%.0s",
	"Upgrade: websocket\r\nConnection: Upgrade\r\n"
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n%.0s",
	"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %sx\r\n",
	"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
	"Sec-WebSocket-Accept: x\r\n",
	"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
	"Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
	"Upgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n",
	"Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Accept: %s\r\n",
	"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
	"Sec-WebSocket-Extensions: permessage-deflate\r\n",
	"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
	"Sec-WebSocket-Protocol: chat\r\n",
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void test_bad_upgrades(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_upgrades) / sizeof(bad_upgrades[0]); i++) {
		char accept[WS_ACCEPT_SIZE], headers[512], answer[768];
		side_start(&skip);
		server_accept();
		const char *key = strstr(server_request(), "Sec-WebSocket-Key: ") + 19;
		ws_accept_key(bytes_of(key, WS_KEY_SIZE - 1), accept);
		snprintf(headers, sizeof(headers), bad_upgrades[i], accept);
		snprintf(answer, sizeof(answer), "HTTP/1.1 101 Switching Protocols\r\n%s\r\n",
			headers);
		check_refused(&(struct refusal){
			answer, ERR_UNREACHABLE, "what answers there is no SignalR server"});
	}
}

#pragma GCC diagnostic pop

static void test_too_much(void **state)
{
	char *much = malloc(70000);
	(void)state;
	memset(much, ' ', 70000);
	side_start(&plain);
	server_accept();
	server_request();
	server_say("HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n");
	server_send(much, 66000);
	assert_closed(ERR_UNREACHABLE, "what answers there is no SignalR server", false);
	client_close(&client);
	closes = 0;
	memset(much, 'x', 70000);
	side_start(&plain);
	server_accept();
	server_request();
	server_say("HTTP/1.1 200 OK\r\nX: ");
	server_send(much, 17000);
	assert_closed(ERR_UNREACHABLE, "what answers there speaks no HTTP", false);
	free(much);
}

static void test_handshake_refused(void **state)
{
	static const struct refusal answers[] = {
		{"{\"error\":\"The protocol 'json' is not supported.\"}", ERR_UNAVAILABLE,
			"The protocol 'json' is not supported."},
		{"{\"type\":6}", ERR_BAD_REQUEST, "Expected a handshake response from the server."},
		{"[]", ERR_BAD_REQUEST, "Expected a handshake response from the server."},
		{"{\"error\":1}", ERR_BAD_REQUEST, "Expected 'error' to be of type String."},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		side_to_handshake(&plain);
		server_record(answers[i].answer);
		assert_closed(answers[i].err, answers[i].text, false);
		assert_server_gets_close(1000);
		assert_int_equal(opens, 0);
		client_close(&client);
		closes = 0;
	}
}

static void test_not_started(void **state)
{
	static const struct {
		const char *url, *unix_path, *token;
		int err;
	} cases[] = {
		{"", "", "", ERR_USAGE},
		{"ftp://x/", "", "", ERR_USAGE},
		{"http://", "", "", ERR_USAGE},
		{"http://user@host/", "", "", ERR_USAGE},
		{"http://h ost/", "", "", ERR_USAGE},
		{"http://127.0.0.1:1/a b", "", "", ERR_USAGE},
		{"http://127.0.0.1:1/a?b\r\nc", "", "", ERR_USAGE},
		{"http://127.0.0.1:1/", "", "a b", ERR_USAGE},
		{"http://127.0.0.1:1/", "", "a\r\nX: y", ERR_USAGE},
		{"unix:/x", "hub", "", ERR_USAGE},
		{"https://host/", "", "", ERR_NOT_SUPPORTED},
		{"http://127.0.0.1:99999/", "", "", ERR_BAD_REQUEST},
		{"http://127.0.0.1:/", "", "", ERR_BAD_REQUEST},
		{"unix:", "", "", ERR_BAD_REQUEST},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client_options options = {.url = bytes_str(cases[i].url),
			.unix_path = bytes_str(cases[i].unix_path),
			.token = bytes_str(cases[i].token)};
		assert_int_equal(client_open(loop, pool, &options, &side_events, &heard, &client),
			cases[i].err);
		assert_null(client);
	}
	turns(3);
	assert_int_equal(closes, 0);
}

static void test_nobody_there(void **state)
{
	(void)state;
	close(listener);
	listener = -1;
	side_start(&plain);
	assert_closed(ERR_UNREACHABLE, "nobody answers at that address", false);
}

/* The server may go between negotiate and upgrade. */
static void test_gone_meanwhile(void **state)
{
	(void)state;
	side_start(&plain);
	server_accept();
	server_request();
	close(listener);
	listener = -1;
	server_negotiate(OK_NEGOTIATE);
	assert_closed(ERR_UNREACHABLE, "nobody answers at that address", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_negotiate_refused),
		CLIENT_TEST(test_upgrade_refused),
		CLIENT_TEST(test_bad_upgrades),
		CLIENT_TEST(test_too_much),
		CLIENT_TEST(test_handshake_refused),
		CLIENT_TEST(test_not_started),
		CLIENT_TEST(test_nobody_there),
		CLIENT_TEST(test_gone_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
