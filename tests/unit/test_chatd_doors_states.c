/* What the hub's routes answer: each request to a connection in each state, from its own user and
 * from others, at its own worker and at another one; upgrades in the wrong form; renewed tokens. */
#include "chatd/auth/bars.h"
#include "chatd/conn/claims.h"
#include "chatd/conn/conn.h"
#include "tests/unit/doors.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define ASKS "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define UPGRADE ASKS VERSION KEY
#define EVENTS "Accept: text/event-stream\r\n"
#define GONE "No Connection with that ID"
#define MID "Cannot change transports mid-connection"
#define NO_DELETE "Cannot terminate this connection using the DELETE endpoint."
#define NO_POST "POST requests are not allowed for WebSocket connections."
#define HEADERS_MAX 1024

enum request { POLL, OPEN_EVENTS, OPEN_SOCKET, POST, DELETE, REQUESTS };

/* On a connection of its own; token NULL: without an id. */
static const char *ask(struct doors *doors, unsigned worker, enum request request, const char *user,
	const struct conn_token *token)
{
	static const struct {
		const char *method, *headers, *body;
	} forms[REQUESTS] = {
		[POLL] = {"GET " HUB, "", NULL},
		[OPEN_EVENTS] = {"GET " HUB, EVENTS, NULL},
		[OPEN_SOCKET] = {"GET " HUB, UPGRADE, NULL},
		[POST] = {"POST " HUB, "", "{"},
		[DELETE] = {"DELETE " HUB, "", NULL},
	};
	char headers[HEADERS_MAX];
	const char *method = forms[request].method;
	snprintf(headers, sizeof(headers), "%s%s", user, forms[request].headers);
	return doors_ask(doors, doors_connect(doors, worker),
		token != NULL ? doors_line(doors, method, token) : method, headers,
		forms[request].body);
}

/* ---- states ---- */

struct expected {
	int status;
	const char *end;
};

static const struct {
	enum claim_state state;
	struct expected answers[REQUESTS];
} rows[] = {
	{CLAIM_WAITING, {[DELETE] = {400, NO_DELETE}, [POST] = {200, "\r\n\r\n"}}},
	{CLAIM_SOCKET,
		{{400, MID}, {400, MID}, {409, "\r\n\r\n"}, {405, NO_POST}, {400, NO_DELETE}}},
	{CLAIM_EVENTS,
		{{400, MID}, {409, "\r\n\r\n"}, {400, MID}, {200, "\r\n\r\n"}, {400, NO_DELETE}}},
	{CLAIM_POLLS, {[OPEN_EVENTS] = {400, MID},
			      [OPEN_SOCKET] = {400, MID},
			      [POST] = {200, "\r\n\r\n"}}},
	{CLAIM_ENDED, {{404, GONE}, {404, GONE}, {404, GONE}, {404, GONE}, {404, GONE}}},
};

static void bring_to(struct doors *doors, enum claim_state state, const struct conn_token *token)
{
	static const enum request ways[] = {
		[CLAIM_WAITING] = POST,
		[CLAIM_SOCKET] = OPEN_SOCKET,
		[CLAIM_EVENTS] = OPEN_EVENTS,
		[CLAIM_POLLS] = POLL,
		[CLAIM_ENDED] = POLL,
	};
	expect_answer(ask(doors, token->worker, ways[state], doors->alice, token),
		state == CLAIM_SOCKET ? 101 : 200, "");
	if (state == CLAIM_ENDED) {
		expect_answer(
			ask(doors, token->worker, DELETE, doors->alice, token), 202, "\r\n\r\n");
	}
	const struct claim *claim = claims_find(doors->hub.sv[token->worker].claims, &token->id);
	assert_non_null(claim);
	assert_int_equal(claim->state, state);
}

/* worker: where the requests come; the connection is at the second one. */
static void check_states(unsigned worker)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct doors doors;
		doors_open(&doors, "");
		struct conn_token token = doors_id(1);
		bring_to(&doors, rows[i].state, &token);
		for (enum request request = 0; request < REQUESTS; request++) {
			const struct expected *expected = &rows[i].answers[request];
			if (expected->status != 0) {
				expect_answer(ask(&doors, worker, request, doors.alice, &token),
					expected->status, expected->end);
			}
		}
		doors_close(&doors);
	}
}

static void test_states(void **state)
{
	(void)state;
	check_states(1);
}

static void test_states_from_elsewhere(void **state)
{
	(void)state;
	check_states(0);
}

/* Nobody waits for a body that nobody wants. */
static void test_unwanted_bodies(void **state)
{
	static const enum claim_state states[] = {CLAIM_SOCKET, CLAIM_ENDED};
	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct doors doors;
		doors_open(&doors, "");
		struct conn_token token = doors_id(0);
		bring_to(&doors, states[i], &token);
		char headers[HEADERS_MAX];
		snprintf(headers, sizeof(headers), "%sContent-Length: 100\r\n", doors.alice);
		expect_answer(doors_ask(&doors, doors_connect(&doors, 0),
				      doors_line(&doors, "POST " HUB, &token), headers, NULL),
			i == 0 ? 405 : 404, i == 0 ? NO_POST : GONE);
		doors_close(&doors);
	}
}

