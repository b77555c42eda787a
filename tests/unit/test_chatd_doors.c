/* What the hub's routes answer: negotiate, refresh, and the requests of each transport that come at
 * the wrong time, for the wrong connection, or in the wrong form. */
#include "chatd/auth/bars.h"
#include "chatd/auth/limits.h"
#include "chatd/conn/claims.h"
#include "tests/unit/doors.h"

#define REFRESH "[auth]\nrefresh_endpoint = true\n"
#define HANDSHAKE "{\"protocol\":\"json\",\"version\":1}\x1e"
#define UPGRADE \
	"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define EVENTS "Accept: text/event-stream\r\n"
#define GONE "No Connection with that ID"
#define HEADERS_MAX 1024

static const char *with(const char *header, const char *more)
{
	static char headers[HEADERS_MAX];
	snprintf(headers, sizeof(headers), "%s%s", header, more);
	return headers;
}

/* A request of alice to that connection. start: "METHOD /path". */
static const char *ask(struct doors *doors, int fd, const char *start,
	const struct conn_token *token, const char *body)
{
	return doors_ask(doors, fd, doors_line(doors, start, token), doors->alice, body);
}

/* What opens a transport is answered so, whichever of them it is. */
static void expect_openings(
	struct doors *doors, int fd, const struct conn_token *token, int status, const char *end)
{
	const char *line = doors_line(doors, "GET " HUB, token);
	expect_answer(doors_ask(doors, fd, line, doors->alice, NULL), status, end);
	expect_answer(doors_ask(doors, fd, line, with(doors->alice, EVENTS), NULL), status, end);
	expect_answer(doors_ask(doors, fd, line, with(doors->alice, UPGRADE), NULL), status, end);
}

/* ---- negotiate ---- */

static void test_negotiate_versions(void **state)
{
	static const struct {
		const char *text, *answer;
	} rows[] = {
		{"-1", "{\"error\":\"The client requested version '-1', but the server does not "
		       "support this version.\"}"},
		{"-2147483648", "{\"error\":\"The client requested version '-2147483648', but the "
				"server does not support this version.\"}"},
		{"-2147483649", "{\"error\":\"The client requested a non-integer protocol "
				"version.\"}"},
		{"2147483648", "{\"error\":\"The client requested a non-integer protocol "
			       "version.\"}"},
		{"%2B-1", "{\"error\":\"The client requested a non-integer protocol version.\"}"},
		{"%2B", "{\"error\":\"The client requested a non-integer protocol version.\"}"},
		{"", "{\"error\":\"The client requested a non-integer protocol version.\"}"},
		{"%2B1", "[\"Text\",\"Binary\"]}]}"},
		{"2147483647", "[\"Text\",\"Binary\"]}]}"},
	};
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	int fd = doors_connect(&doors, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[128];
		snprintf(line, sizeof(line), "POST " HUB "/negotiate?negotiateVersion=%s",
			rows[i].text);
		expect_answer(doors_ask(&doors, fd, line, doors.alice, ""), 200, rows[i].answer);
	}
	expect_answer(doors_ask(&doors, fd, "GET " HUB "/negotiate", doors.alice, NULL), 405, "");
	doors_close(&doors);
}

static void test_paths(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	int fd = doors_connect(&doors, 0);
	expect_answer(doors_ask(&doors, fd, "POST /CHATHUB/Negotiate/", doors.alice, ""), 200, "}");
	expect_answer(
		doors_ask(&doors, fd, "POST " HUB "/negotiate", doors.alice, "body"), 200, "}");
	expect_answer(doors_ask(&doors, fd, "GET /other", doors.alice, NULL), 404, "elsewhere");
	expect_answer(doors_ask(&doors, fd, "GET " HUB, NULL, NULL), 401, "");
	expect_answer(doors_ask(&doors, fd, "GET " HUB "x", doors.alice, NULL), 404, "elsewhere");
	expect_answer(doors_ask(&doors, fd, "GET " HUB "//", doors.alice, NULL), 404, "elsewhere");
	expect_answer(doors_ask(&doors, fd, "GET " HUB "/negotiates", doors.alice, NULL), 404,
		"elsewhere");
	expect_answer(doors_ask(&doors, fd, "PUT " HUB, doors.alice, NULL), 405, "");
	expect_answer(doors_ask(&doors, fd, "POST " HUB "?id=x", NULL, "body"), 401, "");
	doors_close(&doors);
}

