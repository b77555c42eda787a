/* Requests to a server that runs on the same loop and answers with what the test says. TLS is in
 * tests/func/jwks.test.js. */
#include "lib/net/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/loop/loop.h"

#define SECOND_US UINT64_C(1000000)
#define HEAD "HTTP/1.1 200 OK\r\nContent-Length: "

static struct loop *loop;
static struct http_client *client;

/* The server: one connection at a time. */
static struct {
	int listener, fd;
	struct loop_fd *listening, *watch;
	char url[64];
	struct buf request;
	const char *answer; /* what it says to the first bytes; NULL: nothing */
	bool hang_up; /* behind the answer */
} server;

/* What the client's callbacks were told. */
static struct {
	struct http_client_call *call;
	int done, heads, pieces, err, status;
	char why[256], type[64];
	struct buf body;
	int body_err; /* what on_body answers */
	bool cancel, destroy; /* what is done inside */
} told;

static void server_close(void)
{
	if (server.watch != NULL) {
		loop_fd_close(&server.watch);
		close(server.fd);
	}
}

static void on_server_data(void *ctx, int events)
{
	char data[4096];
	(void)ctx;
	(void)events;
	ssize_t got = read(server.fd, data, sizeof(data));
	if (got <= 0) {
		server_close();
		return;
	}
	bool first = server.request.len == 0;
	buf_append(&server.request, data, (size_t)got);
	if (first && server.answer != NULL) {
		size_t len = strlen(server.answer);
		assert_int_equal(write(server.fd, server.answer, len), len);
		if (server.hang_up) {
			server_close();
		}
	}
}

static void on_server_accept(void *ctx, int events)
{
	(void)ctx;
	(void)events;
	server_close();
	buf_clear(&server.request);
	server.fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(server.fd >= 0);
	server.watch = loop_fd_open(loop, server.fd, LOOP_READ, on_server_data, NULL);
}

static int set_up(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	(void)state;
	loop = loop_create();
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server.listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server.listener, 8), 0);
	assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &size), 0);
	snprintf(server.url, sizeof(server.url), "http://127.0.0.1:%u/path?q=1",
		ntohs(address.sin_port));
	server.listening = loop_fd_open(loop, server.listener, LOOP_READ, on_server_accept, NULL);
	server.answer = NULL;
	server.hang_up = false;
	memset(&told, 0, sizeof(told));
	struct http_client_params params = {.loop = loop, .user_agent = "tests/1"};
	struct buf why = {0};
	assert_int_equal(http_client_create(&params, &client, &why), 0);
	buf_finish(&why);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	http_client_destroy(&client);
	server_close();
	loop_fd_close(&server.listening);
	close(server.listener);
	buf_finish(&server.request);
	buf_finish(&told.body);
	loop_destroy(&loop);
	return 0;
}

/* ---- the client's side ---- */

static void on_done(void *ctx, const struct http_client_answer *answer)
{
	assert_ptr_equal(ctx, &told);
	told.done++;
	told.call = NULL;
	told.err = answer->err;
	told.status = answer->status;
	snprintf(told.why, sizeof(told.why), "%s", answer->why);
	struct bytes type = http_client_answer_header(answer, "content-TYPE");
	snprintf(told.type, sizeof(told.type), "%.*s", BYTES_ARG(type));
	assert_null(http_client_answer_header(answer, "Content-Typ").ptr);
	if (told.pieces == 0) {
		buf_append_bytes(&told.body, answer->body);
	}
	if (told.destroy) {
		http_client_destroy(&client);
		assert_string_equal(told.why, answer->why); /* it is still good */
	}
}

static int on_head(void *ctx, int status)
{
	assert_ptr_equal(ctx, &told);
	told.heads++;
	told.status = status;
	if (told.cancel) {
		http_client_cancel(&told.call);
	}
	return 0;
}

static int on_body(void *ctx, struct bytes piece)
{
	assert_ptr_equal(ctx, &told);
	told.pieces++;
	buf_append_bytes(&told.body, piece);
	if (told.cancel) {
		http_client_cancel(&told.call);
	}
	return told.body_err;
}

static struct http_client_request get(void)
{
	return (struct http_client_request){
		.method = "GET",
		.url = server.url,
		.connect_us = 5 * SECOND_US,
		.total_us = 5 * SECOND_US,
		.max_size = 1000,
		.done = on_done,
		.ctx = &told,
	};
}