static void test_other_users(void **state)
{
	(void)state;
	for (int live = 0; live <= 1; live++) {
		struct doors doors;
		doors_open(&doors, "");
		struct conn_token token = doors_id(0);
		if (live == 1) {
			bring_to(&doors, CLAIM_EVENTS, &token);
		}
		for (enum request request = 0; request < REQUESTS; request++) {
			expect_answer(ask(&doors, 0, request, doors.bob, &token), 403,
				"The connection was negotiated by another user");
		}
		doors_close(&doors);
	}
}

static void test_no_id(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	for (enum request request = 0; request < REQUESTS; request++) {
		if (request != OPEN_SOCKET) {
			expect_answer(ask(&doors, 0, request, doors.alice, NULL), 400,
				"Connection ID required");
		}
	}
	doors_close(&doors);
}

/* ---- who asks ---- */

static void test_tokens(void **state)
{
	static const char invalid[] = "Authorization: Bearer x\r\n";
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	struct conn_token token = doors_id(0);
	for (enum request request = 0; request < REQUESTS; request++) {
		const char *answer = ask(&doors, 0, request, invalid, &token);
		assert_non_null(strstr(answer, "Bearer error=\"invalid_token\"\r\n"));
		expect_answer(answer, 401, "\r\n\r\n");
	}
	doors_hang_up(&doors);
	/* From the query, which is for GET alone. */
	char line[HEADERS_MAX];
	size_t scheme = strlen("Authorization: Bearer ");
	for (int post = 0; post <= 1; post++) {
		snprintf(line, sizeof(line), "%s&access_token=%.*s",
			doors_line(&doors, post == 1 ? "POST " HUB : "GET " HUB, &token),
			(int)(strlen(doors.alice + scheme) - 2), doors.alice + scheme);
		const char *answer = doors_ask(
			&doors, doors_connect(&doors, 0), line, NULL, post == 1 ? "{" : NULL);
		assert_int_equal(
			strstr(answer, "\r\nWWW-Authenticate: Bearer\r\n") != NULL, post == 1);
		expect_answer(answer, post == 1 ? 401 : 200, "\r\n\r\n");
	}
	doors_close(&doors);
}

static void test_kept_out(void **state)
{
	struct doors doors;
	struct uuid alice = hub_user("alice");
	(void)state;
	doors_open(&doors, "");
	struct conn_token token = doors_id(0);
	char headers[HEADERS_MAX];
	snprintf(headers, sizeof(headers), "%sOrigin: http://elsewhere.example\r\n", doors.alice);
	expect_answer(ask(&doors, 0, POLL, headers, &token), 403,
		"This Origin is not allowed (server.allowed_origins)");
	bars_set(doors.hub.bars, &alice, clock_wall_ms(&fake_clock), BYTES_LIT("spam"), 0);
	const char *answer = ask(&doors, 0, POLL, doors.alice, &token);
	assert_non_null(strstr(answer, "\r\nContent-Type: text/plain\r\n"));
	expect_answer(answer, 403, "spam");
	doors_close(&doors);
}

static void test_too_many_connects(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, "[limits]\naddress_connects = 1\n");
	int fd = doors_connect(&doors, 0);
	for (int i = 0; i < 2; i++) { /* what may come at once */
		expect_answer(
			doors_ask(&doors, fd, "POST " HUB "/negotiate", doors.alice, ""), 200, "}");
	}
	const char *answer = doors_ask(&doors, fd, "POST " HUB "/negotiate", doors.alice, "");
	assert_non_null(strstr(answer, "\r\nRetry-After: 1\r\n"));
	expect_answer(answer, 429, "");
	/* Sockets that skip it count as much; those and others that have an id are counted apart.
	 */
	expect_answer(ask(&doors, 0, OPEN_SOCKET, doors.alice, NULL), 429, "");
	for (int i = 0; i < 3; i++) {
		struct conn_token token = doors_id(0);
		expect_answer(ask(&doors, 0, i == 1 ? OPEN_SOCKET : POLL, doors.alice, &token),
			i == 2	 ? 429
			: i == 1 ? 101
				 : 200,
			"");
	}
	doors_close(&doors);
}

