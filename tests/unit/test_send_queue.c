#include "lib/net/send_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

static int setup(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
}

static int teardown(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void push(struct send_queue *queue, const char *text)
{
	struct chunk *chunk = chunk_copy(bytes_str(text));
	send_queue_push(queue, chunk);
	chunk_unref(chunk);
}

static void assert_received(const char *text)
{
	char got[65536];
	ssize_t n = read(ends[1], got, sizeof(got));
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void test_one_and_many(void **state)
{
	struct send_queue queue = {0};
	size_t asked;
	(void)state;
	push(&queue, "one");
	assert_int_equal(queue.bytes, 3);
	assert_int_equal(send_queue_send(&queue, ends[0], &asked), 3);
	assert_int_equal(asked, 3);
	assert_int_equal(queue.bytes + queue.count, 0);
	assert_received("one");
	push(&queue, "a");
	push(&queue, "bc");
	assert_int_equal(queue.cap, 0);
	push(&queue, "def");
	assert_int_not_equal(queue.cap, 0);
	assert_int_equal(send_queue_send(&queue, ends[0], &asked), 6);
	/* Empty: the ring is gone. */
	assert_int_equal(queue.cap, 0);
	assert_received("abcdef");
}

/* More than one call gathers. */
static void test_gather_limit(void **state)
{
	struct send_queue queue = {0};
	size_t asked;
	(void)state;
	for (int i = 0; i < SEND_QUEUE_GATHER + 3; i++) {
		push(&queue, "xy");
	}
	assert_int_equal(send_queue_send(&queue, ends[0], &asked), 2 * SEND_QUEUE_GATHER);
	assert_int_equal(asked, 2 * SEND_QUEUE_GATHER);
	assert_int_equal(queue.count, 3);
	assert_int_equal(queue.bytes, 6);
	send_queue_clear(&queue);
	assert_int_equal(queue.count + queue.bytes + queue.cap, 0);
}

/* A receiver that reads odd amounts: parts of chunks, a ring that wraps and grows; the bytes come
 * out as they went in. */
static void test_parts(void **state)
{
	struct send_queue queue = {0};
	int small = 1;
	uint32_t in = 0, out = 0;
	unsigned seed = 7;
	(void)state;
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (int turn = 0; turn < 3000; turn++) {
		for (int i = rand_r(&seed) % 8; i > 0 && queue.bytes < 200000; i--) {
			size_t len = (size_t)rand_r(&seed) % 3000 + 1;
			struct chunk *chunk = chunk_create(len);
			for (size_t k = 0; k < len; k++) {
				chunk_space(chunk)[k] = (char)(in++ % 251);
			}
			send_queue_push(&queue, chunk);
			chunk_unref(chunk);
		}
		size_t before = queue.bytes, asked;
		ssize_t n = queue.count > 0 ? send_queue_send(&queue, ends[0], &asked) : 0;
		assert_true(n >= 0 || errno == EAGAIN);
		assert_int_equal(queue.bytes, before - (n > 0 ? (size_t)n : 0));
		char got[5000];
		ssize_t len = read(ends[1], got, (size_t)rand_r(&seed) % sizeof(got) + 1);
		for (ssize_t k = 0; k < len; k++) {
			assert_int_equal((unsigned char)got[k], out++ % 251);
		}
	}
	assert_true(out > 1000000);
	send_queue_clear(&queue);
}

static void test_broken(void **state)
{
	struct send_queue queue = {0};
	size_t asked;
	(void)state;
	close(ends[1]);
	ends[1] = -1;
	push(&queue, "x");
	/* No SIGPIPE, and the queue is as it was. */
	assert_int_equal(send_queue_send(&queue, ends[0], &asked), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(queue.bytes, 1);
	push(&queue, "y");
	assert_int_equal(send_queue_send(&queue, ends[0], &asked), -1);
	send_queue_clear(&queue);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_and_many),
		TEST(test_gather_limit),
		TEST(test_parts),
		TEST(test_broken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
