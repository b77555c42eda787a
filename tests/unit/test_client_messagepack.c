/* A client that speaks MessagePack: bytes as in HubProtocol.md, «MessagePack Encoding». */
#include "tests/unit/client_http.h"

static const struct client_options over_ws = {
	.encoding = CLIENT_ENCODING_MESSAGEPACK, .skip_negotiation = true};
static const struct client_options over_poll = {
	.encoding = CLIENT_ENCODING_MESSAGEPACK, .transport = CLIENT_TRANSPORT_LONGPOLLING};

#define HANDSHAKE_MESSAGEPACK "{\"protocol\":\"messagepack\",\"version\":1}" SEPARATOR
#define PING_MESSAGEPACK "\x02\x91\x06"
/* [1, {}, "1", "a", [], []] */
#define CALL_MESSAGEPACK "\x09\x96\x01\x80\xa1\x31\xa1\x61\x90\x90"
/* [3, {}, "1", 3, {"Seq": 7}] */
#define ANSWER "\x0c\x95\x03\x80\xa1\x31\x03\x81\xa3Seq\x07"
/* [1, {}, nil, "X", [1, true]] */
#define INVOCATION "\x09\x95\x01\x80\xc0\xa1X\x92\x01\xc3"
/* [7, nil, true] */
#define CLOSE "\x04\x93\x07\xc0\xc3"

#define SIZED(text) text, sizeof(text) - 1

static void server_takes(unsigned first, const char *bytes, size_t len)
{
	char got[256];
	assert_int_equal(server_take(got, sizeof(got)), first);
	assert_memory_equal(got, bytes, len);
	assert_int_equal(from_client.len, 0);
}

static void ws_to_open(unsigned first)
{
	int before = opens;
	side_start(&over_ws);
	server_accept();
	server_say(upgrade_answer(server_request()));
	server_say("\r\n");
	server_takes(0x81, SIZED(HANDSHAKE_MESSAGEPACK));
	server_frame(first, "{}" SEPARATOR, 3);
	turn_until(&opens, before + 1);
	server_takes(0x82, SIZED(PING_MESSAGEPACK));
}

static void test_websockets(void **state)
{
	(void)state;
	for (unsigned first = 0x81; first <= 0x82; first++) { /* either is taken */
		ws_to_open(first);
		side_call("a");
		server_takes(0x82, SIZED(CALL_MESSAGEPACK));
		server_frame(0x82, SIZED(INVOCATION ANSWER PING_MESSAGEPACK));
		assert_heard("X[1,true];a:ok::{\"Seq\":7};");
		server_frame(0x82, SIZED(CLOSE));
		assert_closed(0, "", true);
		assert_server_gets_close(1000);
		client_close(&client);
		closes = 0;
	}
}

/* Frames and records have nothing to do with each other. */
static void test_pieces(void **state)
{
	(void)state;
	ws_to_open(0x82);
	side_call("a");
	const char records[] = INVOCATION ANSWER;
	for (size_t i = 0; i + 1 < sizeof(records); i++) {
		server_frame(0x82, records + i, 1);
	}
	assert_heard("X[1,true];a:ok::{\"Seq\":7};");
	/* Behind the answer to the handshake, in one frame with it. */
	client_close(&client);
	side_start(&over_ws);
	server_accept();
	server_say(upgrade_answer(server_request()));
	server_say("\r\n");
	server_frame(0x82, SIZED("{}\x1e" INVOCATION));
	turn_until(&opens, 2);
	assert_heard("X[1,true];");
}

static void check_breach(unsigned first, const char *bytes, size_t len, int err, const char *text)
{
	ws_to_open(0x82);
	server_frame(first, bytes, len);
	assert_closed(err, text, false);
	client_close(&client);
	closes = 0;
}

static void test_breaches(void **state)
{
	(void)state;
	check_breach(0x81, SIZED("{\"type\":6}\x1e"), ERR_BAD_REQUEST, "the server sent text");
	/* A length of 5 MiB, and one that no record can have. */
	check_breach(0x82, SIZED("\x80\x80\xc0\x02"), ERR_TOO_LARGE,
		"the server sent too long a message");
	check_breach(0x82, SIZED("\xff\xff\xff\xff\xff"), ERR_BAD_REQUEST,
		"the server sent a malformed message");
}

/* ---- long polling ---- */

static void server_takes_bytes(const char *body, size_t len)
{
	char length[64];
	server_use(UP);
	if (peer < 0) {
		server_accept();
	}
	const char *head = server_request();
	assert_starts(head, "POST /chathub?id=tok HTTP/1.1\r\n");
	assert_non_null(strstr(head, "\r\nContent-Type: application/octet-stream\r\n"));
	snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", len);
	assert_non_null(strstr(head, length));
	server_want(len);
	assert_memory_equal(from_client.data, body, len);
	buf_consume(&from_client, len);
	server_say(EMPTY_200);
}

static void server_answers_bytes(const char *body, size_t len)
{
	char head[128];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
	server_use(DOWN);
	server_request();
	server_send(head, (size_t)n);
	server_send(body, len);
}

static void test_long_polling(void **state)
{
	(void)state;
	side_start(&over_poll);
	server_offer(OFFER_ALL);
	server_accept();
	server_answers_bytes("", 0);
	server_takes_bytes(SIZED(HANDSHAKE_MESSAGEPACK));
	server_answers_bytes(SIZED("{}\x1e"));
	turn_until(&opens, 1);
	side_call("a");
	server_takes_bytes(SIZED(CALL_MESSAGEPACK));
	server_answers_bytes(SIZED(INVOCATION ANSWER));
	assert_heard("X[1,true];a:ok::{\"Seq\":7};");
	server_answers_bytes(SIZED(CLOSE));
	assert_closed(0, "", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(test_websockets),
		HTTP_TEST(test_pieces),
		HTTP_TEST(test_breaches),
		HTTP_TEST(test_long_polling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
