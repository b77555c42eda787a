/* How an open client ends: by the server, by loss, and by its owner, inside callbacks too. */
#include "tests/unit/client_side.h"

static const struct client_options plain;
static const struct value no_arguments = {.kind = VALUE_ARRAY};

static void check_hub_close(const char *record, int err, const char *text, bool allow_reconnect)
{
	side_to_open(&plain);
	side_call("a");
	assert_server_gets_record(
		"{\"type\":1,\"invocationId\":\"1\",\"target\":\"a\",\"arguments\":[]}");
	server_record(record);
	server_record("{\"type\":1,\"target\":\"Late\",\"arguments\":[]}");
	server_frame(0x88, "\x03\xe8", 2);
	assert_closed(err, text, allow_reconnect);
	char answered[256];
	snprintf(answered, sizeof(answered), "a:closed:%s:null;", text);
	assert_heard(answered);
	assert_server_gets_close(1000);
	assert_server_sees_end();
	client_close(&client);
	closes = opens = 0;
}

static void test_hub_close(void **state)
{
	(void)state;
	check_hub_close("{\"type\":7}", 0, "", false);
	check_hub_close("{\"type\":7,\"allowReconnect\":true}", 0, "", true);
	check_hub_close("{\"type\":7,\"allowReconnect\":false,\"error\":\"bad\"}", ERR_UNAVAILABLE,
		"bad", false);
	check_hub_close("{\"type\":7,\"error\":\"Connection closed with an error.\","
			"\"allowReconnect\":true}",
		ERR_UNAVAILABLE, "Connection closed with an error.", true);
}

static void check_ws_close(const char *payload, size_t len, int err, const char *text)
{
	side_to_open(&plain);
	server_frame(0x88, payload, len);
	assert_closed(err, text, false);
	assert_server_gets_close(1000);
	assert_server_sees_end();
	client_close(&client);
	closes = opens = 0;
}

static void test_ws_close(void **state)
{
	(void)state;
	check_ws_close("\x03\xe8", 2, 0, "");
	check_ws_close("\x03\xe8"
		       "bye",
		5, 0, "bye");
	check_ws_close("\x03\xe9"
		       "restart",
		9, ERR_CLOSED, "restart");
	check_ws_close("", 0, ERR_CLOSED, "the server closed the connection");
	side_to_handshake(&plain);
	server_frame(0x88, "\x03\xe8", 2);
	assert_closed(ERR_CLOSED, "the server closed the connection", false);
}

static void test_peer_vanishes(void **state)
{
	(void)state;
	for (int reset = 0; reset <= 1; reset++) {
		for (int half = 0; half <= 1; half++) {
			side_to_open(&plain);
			side_call("a");
			side_call("b");
			server_want(40);
			server_record("{\"type\":3,\"invocationId\":\"2\",\"result\":2}");
			server_say(half ? "\x81\x10{\"type\":" : "");
			turns(3);
			server_hang_up(reset);
			assert_closed(ERR_CLOSED, "the connection was lost", false);
			assert_heard("b:ok::2;a:closed:the connection was lost:null;");
			client_close(&client);
			closes = opens = 0;
		}
	}
}

static void test_goodbye(void **state)
{
	(void)state;
	side_to_open(&plain);
	side_call("a");
	client_close(&client);
	assert_null(client);
	client_close(&client);
	assert_server_gets_record(
		"{\"type\":1,\"invocationId\":\"1\",\"target\":\"a\",\"arguments\":[]}");
	assert_server_gets_record("{\"type\":7}");
	assert_server_gets_close(1000);
	assert_server_sees_end();
	server_record("{\"type\":3,\"invocationId\":\"1\",\"result\":1}");
	server_hang_up(false);
	for (int i = 0; i < 100 && stream_pool_lingering(pool) > 0; i++) {
		loop_turn(loop, 5);
	}
	assert_int_equal(stream_pool_lingering(pool), 0);
	assert_int_equal(heard.len + (size_t)closes, 0);
}

/* ---- the owner closes inside callbacks ---- */