static void start(const struct http_client_request *request)
{
	buf_clear(&server.request); /* it may come on the same connection */
	buf_clear(&told.body);
	told.done = told.heads = told.pieces = 0;
	told.call = http_client_start(client, request);
	assert_int_equal(told.done, 0); /* never inside */
}

static void finish(int err)
{
	for (int i = 0; told.done == 0 && i < 2000; i++) {
		loop_turn(loop, 10);
	}
	if (told.done != 1 || told.err != err) {
		fail_msg("done %d, %s: %s", told.done, err_code(told.err), told.why);
	}
	assert_int_equal(told.why[0] == '\0', err == 0);
	for (int i = 0; client != NULL && i < 3; i++) {
		loop_turn(loop, 0);
	}
	assert_int_equal(told.done, 1);
}

static void quiet(void)
{
	for (int i = 0; i < 10; i++) {
		loop_turn(loop, 10);
	}
	assert_int_equal(told.done, 0);
}

static bool was_sent(const char *text)
{
	return strstr(buf_cstr(&server.request), text) != NULL;
}

/* ---- what goes well ---- */

static void test_get(void **state)
{
	const struct http_client_header header = {BYTES_LIT("X-One"), BYTES_LIT("a b")};
	struct http_client_request request = get();
	(void)state;
	request.headers = &header;
	request.header_count = 1;
	server.answer = HEAD "5\r\nContent-Type:  text/x \r\nContent-Type: 2nd\r\n\r\nhello";
	for (int i = 0; i < 2; i++) { /* the second on the same connection, or another */
		buf_clear(&server.request);
		start(&request);
		finish(0);
		assert_int_equal(told.status, 200);
		assert_string_equal(buf_cstr(&told.body), "hello");
		assert_string_equal(told.type, "text/x");
		assert_true(was_sent("GET /path?q=1 HTTP/1.1\r\n"));
		assert_true(was_sent("X-One: a b\r\n") && was_sent("User-Agent: tests/1\r\n"));
		assert_false(was_sent("Accept-Encoding") || was_sent("Expect"));
	}
}

static void test_post(void **state)
{
	struct http_client_request request = get();
	(void)state;
	request.method = "POST";
	request.body = BYTES_LIT("a\0b");
	server.answer = "HTTP/1.1 204 No Content\r\n\r\n";
	start(&request);
	finish(0);
	assert_int_equal(told.status, 204);
	assert_true(was_sent("POST /path") && was_sent("Content-Length: 3\r\n"));
	assert_memory_equal(server.request.data + server.request.len - 3, "a\0b", 3);
}

static void test_streamed(void **state)
{
	struct http_client_request request = get();
	(void)state;
	request.on_head = on_head;
	request.on_body = on_body;
	server.answer = "HTTP/1.1 103 Early Hints\r\nContent-Type: early\r\n\r\n"
			"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
			"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
	start(&request);
	finish(0);
	assert_int_equal(told.heads, 1);
	assert_int_equal(told.status, 500);
	assert_true(told.pieces >= 1);
	assert_string_equal(buf_cstr(&told.body), "abcde");
	assert_string_equal(told.type, "");

	server.answer = HEAD "0\r\n\r\n"; /* the head is told without a body too */
	start(&request);
	finish(0);
	assert_int_equal(told.heads, 1);
	assert_int_equal(told.pieces, 0);
}

static void test_redirect_is_an_answer(void **state)
{
	struct http_client_request request = get();
	char answer[256];
	(void)state;
	snprintf(answer, sizeof(answer),
		"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", server.url);
	server.answer = answer;
	start(&request);
	finish(0);
	assert_int_equal(told.status, 302);
}

static void test_no_proxy(void **state)
{
	struct http_client_request request = get();
	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("all_proxy", "http://127.0.0.1:1/", 1);
	server.answer = HEAD "0\r\n\r\n";
	start(&request);
	finish(0);
	assert_true(was_sent("GET /path?q=1 "));
	unsetenv("http_proxy");
	unsetenv("all_proxy");
}

/* ---- what does not ---- */

static void test_size(void **state)
{
	struct http_client_request request = get();
	(void)state;
	request.max_size = 5;
	server.answer = HEAD "5\r\n\r\nhello";
	start(&request);
	finish(0);
	request.max_size = 4;
	start(&request);
	finish(ERR_TOO_LARGE);
	assert_int_equal(told.body.len, 0);
}

