/* A client over server-sent events. */
#include "tests/unit/client_http.h"

#define EVENTS_HEAD \
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct client_options sse = {.transport = CLIENT_TRANSPORT_SSE};

/* Bytes of the stream of events, as a chunk. */
static void server_stream(const char *text)
{
	char chunk[8192];
	int len = snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(text), text);
	server_use(DOWN);
	server_send(chunk, (size_t)len);
}

static void server_event(const char *record)
{
	char event[4096];
	snprintf(event, sizeof(event), "data: %s" SEPARATOR "\r\n\r\n", record);
	server_stream(event);
}

static void sse_to_answer(const struct client_options *options)
{
	side_start(options);
	server_offer(OFFER_ALL);
	server_accept();
	server_request();
}

static void sse_to_handshake(const struct client_options *options)
{
	sse_to_answer(options);
	server_say(EVENTS_HEAD);
	server_stream(":\r\n");
	server_takes_post(HANDSHAKE);
}

static void sse_to_open(const struct client_options *options)
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

/* ---- the way that works ---- */

static void test_start(void **state)
{
	char wanted[256];
	struct client_options options = sse;
	options.token = BYTES_LIT("a.b");
	(void)state;
	side_start(&options);
	server_offer(OFFER_ALL);
	server_accept();
	snprintf(wanted, sizeof(wanted),
		"GET /chathub?id=tok HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer a.b\r\n"
		"Accept: text/event-stream\r\nCache-Control: no-cache\r\n\r\n",
		url + 7);
	assert_string_equal(server_request(), wanted);
	assert_nobody_comes(); /* nothing is posted before the answer */
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
	server_gets_post(CALL("1", "a"));
	side_call("b");
	client_close(&client);
	server_gets_post(CALL("2", "b") "{\"type\":7}" SEPARATOR);
	server_hang_up_all();
	assert_nobody_lingers();
}

/* Where the server had closed the connection that was idle there is a new one for it. */
static void test_goodbye_connects(void **state)
{
	(void)state;
	sse_to_open(&sse);
	server_use(UP);
	server_hang_up(false);
	turns(5);
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
	server_use(UP);
	server_hang_up(false);
	turns(5);
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

static void check_inside(enum inside where, const char *wanted)
{
	close_inside = where;
	sse_to_open(&sse);
	if (client != NULL) {
		side_call("a");
		server_takes_post(CALL("1", "a"));
		server_stream("data: {\"type\":1,\"target\":\"X\",\"arguments\":[1]}" SEPARATOR
			      "{\"type\":3,\"invocationId\":\"1\",\"result\":1}" SEPARATOR "\n\n"
			      "data: {\"type\":7}" SEPARATOR "\n\n");
	}
	turns(8);
	assert_null(client);
	assert_heard(wanted);
	assert_int_equal(closes, where == IN_CLOSE ? 1 : 0);
	server_hang_up_all();
	assert_nobody_lingers();
	closes = 0;
}

static void test_close_inside(void **state)
{
	(void)state;
	check_inside(IN_OPEN, "");
	check_inside(IN_INVOCATION, "X[1];");
	check_inside(IN_DONE, "X[1];a:ok::1;");
	check_inside(IN_CLOSE, "X[1];a:ok::1;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(test_start),
		HTTP_TEST(test_events),
		HTTP_TEST(test_posts_gather),
		HTTP_TEST(test_long_posts),
		HTTP_TEST(test_posts_connect_again),
		HTTP_TEST(test_not_started),
		HTTP_TEST(test_post_refused),
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