/* ---- ids ---- */

/* Ids of other processes and of workers that do not exist are nobody's, on each transport. */
static void test_foreign_ids(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		struct doors doors;
		doors_open(&doors, "");
		struct conn_token token = doors_id(kind == 0 ? DOORS_WORKERS : 0);
		token.incarnation += kind == 1 ? 1 : 0;
		int fd = doors_connect(&doors, 0);
		expect_openings(&doors, fd, &token, 404, GONE);
		expect_answer(ask(&doors, fd, "POST " HUB, &token, NULL), 404, GONE);
		expect_answer(ask(&doors, fd, "DELETE " HUB, &token, NULL), 404, GONE);
		doors_close(&doors);
	}
}

/* One that is too old to begin with. */
static void test_stale_ids(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	struct conn_token token = doors_id(0);
	token.issued_ms -= 3600000;
	int fd = doors_connect(&doors, 0);
	expect_openings(&doors, fd, &token, 404, GONE);
	expect_answer(ask(&doors, fd, "DELETE " HUB, &token, NULL), 404, GONE);
	expect_answer(ask(&doors, fd, "POST " HUB, &token, "x"), 404, GONE);
	doors_close(&doors);
}

/* The worker whose id it is has closed its door already: the socket that was moved there ends. */
static void test_moved_to_a_closed_door(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	struct conn_token token = doors_id(1);
	int fd = doors_connect(&doors, 0);
	http_server_destroy(&doors.hub.sv[1].http);
	assert_string_equal(ask(&doors, fd, "GET " HUB, &token, NULL), "");
	char byte;
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	doors_close(&doors);
}

/* ---- the wrong form ---- */

static void test_no_body_where_the_stream_is_given_away(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	struct conn_token token = doors_id(0);
	const char *line = doors_line(&doors, "GET " HUB, &token);
	int fd = doors_connect(&doors, 0);
	expect_answer(doors_ask(&doors, fd, line, with(doors.alice, EVENTS), "x"), 400,
		"A request for events has no body and is not half closed");
	assert_null(claims_find(doors.hub.sv[0].claims, &token.id)); /* it may come again */
	fd = doors_connect(&doors, 0);
	expect_answer(doors_ask(&doors, fd, line, with(doors.alice, UPGRADE), "x"), 400,
		"An upgrade carries no body");
	assert_int_equal(claims_find(doors.hub.sv[0].claims, &token.id)->state, CLAIM_ENDED);
	fd = doors_connect(&doors, 0);
	expect_answer(doors_ask(&doors, fd, "GET " HUB, with(doors.alice, UPGRADE), "x"), 400,
		"An upgrade carries no body");
	assert_int_equal(limits_connections(doors.hub.limits), 0); /* the places were given back */
	doors_close(&doors);
}

static void test_encoded_body(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	struct conn_token token = doors_id(0);
	int fd = doors_connect(&doors, 0);
	const char *line = doors_line(&doors, "POST " HUB, &token);
	const char *answer = doors_ask(
		&doors, fd, line, with(doors.alice, "Content-Encoding: gzip\r\n"), HANDSHAKE);
	assert_non_null(strstr(answer, "\r\nAccept-Encoding: identity\r\n"));
	expect_answer(answer, 415, "Bodies with a Content-Encoding are not taken");
	doors_close(&doors);
}

/* ---- POSTs before their transport, and after it ---- */

/* What came early ends the connection before its socket's own bytes are looked at. */
static void test_bad_early_bytes(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	struct conn_token token = doors_id(0);
	int fd = doors_connect(&doors, 0);
	expect_answer(ask(&doors, fd, "POST " HUB, &token, "nonsense\x1e"), 200, "\r\n\r\n");
	const char *line = doors_line(&doors, "GET " HUB, &token);
	char request[HEADERS_MAX];
	snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: h\r\n%s" UPGRADE "\r\n%s", line,
		doors.alice, "\x89\x80mask");
	doors_put(fd, request);
	const char *answer = doors_read(&doors, fd);
	assert_non_null(strstr(answer, "HTTP/1.1 101 "));
	assert_null(memchr(answer, 0x8a, doors.got.len)); /* no pong */
	assert_int_equal(limits_connections(doors.hub.limits), 0);
	assert_null(conns_find(doors.hub.sv[0].conns, &token.id));
	doors_close(&doors);
}