static void test_heads_are_bounded(void **state)
{
	struct http_client_request request = get();
	struct buf answer = {0};
	(void)state;
	buf_append_str(&answer, "HTTP/1.1 200 OK\r\n");
	while (answer.len < (size_t)70 * 1024) {
		buf_append_str(&answer, "X-More: 0123456789012345678901234567890123456789\r\n");
	}
	server.answer = buf_cstr(&answer);
	start(&request);
	finish(ERR_TOO_LARGE);
	buf_finish(&answer);
}

static void test_deadlines(void **state)
{
	struct http_client_request request = get();
	(void)state;
	request.total_us = 50000;
	start(&request);
	finish(ERR_TIMEOUT);
	request.total_us = 5 * SECOND_US;
	request.stall_us = 50000;
	start(&request);
	finish(ERR_TIMEOUT);
	server.answer = HEAD "5\r\n\r\nhel";
	start(&request);
	finish(ERR_TIMEOUT);
	assert_int_equal(told.status, 200);
}

static void test_unreachable(void **state)
{
	static const char *const answers[] = {
		"", "HTTP/1.1 200 OK\r\nContent-Le", HEAD "5\r\n\r\nhel", "220 welcome\r\n"};
	struct http_client_request request = get();
	(void)state;
	server.hang_up = true;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		server.answer = answers[i];
		start(&request);
		finish(ERR_UNREACHABLE);
	}
	request.url = "http://127.0.0.1:1/";
	start(&request);
	finish(ERR_UNREACHABLE);
	assert_int_equal(told.status, 0);
}

static void test_bad_requests(void **state)
{
	static const char *const urls[] = {
		"", "file:///etc/passwd", "ftp://127.0.0.1/", "127.0.0.1", "http://", "http://[/"};
	const struct http_client_header bad[] = {
		{BYTES_LIT("X"), BYTES_LIT("a\r\nY: b")},
		{BYTES_LIT("X\n"), BYTES_LIT("a")},
		{BYTES_LIT("X"), {"a\0b", 3}},
	};
	struct http_client_request request = get();
	(void)state;
	server.answer = HEAD "0\r\n\r\n";
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		request.url = urls[i];
		start(&request);
		finish(ERR_BAD_REQUEST);
	}
	request.url = server.url;
	request.header_count = 1;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		request.headers = &bad[i];
		start(&request);
		finish(ERR_BAD_REQUEST);
	}
	assert_int_equal(server.request.len, 0);
}

static void test_refused_by_the_caller(void **state)
{
	struct http_client_request request = get();
	(void)state;
	request.on_body = on_body;
	told.body_err = ERR_FORBIDDEN;
	server.answer = HEAD "5\r\n\r\nhello";
	start(&request);
	finish(ERR_FORBIDDEN);
	assert_int_equal(told.pieces, 1);
}

/* ---- withdrawn ---- */

static void test_cancel(void **state)
{
	struct http_client_request request = get();
	(void)state;
	start(&request);
	http_client_cancel(&told.call);
	assert_null(told.call);
	http_client_cancel(&told.call);
	quiet();
	start(&request); /* nothing is answered */
	quiet();
	http_client_cancel(&told.call);
	quiet();

	told.cancel = true; /* inside */
	request.on_body = on_body;
	server.answer = HEAD "5\r\n\r\nhello";
	start(&request);
	quiet();
	assert_int_equal(told.pieces, 1);
	request.on_head = on_head;
	start(&request);
	quiet();
	assert_int_equal(told.heads, 1);
	assert_int_equal(told.pieces, 0);
	server.answer = HEAD "0\r\n\r\n";
	start(&request);
	quiet();
	assert_int_equal(told.heads, 1);
}

static void test_destroyed_inside_done(void **state)
{
	struct http_client_request request = get();
	(void)state;
	told.destroy = true;
	server.answer = HEAD "5\r\n\r\nhello";
	start(&request);
	finish(0);
	assert_null(client);
}

static void test_destroyed_with_calls(void **state)
{
	struct http_client_request request = get();
	(void)state;
	start(&request);
	quiet();
	start(&request);
	request.url = "none";
	http_client_start(client, &request);
	http_client_destroy(&client);
	quiet();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_get),
		TEST(test_post),
		TEST(test_streamed),
		TEST(test_redirect_is_an_answer),
		TEST(test_no_proxy),
		TEST(test_size),
		TEST(test_heads_are_bounded),
		TEST(test_deadlines),
		TEST(test_unreachable),
		TEST(test_bad_requests),
		TEST(test_refused_by_the_caller),
		TEST(test_cancel),
		TEST(test_destroyed_inside_done),
		TEST(test_destroyed_with_calls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
