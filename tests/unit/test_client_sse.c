/* A client over server-sent events. */
#include "tests/unit/client_http.h"

static const struct client_options sse = {.transport = CLIENT_TRANSPORT_SSE};

/* ---- the way that works ---- */

static void test_start(void **state)
{
	(void)state;
	check_first_request(&sse, "GET /chathub?id=tok",
		"Accept: text/event-stream\r\nCache-Control: no-cache\r\n");
	server_dribble(EVENTS_HEAD, strlen(EVENTS_HEAD));
	server_gets_post(HANDSHAKE);
	assert_int_equal(opens, 0);
	server_event("{}");
	turn_until(&opens, 1);
	assert_int_equal(client_transport(client), CLIENT_TRANSPORT_SSE);
	server_use(UP);
	server_say(EMPTY_200);
	server_takes_post(PING);
	assert_nobody_comes();
}

static void test_events(void **state)
{
	(void)state;
	sse_to_open(&sse);
	server_event("{\"type\":1,\"target\":\"A\",\"arguments\":[1]}");
	assert_heard("A[1];");
	/* Two records in an event, a record over two events and over lines, comments between. */
	server_stream("data: {\"type\":1,\"target\":\"B\",\"arguments\":[2]}" SEPARATOR
		      "{\"type\":1,\"target\":\"C\",\"arguments\":[3]}" SEPARATOR "\n\n:x\n\n");
	server_stream(
		"data: {\"type\":1,\"target\":\n\ndata: \"D\",\ndata: \"arguments\":[4]}" SEPARATOR
		"\n\n");
	assert_heard("B[2];C[3];D[4];");
	const char *event =
		"data: {\"type\":1,\"target\":\"E\",\"arguments\":[5]}" SEPARATOR "\r\n\r\n";
	for (size_t i = 0; event[i] != '\0'; i++) {
		server_stream((char[]){event[i], '\0'});
	}
	assert_heard("E[5];");
	/* Other types are not for us. */
	server_stream("event: other\ndata: nonsense" SEPARATOR "\n\n");
	turns(3);
	assert_int_equal(closes, 0);
}

/* What is sent in one turn goes together, and what is sent meanwhile waits and goes together. */
static void test_posts_gather(void **state)
{
	(void)state;
	sse_to_open(&sse);
	side_call("a");
	side_call("b");
	server_gets_post(CALL("1", "a") CALL("2", "b"));
	side_call("c");
	turns(3);
	side_call("d");
	turns(3);
	server_use(UP);
	assert_int_equal(from_client.len, 0);
	server_say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
	server_takes_post(CALL("3", "c") CALL("4", "d"));
	assert_nobody_comes();
	server_event("{\"type\":3,\"invocationId\":\"4\",\"result\":4}");
	server_event("{\"type\":3,\"invocationId\":\"1\",\"result\":1}");
	assert_heard("d:ok::4;a:ok::1;");
}

/* Longer than what one POST carries. */
static void test_long_posts(void **state)
{
	struct value arguments;
	struct arena *arena = arena_create(0);
	char *text = mem_zalloc(70001);
	(void)state;
	memset(text, 'x', 70000);
	sse_to_open(&sse);
	arguments = value_array(arena, 1);
	value_add(&arguments, value_str(text));
	assert_int_equal(client_send(client, BYTES_LIT("T"), &arguments), 0);
	struct buf wanted = {0};
	buf_printf(&wanted, "{\"type\":1,\"target\":\"T\",\"arguments\":[\"%s\"]}" SEPARATOR, text);
	for (size_t at = 0; at < wanted.len; at += 32768) {
		size_t len = wanted.len - at < 32768 ? wanted.len - at : 32768;
		char *part = mem_dup_bytes(bytes_of(wanted.data + at, len));
		server_takes_post(part);
		free(part);
	}
	buf_finish(&wanted);
	arena_destroy(&arena);
	free(text);
}

/* The server may end a connection between two POSTs, said or unsaid. */
static void test_posts_connect_again(void **state)
{
	(void)state;
	sse_to_open(&sse);
	side_call("a");
	server_gets_post(CALL("1", "a"));
	server_say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	assert_let_go(UP);
	side_call("b");
	server_takes_post(CALL("2", "b"));
	turns(3);
	server_hang_up(false);
	turns(5);
	side_call("c");
	server_takes_post(CALL("3", "c"));
	assert_int_equal(closes, 0);
}