/* Together they may hold 1 MiB: a body that is longer than what is left of it is refused. */
static void test_no_room_for_early_bytes(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, "[limits]\nsend_memory = 1MiB\n");
	const size_t len = 60000;
	char *body = mem_zalloc(len + 1);
	memset(body, 'b', len);
	unsigned taken = 0, refused = 0;
	for (unsigned i = 0; i < 20; i++) {
		struct conn_token token = doors_id(0);
		int fd = doors_connect(&doors, 0);
		bool good = strncmp(ask(&doors, fd, "POST " HUB, &token, body), "HTTP/1.1 200 ",
				    13) == 0;
		taken += good ? 1 : 0;
		refused += good ? 0 : 1;
		if (!good) {
			expect_answer(buf_cstr(&doors.got), 503,
				"Too much is waiting for connections that are not there yet");
		}
		doors_hang_up(&doors);
	}
	assert_int_equal(taken, 17); /* 17 times 60,000 and their cost */
	assert_int_equal(refused, 3);
	/* When nothing is left, not even an empty one is taken. */
	for (refused = 0; refused == 0 && taken < 1000; taken++) {
		struct conn_token token = doors_id(0);
		int fd = doors_connect(&doors, 0);
		refused =
			strncmp(ask(&doors, fd, "POST " HUB, &token, ""), "HTTP/1.1 503 ", 13) == 0;
		doors_hang_up(&doors);
	}
	assert_int_equal(refused, 1);
	free(body);
	doors_close(&doors);
}

/* ---- no place ---- */

static void test_draining(void **state)
{
	static const char text[] = "The server is shutting down";
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	struct conn_token token = doors_id(0);
	int fd = doors_connect(&doors, 0);
	doors.hub.sv[0].draining = true;
	expect_openings(&doors, fd, &token, 503, text);
	expect_answer(doors_ask(&doors, fd, "POST " HUB "/negotiate", doors.alice, ""), 503, text);
	doors_close(&doors);
}

static void test_full(void **state)
{
	static const char text[] = "Too many connections (server.max_connections)";
	struct doors doors;
	(void)state;
	doors_open(&doors, "[server]\nmax_connections = 1\n");
	struct conn_token first = doors_id(0), token = doors_id(0);
	const char *line = doors_line(&doors, "GET " HUB, &first);
	int events = doors_connect(&doors, 0);
	expect_answer(
		doors_ask(&doors, events, line, with(doors.alice, EVENTS), NULL), 200, ":\r\n");
	int fd = doors_connect(&doors, 0);
	expect_openings(&doors, fd, &token, 503, text);
	expect_answer(
		doors_ask(&doors, fd, "GET " HUB, with(doors.alice, UPGRADE), NULL), 503, text);
	expect_answer(doors_ask(&doors, fd, "POST " HUB "/negotiate", doors.alice, ""), 503, text);
	doors_close(&doors);
}

/* ---- refresh ---- */

/* A connection of alice at worker 1, as polls. */
static struct conn *start_polls(struct doors *doors, const struct conn_token *token)
{
	int fd = doors_connect(doors, 1);
	expect_answer(ask(doors, fd, "GET " HUB, token, NULL), 200, "\r\n\r\n");
	struct conn *conn = conns_find(doors->hub.sv[1].conns, &token->id);
	assert_non_null(conn);
	return conn;
}

