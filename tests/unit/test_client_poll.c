/* A client over long polling. */
#include "tests/unit/client_http.h"

static const struct client_options polling = {.transport = CLIENT_TRANSPORT_LONGPOLLING};

/* The next poll, on DOWN; not answered. */
static void server_gets_poll(unsigned number)
{
	char start[64];
	server_use(DOWN);
	if (peer < 0) {
		server_accept();
	}
	snprintf(start, sizeof(start), "GET /chathub?id=tok&_=%u HTTP/1.1\r\n", number);
	assert_starts(server_request(), start);
	assert_int_equal(from_client.len, 0);
}

static void server_answers(const char *body)
{
	char answer[8192];
	int len = snprintf(answer, sizeof(answer),
		"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
		"Cache-Control: no-cache, no-store\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(body), body);
	server_use(DOWN);
	server_send(answer, (size_t)len);
}

static void poll_to_first(const struct client_options *options)
{
	side_start(options);
	server_offer(OFFER_ALL);
	server_gets_poll(1);
}

static void poll_to_handshake(const struct client_options *options)
{
	poll_to_first(options);
	server_say(EMPTY_200);
	server_gets_poll(2);
	server_takes_post(HANDSHAKE);
}

/* The third poll is under way. */
static void poll_to_open(const struct client_options *options)
{
	int before = opens;
	poll_to_handshake(options);
	server_answers("{}" SEPARATOR);
	turn_until(&opens, before + 1);
	if (client != NULL) {
		server_gets_poll(3);
	}
}

/* ---- the way that works ---- */

static void test_start(void **state)
{
	(void)state;
	check_first_request(&polling, "GET /chathub?id=tok&_=1", "");
	server_say(EMPTY_200);
	server_gets_poll(2);
	server_takes_post(HANDSHAKE);
	assert_int_equal(opens, 0);
	server_answers("{}" SEPARATOR);
	turn_until(&opens, 1);
	assert_int_equal(client_transport(client), CLIENT_TRANSPORT_LONGPOLLING);
	server_gets_poll(3);
	assert_nobody_comes(); /* and no ping goes */
	server_use(UP);
	assert_int_equal(from_client.len, 0);
}

static void test_records(void **state)
{
	(void)state;
	poll_to_open(&polling);
	/* Two records in an answer, a record over two of them, an empty one, one in chunks. */
	server_answers("{\"type\":1,\"target\":\"A\",\"arguments\":[1]}" SEPARATOR
		       "{\"type\":1,\"target\":\"B\",\"arguments\":[2]}" SEPARATOR "{\"type\":1,");
	server_gets_poll(4);
	assert_heard("A[1];B[2];");
	server_say(EMPTY_200);
	server_gets_poll(5);
	server_answers("\"target\":\"C\",\"arguments\":[3]}" SEPARATOR);
	server_gets_poll(6);
	assert_heard("C[3];");
	const char *chunked =
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"typ\r\n"
		"24;x\r\ne\":1,\"target\":\"D\",\"arguments\":[4]} \x1e\r\n0\r\nT: t\r\n\r\n";
	server_dribble(chunked, strlen(chunked));
	server_gets_poll(7);
	assert_heard("D[4];");
	assert_int_equal(closes, 0);
}

static void test_calls(void **state)
{
	(void)state;
	poll_to_open(&polling);
	side_call("a");
	side_call("b");
	server_gets_post(CALL("1", "a") CALL("2", "b"));
	server_answers("{\"type\":3,\"invocationId\":\"2\",\"result\":2}" SEPARATOR);
	server_gets_poll(4);
	assert_heard("b:ok::2;");
	side_call("c");
	turns(3);
	server_use(UP);
	assert_int_equal(from_client.len, 0);
	server_say(EMPTY_200);
	server_takes_post(CALL("3", "c"));
	server_answers("{\"type\":3,\"invocationId\":\"1\",\"result\":1}" SEPARATOR
		       "{\"type\":3,\"invocationId\":\"3\",\"result\":3}" SEPARATOR);
	assert_heard("a:ok::1;c:ok::3;");
}

/* Polls go on over another connection where the server closes one. */
static void test_connects_again(void **state)
{
	(void)state;
	poll_to_open(&polling);
	server_say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	assert_let_go(DOWN);
	server_gets_poll(4);
	server_say(
		"HTTP/1.0 200 OK\r\n\r\n{\"type\":1,\"target\":\"A\",\"arguments\":[1]}" SEPARATOR);
	server_hang_up(false);
	server_gets_poll(5);
	assert_heard("A[1];");
}

/* ---- ends ---- */

static void check_first(const char *answer, int err, const char *text)
{
	poll_to_first(&polling);
	server_say(answer);
	if (answer[0] == '\0') {
		server_hang_up(false);
	}
	assert_closed(err, text, false);
	assert_int_equal(opens, 0);
	client_close(&client);
	server_hang_up_all();
	assert_nobody_comes();
	closes = 0;
}

static void test_not_started(void **state)
{
	(void)state;
	check_first("HTTP/1.1 404 x\r\n\r\n", ERR_NOT_FOUND, "the server answered 404 Not Found");
	check_first(
		"HTTP/1.1 401 x\r\n\r\n", ERR_UNAUTHORIZED, "the server answered 401 Unauthorized");
	check_first("HTTP/1.1 204 x\r\n\r\n", ERR_CLOSED, "the server ended the connection");
	check_first("HTTP/1.1 202 x\r\n\r\n", ERR_UNREACHABLE,
		"what answers there is no SignalR server");
	check_first("HTTP/1.1 200 x\r\nContent-Length: 3\r\n\r\n{}\x1e", ERR_BAD_REQUEST,
		"the server sent a message before the handshake");
	check_first("SSH-2.0\r\n\r\n", ERR_UNREACHABLE, "what answers there speaks no HTTP");
	check_first("", ERR_UNREACHABLE, "the connection was lost before the server had answered");
}

static void check_end(const char *answer, int err, const char *text)
{
	char answered[128];
	poll_to_open(&polling);
	side_call("a");
	server_takes_post(CALL("1", "a"));
	server_use(DOWN);
	server_say(answer);
	if (answer[0] == '\0' || strstr(answer, ": 99") != NULL) {
		server_hang_up(false);
	}
	assert_closed(err, text, false);
	snprintf(answered, sizeof(answered), "a:closed:%s:null;", text);
	assert_heard(answered);
	assert_let_go(UP);
	client_close(&client);
	server_hang_up_all();
	assert_nobody_lingers();
	closes = 0;
}

static void test_ends(void **state)
{
	(void)state;
	check_end("HTTP/1.1 204 x\r\n\r\n", ERR_CLOSED, "the server ended the connection");
	check_end("HTTP/1.1 404 x\r\n\r\n", ERR_CLOSED, "the server answered 404 Not Found");
	check_end(
		"HTTP/1.1 401 x\r\n\r\n", ERR_UNAUTHORIZED, "the server answered 401 Unauthorized");
	check_end("HTTP/1.1 500 x\r\n\r\n", ERR_UNAVAILABLE,
		"the server answered 500 Internal Server Error");
	check_end("HTTP/1.1 200 x\r\nContent-Length: 99\r\n\r\n{", ERR_CLOSED,
		"the connection was lost");
	check_end("HTTP/1.1 200 x\r\nContent-Length: x\r\n\r\n", ERR_BAD_REQUEST,
		"what answers there speaks no HTTP");
	check_end("", ERR_CLOSED, "the connection was lost");
}

/* The server goes while the answer is read: the next poll finds nobody. */
static void test_gone_between_polls(void **state)
{
	(void)state;
	poll_to_open(&polling);
	close(listener);
	listener = -1;
	server_say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	assert_closed(ERR_CLOSED, "the connection was lost", false);
}

static void server_gets_delete(void)
{
	const char *head = server_request();
	assert_starts(head, "DELETE /chathub?id=tok HTTP/1.1\r\n");
	assert_non_null(strstr(head, "\r\nConnection: close\r\n"));
}

static void test_hub_close(void **state)
{
	(void)state;
	poll_to_open(&polling);
	server_answers("{\"type\":7,\"error\":\"bad\",\"allowReconnect\":true}" SEPARATOR);
	assert_closed(ERR_UNAVAILABLE, "bad", true);
	server_use(UP);
	server_gets_delete();
	assert_let_go(DOWN); /* without another poll */
	server_hang_up_all();
	assert_nobody_lingers();
}

static void test_goodbye(void **state)
{
	(void)state;
	poll_to_open(&polling);
	side_call("a");
	server_gets_post(CALL("1", "a"));
	side_call("b");
	client_close(&client);
	assert_let_go(DOWN);
	server_gets_post(CALL("2", "b") "{\"type\":7}" SEPARATOR);
	server_gets_delete();
	assert_int_equal(stream_pool_lingering(pool), 1);
	server_say(EMPTY_200 EMPTY_200 "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
	server_hang_up(false);
	assert_nobody_lingers();
	assert_int_equal(heard.len + (size_t)closes, 0);
	assert_nobody_comes();
}

/* Where the connection for POST was closed, or is only being made. */
static void test_goodbye_connects(void **state)
{
	(void)state;
	poll_to_open(&polling);
	server_drops_idle();
	side_call("a");
	loop_turn(loop, 0);
	client_close(&client);
	server_gets_post(CALL("1", "a"));
	server_gets_post("{\"type\":7}" SEPARATOR);
	server_gets_delete();
	server_hang_up_all();
	assert_nobody_lingers();
}

/* While the connection for a POST is only being made: the backlog is full. */
static void test_goodbye_while_connecting(void **state)
{
	int fillers[16];
	struct sockaddr_in at;
	socklen_t size = sizeof(at);
	(void)state;
	poll_to_open(&polling);
	server_drops_idle();
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	for (size_t i = 0; i < 16; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fillers[i], (struct sockaddr *)&at, size);
	}
	usleep(20000);
	side_call("a");
	turns(2);
	client_close(&client);
	assert_int_equal(stream_pool_lingering(pool), 1);
	for (size_t i = 0; i < 16; i++) {
		close(fillers[i]);
	}
	assert_int_equal(listen(listener, 32), 0);
	do { /* those that were there already have nothing to say */
		server_accept();
		for (int i = 0; i < 5 && from_client.len == 0 && server_read(); i++) {
		}
	} while (from_client.len == 0);
	server_gets_post(CALL("1", "a"));
	server_gets_post("{\"type\":7}" SEPARATOR);
	server_gets_delete();
	server_hang_up_all();
	assert_nobody_lingers();
}

/* A pool that goes takes farewells with it. */
static void test_goodbye_cut(void **state)
{
	(void)state;
	poll_to_open(&polling);
	server_drops_idle();
	client_close(&client);
	assert_int_equal(stream_pool_lingering(pool), 1);
}

static void test_poll_unanswered(void **state)
{
	struct client_options options = polling;
	(void)state;
	options.request_timeout_us = 150000;
	poll_to_open(&options);
	assert_closed(ERR_TIMEOUT, "the server does not answer", false);
}

/* Neither pings nor silence end it: the polls show that both are there. */
static void test_no_keepalive(void **state)
{
	struct client_options options = polling;
	(void)state;
	options.keepalive_us = 10000;
	options.server_timeout_us = 20000;
	poll_to_open(&options);
	for (int i = 0; i < 10; i++) {
		usleep(10000);
		turns(2);
	}
	server_use(UP);
	assert_true(server_read());
	assert_int_equal(from_client.len, 0);
	assert_int_equal(closes, 0);
}

/* What is asked for with another token from now on. */
static void test_new_token(void **state)
{
	struct client_options options = polling;
	options.token = BYTES_LIT("old");
	(void)state;
	side_start(&options);
	assert_int_equal(client_set_token(client, BYTES_LIT("new")), ERR_CLOSED);
	client_close(&client);
	server_use(DOWN);
	server_accept();
	server_hang_up(false);
	poll_to_open(&options);
	assert_int_equal(client_set_token(client, BYTES_LIT("new")), 0);
	assert_int_equal(client_set_token(client, BYTES_LIT("n w")), ERR_USAGE);
	assert_int_equal(client_set_token(client, BYTES_NONE), ERR_USAGE);
	side_call("a");
	server_use(UP);
	assert_non_null(strstr(server_request(), "\r\nAuthorization: Bearer new\r\n"));
	server_use(DOWN);
	server_say(EMPTY_200);
	assert_non_null(strstr(server_request(), "\r\nAuthorization: Bearer new\r\n"));
}

static void test_breach(void **state)
{
	(void)state;
	poll_to_open(&polling);
	server_answers("nonsense" SEPARATOR);
	assert_closed(ERR_BAD_REQUEST, "Error reading JSON.", false);
	server_use(UP);
	server_gets_delete();
}

/* ---- the owner closes inside callbacks ---- */

static void answer_and_close(void)
{
	server_answers("{\"type\":1,\"target\":\"X\",\"arguments\":[1]}" SEPARATOR
		       "{\"type\":3,\"invocationId\":\"1\",\"result\":1}" SEPARATOR
		       "{\"type\":7}" SEPARATOR);
}

static void test_close_inside(void **state)
{
	(void)state;
	check_close_inside(poll_to_open, &polling, answer_and_close);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(test_start),
		HTTP_TEST(test_records),
		HTTP_TEST(test_calls),
		HTTP_TEST(test_connects_again),
		HTTP_TEST(test_not_started),
		HTTP_TEST(test_ends),
		HTTP_TEST(test_gone_between_polls),
		HTTP_TEST(test_hub_close),
		HTTP_TEST(test_goodbye),
		HTTP_TEST(test_goodbye_connects),
		HTTP_TEST(test_goodbye_while_connecting),
		HTTP_TEST(test_goodbye_cut),
		HTTP_TEST(test_poll_unanswered),
		HTTP_TEST(test_no_keepalive),
		HTTP_TEST(test_new_token),
		HTTP_TEST(test_breach),
		HTTP_TEST(test_close_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
