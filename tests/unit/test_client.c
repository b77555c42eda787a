/* How a client gets its connection: negotiate, upgrade, handshake, and all that can go wrong there.
 * test_client_refused.c has what a server may refuse, test_client_open.c goes on behind it. */
#include "tests/unit/client_side.h"

#include <sys/un.h>

static const struct client_options plain;
static const struct client_options skip = {.skip_negotiation = true};

/* ---- the way that works ---- */

static void test_negotiated(void **state)
{
	char wanted[512];
	(void)state;
	side_start(&plain);
	server_accept();
	snprintf(wanted, sizeof(wanted),
		"POST /chathub/negotiate?negotiateVersion=1 HTTP/1.1\r\nHost: %s\r\n"
		"Connection: close\r\nContent-Length: 0\r\n\r\n",
		url + 7);
	assert_string_equal(server_request(), wanted);
	server_negotiate(OK_NEGOTIATE);
	server_accept();
	const char *request = server_request();
	const char *start = "GET /chathub?id=tok%2F%2B%3D HTTP/1.1\r\nHost: ";
	assert_memory_equal(request, start, strlen(start));
	assert_non_null(strstr(request, "\r\nConnection: Upgrade\r\n"));
	assert_non_null(strstr(request, "\r\nUpgrade: websocket\r\n"));
	assert_non_null(strstr(request, "\r\nSec-WebSocket-Version: 13\r\n"));
	assert_null(strstr(request, "Authorization"));
	server_say(upgrade_answer(request));
	server_say("\r\n");
	assert_server_gets_record("{\"protocol\":\"json\",\"version\":1}");
	assert_int_equal(opens, 0);
	server_record("{}");
	turn_until(&opens, 1);
	assert_server_gets_record("{\"type\":6}");
	assert_int_equal(closes, 0);
}

static void check_id(const char *body, const char *id)
{
	char start[128];
	side_start(&plain);
	server_accept();
	server_request();
	server_negotiate(body);
	server_accept();
	snprintf(start, sizeof(start), "GET /chathub?id=%s HTTP/1.1\r\n", id);
	assert_memory_equal(server_request(), start, strlen(start));
	client_close(&client);
}

static void test_versions(void **state)
{
	(void)state;
	check_id("{\"negotiateVersion\":0,\"connectionId\":\"cid\"," WEBSOCKETS "}", "cid");
	check_id("{\"connectionId\":\"cid\",\"connectionToken\":\"tok\"," WEBSOCKETS "}", "cid");
	check_id("{\"negotiateVersion\":1,\"connectionId\":\"cid\",\"connectionToken\":\"tok\""
		 "," WEBSOCKETS "}",
		"tok");
}

static void test_url_and_token(void **state)
{
	char address[128];
	struct client_options options = {.token = BYTES_LIT("a.b-c_d")};
	(void)state;
	snprintf(address, sizeof(address), "%s/deep/hub/?room=1#part", url);
	options.url = bytes_str(address);
	side_start(&options);
	server_accept();
	const char *request = server_request();
	const char *post = "POST /deep/hub/negotiate?room=1&negotiateVersion=1 HTTP/1.1\r\n";
	assert_memory_equal(request, post, strlen(post));
	assert_non_null(strstr(request, "\r\nAuthorization: Bearer a.b-c_d\r\n"));
	server_negotiate(OK_NEGOTIATE);
	server_accept();
	request = server_request();
	const char *get = "GET /deep/hub/?room=1&id=tok%2F%2B%3D HTTP/1.1\r\n";
	assert_memory_equal(request, get, strlen(get));
	assert_non_null(strstr(request, "\r\nAuthorization: Bearer a.b-c_d\r\n"));
}

