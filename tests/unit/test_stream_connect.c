#include "lib/net/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/err.h"

static struct loop *loop;
static struct stream_pool *pool;
static struct stream *connected;
static int calls, result;
static bool inside; /* of the call that starts it */

static void on_data(void *ctx, struct bytes data)
{
	buf_append_bytes(ctx, data);
}

static void on_end(void *ctx, int err)
{
	(void)ctx;
	(void)err;
}

static const struct stream_events events = {.on_data = on_data, .on_end = on_end};

static void on_connected(void *ctx, int err, struct stream *stream)
{
	assert_false(inside);
	assert_int_equal(*(int *)ctx, 7);
	assert_true((err == 0) == (stream != NULL));
	calls++;
	result = err;
	connected = stream;
}

static int setup(void **state)
{
	(void)state;
	calls = 0;
	result = 1;
	connected = NULL;
	loop = loop_create();
	pool = stream_pool_create(loop);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stream_close(&connected);
	stream_pool_destroy(&pool);
	loop_destroy(&loop);
	return 0;
}

static struct buf received;
static int seven = 7;

static int start(const char *address, uint64_t timeout_us, struct stream_connect **ret)
{
	inside = true;
	int err = stream_connect_start(pool, bytes_str(address), timeout_us, &events, &received,
		on_connected, &seven, ret);
	inside = false;
	return err;
}

static void connect_and_wait(const char *address, int expected)
{
	struct stream_connect *c = NULL;
	calls = 0;
	assert_int_equal(start(address, 5000000, &c), 0);
	assert_non_null(c);
	for (int i = 0; i < 500 && calls == 0; i++) {
		loop_turn(loop, 20);
	}
	loop_turn(loop, 0);
	assert_int_equal(calls, 1);
	assert_int_equal(result, expected);
}

static int listen_on(int family, char *address, size_t size)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	socklen_t len = family == AF_INET ? sizeof(four) : sizeof(six);
	struct sockaddr *at =
		family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, at, len) != 0 || listen(fd, 5) != 0) {
		close(fd);
		return -1;
	}
	getsockname(fd, at, &len);
	if (family == AF_INET) {
		snprintf(address, size, "127.0.0.1:%d", ntohs(four.sin_port));
	} else {
		snprintf(address, size, "[::1]:%d", ntohs(six.sin6_port));
	}
	return fd;
}

static void check_bytes(int listener)
{
	int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(peer >= 0);
	assert_int_equal(send(peer, "hi", 2, 0), 2);
	for (int i = 0; i < 100 && received.len < 2; i++) {
		loop_turn(loop, 20);
	}
	assert_string_equal(buf_cstr(&received), "hi");
	buf_finish(&received);
	close(peer);
	stream_close(&connected);
}

static void test_tcp(void **state)
{
	char address[64];
	int listener = listen_on(AF_INET, address, sizeof(address));
	(void)state;
	assert_true(listener >= 0);
	connect_and_wait(address, 0);
	check_bytes(listener);
	char named[64];
	snprintf(named, sizeof(named), "localhost:%s", strchr(address, ':') + 1);
	connect_and_wait(named, 0);
	check_bytes(listener);
	close(listener);
	/* Nobody listens there any more. */
	connect_and_wait(address, ERR_UNREACHABLE);
}

static void test_tcp6(void **state)
{
	char address[64];
	int listener = listen_on(AF_INET6, address, sizeof(address));
	(void)state;
	if (listener < 0) {
		skip(); /* a machine without it */
	}
	connect_and_wait(address, 0);
	check_bytes(listener);
	close(listener);
}

static void test_unix(void **state)
{
	char folder[] = "/tmp/test_stream_connect.XXXXXX";
	char address[128];
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", folder);
	snprintf(address, sizeof(address), "unix:%s", at.sun_path);
	connect_and_wait(address, ERR_UNREACHABLE);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 5), 0);
	connect_and_wait(address, 0);
	check_bytes(listener);
	close(listener);
	connect_and_wait(address, ERR_UNREACHABLE);
	unlink(at.sun_path);
	rmdir(folder);
}

static void test_bad_addresses(void **state)
{
	static const char *const bad[] = {"", "localhost", ":80", "host:", "host:0", "host:65536",
		"host:8a", "host:-1", "host:000080", "[::1]", "[::1]80", "[]:80", "[::1:80",
		"::1:80", "unix:"};
	char path[200] = "unix:";
	struct stream_connect *c = NULL;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(start(bad[i], 0, &c), ERR_BAD_REQUEST);
		assert_null(c);
	}
	memset(path + 5, 'p', 120);
	assert_int_equal(start(path, 0, &c), ERR_BAD_REQUEST);
	assert_int_equal(start("host.invalid:80", 0, &c), ERR_UNREACHABLE);
	loop_turn(loop, 0);
	assert_int_equal(calls, 0);
}

/* A listener whose queue is full answers nothing. */
static void test_timeout_and_cancel(void **state)
{
	char address[64];
	int listener = listen_on(AF_INET, address, sizeof(address));
	struct stream_connect *c[20] = {0};
	(void)state;
	assert_true(listener >= 0);
	assert_int_equal(listen(listener, 0), 0);
	uint64_t began = loop_now_us(loop);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(start(address, 100000, &c[i]), 0);
	}
	/* Those that are never told of: cancelled before the loop runs. */
	for (int i = 10; i < 20; i++) {
		stream_connect_cancel(&c[i]);
		assert_null(c[i]);
	}
	int timeouts = 0;
	while (calls < 10 && loop_now_us(loop) - began < 10000000) {
		loop_turn(loop, 10);
		stream_close(&connected);
	}
	assert_int_equal(calls, 10);
	timeouts += result == ERR_TIMEOUT;
	assert_int_equal(timeouts, 1);
	assert_true(loop_now_us(loop) - began >= 100000);
	close(listener);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tcp),
		TEST(test_tcp6),
		TEST(test_unix),
		TEST(test_bad_addresses),
		TEST(test_timeout_and_cancel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