static void test_refresh(void **state)
{
	static const char unknown[] = "{\"error\":\"connection_not_found\"}";
	struct doors doors;
	(void)state;
	doors_open(&doors, REFRESH);
	struct conn_token token = doors_id(1);
	int fd = doors_connect(&doors, 0);
	expect_answer(doors_ask(&doors, fd, "GET " HUB "/refresh", doors.alice, NULL), 405, "");
	expect_answer(doors_ask(&doors, fd, "POST " HUB "/refresh", doors.alice, ""), 400,
		"{\"error\":\"missing_connection_token\"}");
	expect_answer(
		doors_ask(&doors, fd, "POST " HUB "/refresh?id=x", doors.alice, ""), 404, unknown);
	expect_answer(ask(&doors, fd, "POST " HUB "/refresh", &token, ""), 404, unknown);
	start_polls(&doors, &token);
	expect_answer(ask(&doors, fd, "POST " HUB "/refresh", &token, ""), 200,
		"{\"tokenLifetimeSeconds\":600}");
	/* One that the first worker has is looked for nowhere else. */
	struct conn_token near = doors_id(0);
	expect_answer(
		ask(&doors, doors_connect(&doors, 0), "GET " HUB, &near, NULL), 200, "\r\n\r\n");
	expect_answer(ask(&doors, fd, "POST " HUB "/refresh", &near, ""), 200,
		"{\"tokenLifetimeSeconds\":600}");
	const char *line = doors_line(&doors, "POST " HUB "/refresh", &token);
	expect_answer(
		doors_ask(&doors, fd, line, doors.bob, ""), 403, "{\"error\":\"user_changed\"}");
	doors_close(&doors);
}

/* Within the leeway a token still counts, with nothing left to count on. */
static void test_refresh_in_the_leeway(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, REFRESH);
	fake_time_skip((uint64_t)(DOORS_TTL_S + 3) * 1000000);
	struct conn_token token = doors_id(1);
	start_polls(&doors, &token);
	int fd = doors_connect(&doors, 0);
	expect_answer(ask(&doors, fd, "POST " HUB "/refresh", &token, ""), 200,
		"{\"tokenLifetimeSeconds\":0}");
	doors_close(&doors);
}

static void bar(struct doors *doors, bool ban)
{
	struct uuid alice = hub_user("alice");
	int64_t now_ms = clock_wall_ms(&fake_clock);
	bars_set(doors->hub.bars, &alice, ban ? now_ms : 0, BYTES_NONE, ban ? 0 : now_ms + 1000);
}

static void test_refresh_of_the_barred(void **state)
{
	(void)state;
	for (int ban = 0; ban <= 1; ban++) {
		struct doors doors;
		doors_open(&doors, REFRESH);
		bar(&doors, ban == 1);
		struct conn_token token = doors_id(1);
		int fd = doors_connect(&doors, 0);
		const char *answer = ask(&doors, fd, "POST " HUB "/refresh", &token, "");
		assert_int_equal(strstr(answer, "\r\nWWW-Authenticate: Bearer ") != NULL, ban == 0);
		expect_answer(answer, ban == 1 ? 403 : 401,
			ban == 1 ? "{\"error\":\"banned\"}" : "{\"error\":\"invalid_token\"}");
		doors_close(&doors);
	}
}

/* Something happens while the request looks for its connection. */
static void test_refresh_is_overtaken(void **state)
{
	static const struct {
		int status;
		const char *answer;
	} rows[] = {
		{401, "{\"error\":\"invalid_token\"}"},
		{403, "{\"error\":\"banned\"}"},
		{404, "{\"error\":\"connection_not_found\"}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct doors doors;
		doors_open(&doors, REFRESH);
		struct conn_token token = doors_id(1);
		struct conn *conn = start_polls(&doors, &token);
		int fd = doors_connect(&doors, 0);
		const char *line = doors_line(&doors, "POST " HUB "/refresh", &token);
		char request[HEADERS_MAX];
		snprintf(request, sizeof(request),
			"%s HTTP/1.1\r\nHost: h\r\n%sContent-Length: 0\r\n\r\n", line, doors.alice);
		doors_put(fd, request);
		loop_turn(doors.hub.sv[0].loop, 0);
		if (i < 2) {
			bar(&doors, i == 1);
		} else {
			conn_abort(conn);
		}
		expect_answer(doors_read(&doors, fd), rows[i].status, rows[i].answer);
		doors_close(&doors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiate_versions),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_foreign_ids),
		cmocka_unit_test(test_stale_ids),
		cmocka_unit_test(test_moved_to_a_closed_door),
		cmocka_unit_test(test_no_body_where_the_stream_is_given_away),
		cmocka_unit_test(test_encoded_body),
		cmocka_unit_test(test_bad_early_bytes),
		cmocka_unit_test(test_no_room_for_early_bytes),
		cmocka_unit_test(test_draining),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_refresh_in_the_leeway),
		cmocka_unit_test(test_refresh_of_the_barred),
		cmocka_unit_test(test_refresh_is_overtaken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