static void check_close_inside(enum inside where, const char *records, const char *wanted)
{
	closes = opens = 0;
	close_inside = NOWHERE;
	side_to_open(&plain);
	side_call("a");
	side_call("b");
	close_inside = where;
	server_frame(0x81, records, strlen(records));
	turns(5);
	assert_null(client);
	assert_heard(wanted);
	assert_int_equal(closes, where == IN_CLOSE ? 1 : 0);
	while (server_read()) {
	}
	server_hang_up(false);
}

static void test_close_inside(void **state)
{
	(void)state;
	check_close_inside(IN_INVOCATION,
		"{\"type\":1,\"invocationId\":\"s\",\"target\":\"X\",\"arguments\":[1]}" SEPARATOR
		"{\"type\":1,\"target\":\"Y\",\"arguments\":[]}" SEPARATOR "{\"half",
		"X[1];");
	check_close_inside(IN_DONE,
		"{\"type\":3,\"invocationId\":\"2\",\"result\":[2]}" SEPARATOR
		"{\"type\":3,\"invocationId\":\"1\",\"result\":[1]}" SEPARATOR,
		"b:ok::[2];");
	check_close_inside(IN_DONE, "{\"type\":7,\"error\":\"x\"}" SEPARATOR, "a:closed:x:null;");
	check_close_inside(IN_CLOSE, "{\"type\":7}" SEPARATOR "{\"type\":6}" SEPARATOR,
		"a:closed::null;b:closed::null;");
	check_close_inside(IN_CLOSE, "nonsense" SEPARATOR,
		"a:closed:Error reading JSON.:null;b:closed:Error reading JSON.:null;");
}

static void test_close_inside_open(void **state)
{
	(void)state;
	close_inside = IN_OPEN;
	side_to_open(&plain);
	assert_null(client);
	assert_server_gets_record("{\"type\":6}");
	assert_server_gets_record("{\"type\":7}");
	assert_server_gets_close(1000);
	assert_server_sees_end();
	assert_int_equal(closes, 0);
}

/* From the timer, too. */
static void test_close_inside_timeout(void **state)
{
	(void)state;
	close_inside = IN_CLOSE;
	side_to_open(&(struct client_options){.server_timeout_us = 30000});
	turn_until(&closes, 1);
	assert_null(client);
	assert_int_equal(close_err, ERR_TIMEOUT);
}

static void call_inside(enum inside where)
{
	int err = client_send(client, BYTES_LIT("more"), &no_arguments);
	assert_int_equal(err, where == IN_DONE || where == IN_CLOSE ? ERR_CLOSED : 0);
	if (where == IN_OPEN || where == IN_INVOCATION) {
		side_call("inside");
	}
}

/* Calls made inside callbacks, and the end among them. */
static void test_call_inside(void **state)
{
	(void)state;
	on_heard = call_inside;
	side_to_open(&plain);
	server_record("{\"type\":1,\"target\":\"X\",\"arguments\":[]}");
	turns(3);
	assert_int_equal(client_calls(client), 2);
	server_record("{\"type\":7}");
	assert_closed(0, "", false);
	assert_heard("X[];inside:closed::null;inside:closed::null;");
}

/* No events at all are wanted. */
static void test_without_events(void **state)
{
	static const struct client_events none;
	struct client_options options = {.url = bytes_str(url), .skip_negotiation = true};
	(void)state;
	assert_int_equal(client_open(loop, pool, &options, &none, NULL, &client), 0);
	server_accept();
	server_say(upgrade_answer(server_request()));
	server_say("\r\n");
	server_record("{}");
	server_record("{\"type\":1,\"target\":\"X\",\"arguments\":[]}");
	for (int i = 0; i < 500 && !client_is_open(client); i++) {
		loop_turn(loop, 20);
	}
	assert_true(client_is_open(client));
	server_record("{\"type\":7}");
	for (int i = 0; i < 500 && client_is_open(client); i++) {
		loop_turn(loop, 20);
	}
	assert_false(client_is_open(client));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_hub_close),
		CLIENT_TEST(test_ws_close),
		CLIENT_TEST(test_peer_vanishes),
		CLIENT_TEST(test_goodbye),
		CLIENT_TEST(test_close_inside),
		CLIENT_TEST(test_close_inside_open),
		CLIENT_TEST(test_close_inside_timeout),
		CLIENT_TEST(test_call_inside),
		CLIENT_TEST(test_without_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
