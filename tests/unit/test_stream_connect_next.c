/* A host with several addresses: they are tried in turn. The resolver is this file's. */
#include "lib/net/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/err.h"

/* The addresses that every host has here. */
static uint16_t ports[3];
static size_t port_count;
static int freed;

struct entry {
	struct addrinfo info;
	struct sockaddr_in address;
};

/* In front of the C library's. */
int getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	(void)node;
	assert_string_equal(service, "4711");
	assert_int_equal(hints->ai_socktype, SOCK_STREAM);
	*ret = NULL;
	for (size_t i = port_count; i > 0; i--) {
		struct entry *entry = mem_zalloc(sizeof(*entry));
		entry->address.sin_family = AF_INET;
		entry->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		entry->address.sin_port = htons(ports[i - 1]);
		entry->info = (struct addrinfo){.ai_family = AF_INET,
			.ai_socktype = SOCK_STREAM,
			.ai_addr = (struct sockaddr *)&entry->address,
			.ai_addrlen = sizeof(entry->address),
			.ai_next = *ret};
		*ret = &entry->info;
	}
	return port_count > 0 ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *info)
{
	while (info != NULL) {
		struct addrinfo *next = info->ai_next;
		free(info);
		info = next;
		freed++;
	}
}

static void on_data(void *ctx, struct bytes data)
{
	(void)ctx;
	(void)data;
}

static void on_end(void *ctx, int err)
{
	(void)ctx;
	(void)err;
}

static const struct stream_events events = {.on_data = on_data, .on_end = on_end};

struct outcome {
	int calls, err;
	struct stream *stream;
};

static void on_connected(void *ctx, int err, struct stream *stream)
{
	struct outcome *outcome = ctx;
	outcome->calls++;
	outcome->err = err;
	outcome->stream = stream;
}

/* A bound port: with somebody who listens, or where connecting is refused. */
static int bound(uint16_t *ret_port, bool listening)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_true(!listening || listen(fd, 5) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void check(const bool *listening, size_t count, int expected)
{
	struct loop *loop = loop_create();
	struct stream_pool *pool = stream_pool_create(loop);
	struct outcome outcome = {0};
	struct stream_connect *c = NULL;
	int fds[3];
	port_count = count;
	freed = 0;
	for (size_t i = 0; i < count; i++) {
		fds[i] = bound(&ports[i], listening[i]);
	}
	assert_int_equal(stream_connect_start(pool, BYTES_LIT("some.host:4711"), 5000000, &events,
				 NULL, on_connected, &outcome, &c),
		0);
	for (int i = 0; i < 300 && outcome.calls == 0; i++) {
		loop_turn(loop, 20);
	}
	loop_turn(loop, 0);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.err, expected);
	assert_int_equal(freed, count);
	/* The first of those who listen got the connection. */
	bool given = false;
	for (size_t i = 0; i < count; i++) {
		if (listening[i]) {
			fcntl(fds[i], F_SETFL, O_NONBLOCK);
			int peer = accept4(fds[i], NULL, NULL, SOCK_CLOEXEC);
			assert_int_equal(peer >= 0, !given);
			given = true;
			if (peer >= 0) {
				close(peer);
			}
		}
	}
	for (size_t i = 0; i < count; i++) {
		close(fds[i]);
	}
	stream_close(&outcome.stream);
	stream_pool_destroy(&pool);
	loop_destroy(&loop);
}

static void test_next_address(void **state)
{
	(void)state;
	check((bool[]){true}, 1, 0);
	check((bool[]){false, true}, 2, 0);
	check((bool[]){false, false, true}, 3, 0);
	check((bool[]){true, false}, 2, 0);
	check((bool[]){false, true, true}, 3, 0);
	check((bool[]){false, false, false}, 3, ERR_UNREACHABLE);
}

static void test_no_address(void **state)
{
	struct loop *loop = loop_create();
	struct stream_pool *pool = stream_pool_create(loop);
	struct outcome outcome = {0};
	struct stream_connect *c = NULL;
	(void)state;
	port_count = 0;
	assert_int_equal(stream_connect_start(pool, BYTES_LIT("no.host:4711"), 0, &events, NULL,
				 on_connected, &outcome, &c),
		ERR_UNREACHABLE);
	loop_turn(loop, 0);
	assert_int_equal(outcome.calls, 0);
	assert_null(c);
	stream_pool_destroy(&pool);
	loop_destroy(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_address),
		cmocka_unit_test(test_no_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