static void test_skipped(void **state)
{
	(void)state;
	side_start(&skip);
	server_accept();
	const char *request = server_request();
	assert_memory_equal(request, "GET /chathub HTTP/1.1\r\n", 23);
	server_dribble(upgrade_answer(request), strlen(upgrade_answer(request)));
	server_dribble("\r\n", 2);
	server_dribble("\x81\x03{}" SEPARATOR, 5);
	turn_until(&opens, 1);
}

static void test_unix(void **state)
{
	char address[160];
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct client_options options = {.unix_path = BYTES_LIT("/hub?x=1")};
	(void)state;
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/test_client-%d.sock", (int)getpid());
	unlink(at.sun_path);
	close(listener);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 5), 0);
	snprintf(address, sizeof(address), "unix:%s", at.sun_path);
	options.url = bytes_str(address);
	side_start(&options);
	server_accept();
	const char *post =
		"POST /hub/negotiate?x=1&negotiateVersion=1 HTTP/1.1\r\nHost: localhost\r\n";
	assert_memory_equal(server_request(), post, strlen(post));
	unlink(at.sun_path);
}

/* What comes behind the 101 in one piece with it belongs to the WebSocket. */
static void all_at_once(void)
{
	char all[1024];
	int before = opens;
	side_start(&skip);
	server_accept();
	int len = snprintf(
		all, sizeof(all), "%s\r\n\x81\x03{}" SEPARATOR, upgrade_answer(server_request()));
	const char *call = "{\"type\":1,\"target\":\"Hi\",\"arguments\":[1]}" SEPARATOR;
	len += (int)frame_write(all + len, 0x81, call, strlen(call));
	server_send(all, (size_t)len);
	turn_until(&opens, before + 1);
}

static void test_all_at_once(void **state)
{
	(void)state;
	all_at_once();
	assert_heard("Hi[1];");
	client_close(&client);
	close_inside = IN_OPEN;
	all_at_once();
	assert_null(client);
	assert_heard("");
	close_inside = IN_INVOCATION;
	all_at_once();
	assert_null(client);
	assert_heard("Hi[1];");
	assert_int_equal(opens, 3);
	assert_int_equal(closes, 0);
}

/* ---- bodies ---- */

static void expect_upgrade(void)
{
	server_accept();
	assert_memory_equal(server_request(), "GET /chathub?id=tok%2F%2B%3D ", 29);
	client_close(&client);
}

static void check_body(const char *head, const char *body, bool dribble, bool end)
{
	side_start(&plain);
	server_accept();
	server_request();
	if (dribble) {
		server_dribble(head, strlen(head));
		server_dribble(body, strlen(body));
	} else {
		server_say(head);
		server_say(body);
	}
	if (end) {
		server_hang_up(false);
	}
	expect_upgrade();
}

static void test_bodies(void **state)
{
	char chunked[1024];
	const char *body = OK_NEGOTIATE;
	const char *head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	(void)state;
	snprintf(chunked, sizeof(chunked), "5;x=y\r\n%.5s\r\n%zx\r\n%s\r\n0\r\nTrailer: t\r\n\r\n",
		body, strlen(body) - 5, body + 5);
	check_body(head, chunked, false, false);
	check_body(head, chunked, true, false);
	check_body("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", body, false, true);
	check_body("HTTP/1.0 200 OK\r\n\r\n", body, true, true);
	check_body("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
		   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		chunked, false, false);
}

/* The end of the one comes with the start of the other. */
static void test_interim_answer_in_pieces(void **state)
{
	(void)state;
	side_start(&plain);
	server_accept();
	server_request();
	server_say("HTTP/1.1 100 Con");
	server_say("tinue\r\n\r\nHTTP/1.1 20");
	server_say("0 OK\r\nConnection: close\r\n\r\n" OK_NEGOTIATE);
	server_hang_up(false);
	expect_upgrade();
}

/* ---- ends, deadlines and second thoughts at each stage ---- */

enum stage {
	CONNECTING,
	ACCEPTED,
	IN_HEAD,
	IN_BODY,
	UPGRADING,
	IN_UPGRADE,
	SHAKING,
	IN_FRAME,
	STAGES
};