/* What nobody asked for costs the server that connection, and nothing else. */
static void test_unasked(void **state)
{
	(void)state;
	sse_to_open(&sse);
	server_use(UP);
	server_say(EMPTY_200);
	assert_let_go(UP);
	assert_int_equal(client_set_token(client, BYTES_LIT("new")), 0);
	side_call("a");
	server_accept();
	assert_non_null(strstr(server_request(), "\r\nAuthorization: Bearer new\r\n"));
	buf_clear(&from_client);
	server_say(EMPTY_200 EMPTY_200);
	assert_let_go(UP);
	side_call("b");
	server_takes_post(CALL("2", "b"));
	assert_int_equal(closes, 0);
}

/* A server that wants answers but takes none does not make us hold them for ever. */
static void test_takes_no_answers(void **state)
{
	static const char ask[] = "{\"type\":1,\"invocationId\":\"s\",\"target\":\"X\","
				  "\"arguments\":[]}";
	struct client_options options = sse;
	(void)state;
	options.max_queued = 1000;
	sse_to_open(&options);
	side_call("a");
	server_gets_post(CALL("1", "a"));
	for (int i = 0; i < 2000 && closes == 0; i++) {
		server_event(ask);
	}
	assert_closed(ERR_CLOSED, "the server takes no answers", false);
	assert_true(heard.len >= 5 * 65536 / 90 && heard.len < 5 * 2000);
}

/* ---- what is refused ---- */

static void test_not_started(void **state)
{
	static const struct {
		const char *answer;
		int err;
		const char *text;
	} rows[] = {
		{"HTTP/1.1 404 x\r\n\r\n", ERR_NOT_FOUND, "the server answered 404 Not Found"},
		{"HTTP/1.1 401 x\r\nContent-Length: 2\r\n\r\nno", ERR_UNAUTHORIZED,
			"the server answered 401 Unauthorized"},
		{"HTTP/1.1 409 x\r\n\r\n", ERR_UNREACHABLE, "the server answered 409 Conflict"},
		{"HTTP/1.1 500 x\r\n\r\n", ERR_UNAVAILABLE,
			"the server answered 500 Internal Server Error"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ERR_UNREACHABLE,
			"what answers there is no SignalR server"},
		{"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", ERR_UNREACHABLE,
			"what answers there is no SignalR server"},
		{"HTTP/1.1 204 OK\r\nContent-Type: text/event-stream\r\n\r\n", ERR_UNREACHABLE,
			"what answers there is no SignalR server"},
		{"HTTP/1.1 101 x\r\n\r\n", ERR_UNREACHABLE,
			"what answers there is no SignalR server"},
		{"nonsense\r\n\r\n", ERR_UNREACHABLE, "what answers there speaks no HTTP"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sse_to_answer(&sse);
		server_say(rows[i].answer);
		assert_closed(rows[i].err, rows[i].text, false);
		assert_let_go(DOWN);
		client_close(&client);
		closes = 0;
	}
	sse_to_answer(&sse);
	server_hang_up(false);
	assert_closed(
		ERR_UNREACHABLE, "the connection was lost before the server had answered", false);
}

static void test_post_refused(void **state)
{
	static const struct {
		const char *answer;
		int err;
		const char *text;
	} rows[] = {
		{"HTTP/1.1 404 x\r\n\r\n", ERR_CLOSED, "the server answered 404 Not Found"},
		{"HTTP/1.1 401 x\r\n\r\n", ERR_UNAUTHORIZED,
			"the server answered 401 Unauthorized"},
		{"HTTP/1.1 413 x\r\n\r\n", ERR_UNREACHABLE,
			"the server answered 413 Content Too Large"},
		{"HTTP/1.1 503 x\r\n\r\n", ERR_UNAVAILABLE,
			"the server answered 503 Service Unavailable"},
		{"HTTP/1.1 x\r\n\r\n", ERR_BAD_REQUEST, "what answers there speaks no HTTP"},
		{"", ERR_CLOSED, "the connection was lost"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char answered[128];
		sse_to_open(&sse);
		side_call("a");
		server_gets_post(CALL("1", "a"));
		server_say(rows[i].answer);
		if (rows[i].answer[0] == '\0') {
			server_hang_up(false);
		}
		assert_closed(rows[i].err, rows[i].text, false);
		snprintf(answered, sizeof(answered), "a:closed:%s:null;", rows[i].text);
		assert_heard(answered);
		assert_let_go(DOWN);
		server_use(UP);
		server_hang_up(false);
		client_close(&client);
		closes = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(test_start),
		HTTP_TEST(test_events),
		HTTP_TEST(test_posts_gather),
		HTTP_TEST(test_long_posts),
		HTTP_TEST(test_posts_connect_again),
		HTTP_TEST(test_unasked),
		HTTP_TEST(test_takes_no_answers),
		HTTP_TEST(test_not_started),
		HTTP_TEST(test_post_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