/* Then only tokens count that were verified before. */
static void test_too_many_bad_tokens(void **state)
{
	static const char invalid[] = "Authorization: Bearer x\r\n";
	struct doors doors;
	(void)state;
	doors_open(&doors, "[limits]\naddress_connects = 1\n");
	struct conn_token token = doors_id(0);
	bring_to(&doors, CLAIM_POLLS, &token);
	for (int i = 0; i < 2; i++) {
		expect_answer(ask(&doors, 0, POST, invalid, &token), 401, "\r\n\r\n");
	}
	expect_answer(ask(&doors, 0, POST, invalid, &token), 429, "");
	expect_answer(ask(&doors, 0, POST, doors.bob, &token), 429, "");
	expect_answer(ask(&doors, 0, POST, doors.alice, &token), 200, "\r\n\r\n");
	doors_close(&doors);
}

/* ---- upgrades ---- */

static void test_upgrade_forms(void **state)
{
	static const char no_key[] = "The header Sec-WebSocket-Key must be the base64 of 16 bytes";
	static const char no_version[] = "The header Sec-WebSocket-Version must be 13";
	static const struct {
		const char *headers, *end;
	} forms[] = {
		{"Upgrade: websocket\r\n" VERSION KEY,
			"A WebSocket upgrade needs the header Connection: Upgrade"},
		{ASKS VERSION, no_key},
		{ASKS VERSION KEY KEY, no_key},
		{ASKS VERSION "Sec-WebSocket-Key: short\r\n", no_key},
		{ASKS KEY, no_version},
		{ASKS KEY "Sec-WebSocket-Version: 8\r\n", no_version},
		{ASKS KEY VERSION VERSION, no_version},
	};
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	int fd = doors_connect(&doors, 0);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char headers[HEADERS_MAX];
		snprintf(headers, sizeof(headers), "%s%s", doors.alice, forms[i].headers);
		const char *answer = doors_ask(&doors, fd, "GET " HUB, headers, NULL);
		assert_int_equal(strstr(answer, "\r\nSec-WebSocket-Version: 13\r\n") != NULL,
			forms[i].end == no_version);
		expect_answer(answer, 400, forms[i].end);
	}
	char request[HEADERS_MAX];
	snprintf(
		request, sizeof(request), "GET " HUB " HTTP/1.0\r\n%s" UPGRADE "\r\n", doors.alice);
	doors_put(fd, request);
	expect_answer(doors_read(&doors, fd), 400, "A WebSocket upgrade needs HTTP/1.1");
	doors_close(&doors);
}

/* Without an id there is nothing to be claimed. */
static void test_unnegotiated(void **state)
{
	struct doors doors;
	(void)state;
	doors_open(&doors, "");
	expect_answer(ask(&doors, 0, OPEN_SOCKET, doors.alice, NULL), 101, "\r\n\r\n");
	assert_int_equal(conns_count(doors.hub.sv[0].conns), 1);
	doors_close(&doors);
}

/* ---- tokens that are renewed ---- */

static void test_polls_renew(void **state)
{
	struct doors doors;
	char newer[512];
	(void)state;
	doors_open(&doors, "");
	struct conn_token token = doors_id(0);
	bring_to(&doors, CLAIM_POLLS, &token);
	const struct conn *conn = conns_find(doors.hub.sv[0].conns, &token.id);
	int64_t expires_ms = conn->principal->expires_ms;
	fake_time_skip(2000000);
	doors_token(&doors, "alice", sizeof(newer), newer);
	ask(&doors, 0, POLL, newer, &token);
	assert_int_equal(conn->principal->expires_ms, expires_ms + 2000);
	ask(&doors, 0, POLL, doors.alice, &token); /* the older one again */
	assert_int_equal(conn->principal->expires_ms, expires_ms + 2000);
	doors_close(&doors);
}

static void test_refresh_is_a_setting(void **state)
{
	(void)state;
	for (int on = 0; on <= 1; on++) {
		struct doors doors;
		doors_open(&doors, on == 1 ? "[auth]\nrefresh_endpoint = true\n" : "");
		int fd = doors_connect(&doors, 0);
		expect_answer(doors_ask(&doors, fd, "POST " HUB "/refresh", doors.alice, ""),
			on == 1 ? 400 : 404,
			on == 1 ? "{\"error\":\"missing_connection_token\"}"
				: "{\"error\":\"refresh_disabled\"}");
		expect_answer(doors_ask(&doors, fd, "POST " HUB "/negotiate?negotiateVersion=1",
				      doors.alice, ""),
			200, on == 1 ? "}],\"tokenLifetimeSeconds\":600}" : "}]}");
		doors_close(&doors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_states_from_elsewhere),
		cmocka_unit_test(test_unwanted_bodies),
		cmocka_unit_test(test_other_users),
		cmocka_unit_test(test_no_id),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_kept_out),
		cmocka_unit_test(test_too_many_connects),
		cmocka_unit_test(test_too_many_bad_tokens),
		cmocka_unit_test(test_upgrade_forms),
		cmocka_unit_test(test_unnegotiated),
		cmocka_unit_test(test_polls_renew),
		cmocka_unit_test(test_refresh_is_a_setting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