static void go_to_within(enum stage stage, uint64_t open_timeout_us)
{
	side_start(&(struct client_options){
		.open_timeout_us = open_timeout_us, .skip_negotiation = stage >= UPGRADING});
	if (stage == CONNECTING) {
		return;
	}
	server_accept();
	const char *request = server_request();
	if (stage == IN_HEAD) {
		server_say("HTTP/1.1 20");
	} else if (stage == IN_BODY) {
		server_say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}");
	} else if (stage >= IN_UPGRADE) {
		server_say(upgrade_answer(request));
	}
	if (stage >= SHAKING) {
		server_say("\r\n");
		assert_server_gets_record("{\"protocol\":\"json\",\"version\":1}");
	}
	if (stage == IN_FRAME) {
		server_say("\x81\x03{");
	}
	turns(2);
	assert_int_equal(closes, 0);
}

static void go_to(enum stage stage)
{
	go_to_within(stage, 0);
}

static void test_peer_vanishes(void **state)
{
	(void)state;
	for (int reset = 0; reset <= 1; reset++) {
		for (int stage = ACCEPTED; stage < STAGES; stage++) {
			go_to((enum stage)stage);
			server_hang_up(reset);
			assert_closed(stage < SHAKING ? ERR_UNREACHABLE : ERR_CLOSED,
				stage < SHAKING ? "the connection was lost before the server had "
						  "answered"
						: "the connection was lost",
				false);
			assert_int_equal(opens, 0);
			client_close(&client);
			closes = 0;
		}
	}
}

static void test_open_timeout(void **state)
{
	(void)state;
	for (int stage = CONNECTING; stage < STAGES; stage++) {
		go_to_within((enum stage)stage, 300000);
		assert_closed(ERR_TIMEOUT, "the server does not answer", false);
		if (stage == CONNECTING) {
			server_accept();
		}
		/* It has let go, before its owner does. */
		while (server_read()) {
		}
		client_close(&client);
		closes = 0;
		server_hang_up(false);
	}
}

static void test_close_while_opening(void **state)
{
	(void)state;
	for (int stage = CONNECTING; stage < STAGES; stage++) {
		go_to((enum stage)stage);
		client_close(&client);
		assert_null(client);
		turns(3);
		if (stage == CONNECTING) {
			server_accept();
		}
		if (stage >= SHAKING) {
			assert_server_gets_close(1000);
		}
		buf_clear(&from_client);
		assert_server_sees_end();
		server_hang_up(false);
	}
	assert_int_equal(closes + opens, 0);
}

/* The owner lets go while he hears that it failed. */
static void test_close_inside_failure(void **state)
{
	(void)state;
	close_inside = IN_CLOSE;
	for (int stage = ACCEPTED; stage < STAGES; stage++) {
		go_to((enum stage)stage);
		server_hang_up(false);
		turn_until(&closes, 1);
		assert_null(client);
		closes = 0;
	}
	go_to(ACCEPTED);
	server_say("HTTP/1.1 503 x\r\n\r\n");
	turn_until(&closes, 1);
	assert_null(client);
	closes = 0;
	go_to(SHAKING);
	server_record("{\"error\":\"no\"}");
	turn_until(&closes, 1);
	assert_null(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_negotiated),
		CLIENT_TEST(test_versions),
		CLIENT_TEST(test_url_and_token),
		CLIENT_TEST(test_skipped),
		CLIENT_TEST(test_unix),
		CLIENT_TEST(test_all_at_once),
		CLIENT_TEST(test_bodies),
		CLIENT_TEST(test_interim_answer_in_pieces),
		CLIENT_TEST(test_peer_vanishes),
		CLIENT_TEST(test_open_timeout),
		CLIENT_TEST(test_close_while_opening),
		CLIENT_TEST(test_close_inside_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
