/* How a client over server-sent events ends: by the server, by loss, and by its owner. */
#include "tests/unit/client_http.h"

static const struct client_options sse = {.transport = CLIENT_TRANSPORT_SSE};

/* ---- ends ---- */

static void check_end(const char *stream, bool hang_up, int err, const char *text, bool again)
{
	sse_to_open(&sse);
	server_use(DOWN);
	server_say(stream);
	if (hang_up) {
		server_hang_up(false);
	}
	assert_closed(err, text, again);
	if (!hang_up) {
		assert_let_go(DOWN);
	}
	assert_let_go(UP);
	client_close(&client);
	closes = 0;
}

static void test_ends(void **state)
{
	(void)state;
	check_end("2e\r\ndata: {\"type\":7,\"allowReconnect\":true}\x1e\r\n\r\n\r\n0\r\n\r\n",
		false, 0, "", true);
	check_end("23\r\ndata: {\"type\":7,\"error\":\"bad\"}\x1e\r\n\r\n\r\n", false,
		ERR_UNAVAILABLE, "bad", false);
	check_end("0\r\n\r\n", false, ERR_CLOSED, "the stream of events has ended", false);
	check_end("", true, ERR_CLOSED, "the connection was lost", false);
	check_end("5\r\ndata:", true, ERR_CLOSED, "the connection was lost", false);
	check_end("zz\r\n", false, ERR_BAD_REQUEST, "what answers there speaks no HTTP", false);
	check_end(
		"d\r\ndata: bad\x1e\n\n\r\n", false, ERR_BAD_REQUEST, "Error reading JSON.", false);
}

/* Until the server closes: HTTP/1.0, or without a length. */
static void test_until_close(void **state)
{
	(void)state;
	sse_to_answer(&sse);
	server_say("HTTP/1.1 200 OK\r\ncontent-type: Text/Event-Stream; charset=utf-8\r\n\r\n");
	server_takes_post(HANDSHAKE);
	server_use(DOWN);
	server_say("data: {}" SEPARATOR "\n\n");
	turn_until(&opens, 1);
	server_hang_up(false);
	assert_closed(ERR_CLOSED, "the stream of events has ended", false);
}

static void test_too_large(void **state)
{
	struct client_options options = sse;
	char *much = mem_zalloc(300000);
	(void)state;
	options.max_message = 1000;
	memset(much, 'x', 299999);
	sse_to_open(&options);
	server_use(DOWN);
	server_say("500000\r\ndata: ");
	for (int i = 0; i < 300 && closes == 0; i++) {
		ssize_t n = send(peer, much, 10000, MSG_NOSIGNAL);
		assert_true(n > 0 || errno == EAGAIN);
		turns(1);
	}
	assert_closed(ERR_TOO_LARGE, "the server sent too long a message", false);
	free(much);
}

static void test_goodbye(void **state)
{
	(void)state;
	sse_to_open(&sse);
	side_call("a");
	client_close(&client);
	server_gets_post(CALL("1", "a") "{\"type\":7}" SEPARATOR);
	server_use(DOWN);
	assert_true(server_read()); /* the server ends the events, which shows it was in order */
	assert_int_equal(stream_pool_lingering(pool), 2);
	server_event("{\"type\":7}");
	server_hang_up(false);
	server_use(UP);
	server_say(EMPTY_200);
	server_hang_up(false);
	assert_nobody_lingers();
	assert_int_equal(heard.len + (size_t)closes, 0);
	assert_nobody_comes();
}

/* Behind a POST that is under way. */
static void test_goodbye_waits(void **state)
{
	(void)state;
	sse_to_open(&sse);
	side_call("a");
	assert_null(strstr(server_gets_post(CALL("1", "a")), "Connection"));
	side_call("b");
	client_close(&client);
	const char *head = server_gets_post(CALL("2", "b") "{\"type\":7}" SEPARATOR);
	assert_non_null(strstr(head, "\r\nConnection: close\r\n"));
	server_hang_up_all();
	assert_nobody_lingers();
}

/* Where the server had closed the connection that was idle there is a new one for it. */
static void test_goodbye_connects(void **state)
{
	(void)state;
	sse_to_open(&sse);
	server_drops_idle();
	client_close(&client);
	assert_int_equal(stream_pool_lingering(pool), 2);
	server_gets_post("{\"type\":7}" SEPARATOR);
	assert_int_equal(stream_pool_lingering(pool), 2);
	server_hang_up_all();
	assert_nobody_lingers();
}

/* Before anybody took what was to be said. */
static void test_goodbye_to_nobody(void **state)
{
	(void)state;
	sse_to_open(&sse);
	server_drops_idle();
	close(listener);
	listener = -1;
	client_close(&client);
	server_hang_up_all();
	assert_nobody_lingers();
}

static void test_silence_and_pings(void **state)
{
	struct client_options options = sse;
	(void)state;
	options.keepalive_us = 30000;
	options.server_timeout_us = 500000;
	sse_to_open(&options);
	for (int i = 0; i < 4; i++) {
		server_takes_post(PING);
		server_stream(":\n");
	}
	server_use(DOWN);
	assert_closed(ERR_TIMEOUT, "the server has fallen silent", false);
}

static void test_post_unanswered(void **state)
{
	struct client_options options = sse;
	(void)state;
	options.request_timeout_us = 150000;
	sse_to_open(&options);
	side_call("a");
	server_gets_post(CALL("1", "a"));
	assert_closed(ERR_TIMEOUT, "the server does not answer", false);
}

static void test_busy(void **state)
{
	const struct value none = {.kind = VALUE_ARRAY};
	struct client_options options = sse;
	(void)state;
	options.max_queued = 120;
	sse_to_open(&options);
	side_call("a");
	assert_int_equal(client_send(client, BYTES_LIT("b"), &none), 0);
	server_gets_post(CALL("1", "a") "{\"type\":1,\"target\":\"b\",\"arguments\":[]}" SEPARATOR);
	/* What no answer has acknowledged counts. */
	assert_int_equal(client_send(client, BYTES_LIT("c"), &none), ERR_BUSY);
	server_say(EMPTY_200);
	turns(5);
	assert_int_equal(client_send(client, BYTES_LIT("c"), &none), 0);
}

/* ---- the owner closes inside callbacks ---- */

static void answer_and_close(void)
{
	server_stream("data: {\"type\":1,\"target\":\"X\",\"arguments\":[1]}" SEPARATOR
		      "{\"type\":3,\"invocationId\":\"1\",\"result\":1}" SEPARATOR "\n\n"
		      "data: {\"type\":7}" SEPARATOR "\n\n");
}

static void test_close_inside(void **state)
{
	(void)state;
	check_close_inside(sse_to_open, &sse, answer_and_close);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(test_ends),
		HTTP_TEST(test_until_close),
		HTTP_TEST(test_too_large),
		HTTP_TEST(test_goodbye),
		HTTP_TEST(test_goodbye_waits),
		HTTP_TEST(test_goodbye_connects),
		HTTP_TEST(test_goodbye_to_nobody),
		HTTP_TEST(test_silence_and_pings),
		HTTP_TEST(test_post_unanswered),
		HTTP_TEST(test_busy),
		HTTP_TEST(test_close_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
