/* Connections that move between the HTTP servers of two threads, there and back, while others do:
 * what TSan is to see. */
#include "chatd/net/http_conn.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/loop/loop.h"
#include "lib/loop/mailbox.h"
#include "lib/loop/thread.h"
#include "lib/net/chunk.h"
#include "lib/net/stream.h"

enum { CLIENTS = 8, ROUNDS = 50 };

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(path, body) \
	"POST " path " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" body \
	"\r\n0\r\n\r\n"

struct side {
	pthread_t thread;
	struct loop *loop;
	struct stream_pool *pool;
	struct mailbox *box;
	struct http_server *server;
	struct side *other;
	char own; /* first letter of the paths that are served here */
	unsigned requests;
	unsigned told;
	struct mail stop;
};

struct hop {
	struct mail mail;
	struct side *to;
	struct http_moved moved;
};

static void hop_run(struct mail *mail)
{
	struct hop *hop = CONTAINER_OF(mail, struct hop, mail);
	http_server_adopt_moved(hop->to->server, &hop->moved);
	free(hop);
}

static void on_written(void *ctx, int err)
{
	struct side *side = ctx;
	side->told += err == 0 ? 1 : 0;
}

/* /a/ and /b/ by copies, /A/ and /B/ by chunks. */
static void on_request(void *ctx, struct http_exchange *x)
{
	struct side *side = ctx;
	char first = x->path.len > 1 ? x->path.ptr[1] : 0;
	if ((first | 0x20) != side->own) {
		struct hop *hop = mem_zalloc(sizeof(*hop));
		hop->to = side->other;
		if (http_move(x, &hop->moved) == 0) {
			mailbox_post(side->other->box, &hop->mail, hop_run);
		} else {
			free(hop);
			http_abort(x);
		}
		return;
	}
	side->requests++;
	struct bytes answer = x->body.len > 0 ? x->body : x->path;
	if ((first & 0x20) != 0) {
		http_respond(x, 200, NULL, NULL, answer);
	} else {
		struct chunk *chunk = chunk_copy(answer);
		http_respond_chunks(x, 200, NULL, NULL, &chunk, 1, on_written, side);
		chunk_unref(chunk);
	}
}

/* Only who serves it reads the body. */
static enum http_decision on_head(void *ctx, struct http_exchange *x, size_t *body_max)
{
	const struct side *side = ctx;
	(void)body_max;
	return x->path.len > 1 && (x->path.ptr[1] | 0x20) == side->own ? HTTP_READ_BODY
								       : HTTP_ANSWER_NOW;
}

static const struct http_handler handler = {.on_head = on_head, .on_request = on_request};

static void stop_run(struct mail *mail)
{
	loop_stop(CONTAINER_OF(mail, struct side, stop)->loop);
}

static void *side_main(void *arg)
{
	struct side *side = arg;
	loop_run(side->loop);
	return NULL;
}

static void side_open(struct side *side, struct side *other, char own)
{
	*side = (struct side){.loop = loop_create(), .other = other, .own = own};
	side->pool = stream_pool_create(side->loop);
	side->box = mailbox_create(side->loop);
	struct http_server_params params = {.loop = side->loop,
		.pool = side->pool,
		.clock = &clock_system,
		.handler = &handler,
		.ctx = side};
	side->server = http_server_create(&params);
}

static void side_finish(struct side *side)
{
	mailbox_post(side->box, &side->stop, stop_run);
	thread_join(side->thread);
	http_server_destroy(&side->server);
	mailbox_destroy(&side->box);
	stream_pool_destroy(&side->pool);
	loop_destroy(&side->loop);
}

/* One round: pipelined, so that the connection has to move between them. */
static const char round_text[] = GET("/a1") GET("/b2") GET("/B3") GET("/A4")
	POST("/b", "8\r\nbody-of5") GET("/a6") POST("/A", "8\r\nbody-of7") GET("/B8");
static const char *const round_answers[] = {
	"/a1", "/b2", "/B3", "/A4", "body-of5", "/a6", "body-of7", "/B8"};

static void read_answer(int fd, struct buf *in, const char *body)
{
	size_t len = strlen(body);
	char part[4096];
	for (;;) {
		const char *end = in->len > 0 ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
		size_t head = end != NULL ? (size_t)(end - in->data) + 4 : in->len;
		if (end != NULL && in->len >= head + len) {
			assert_memory_equal(in->data, "HTTP/1.1 200 OK\r\n", 17);
			assert_memory_equal(in->data + head, body, len);
			buf_consume(in, head + len);
			return;
		}
		ssize_t n = recv(fd, part, sizeof(part), 0);
		assert_true(n > 0);
		buf_append(in, part, (size_t)n);
	}
}

static void play(const int *clients)
{
	struct buf in[CLIENTS] = {{NULL, 0, 0}};
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < CLIENTS; i++) {
			assert_int_equal(
				send(clients[i], round_text, sizeof(round_text) - 1, MSG_NOSIGNAL),
				sizeof(round_text) - 1);
		}
		for (size_t i = 0; i < CLIENTS; i++) {
			for (size_t a = 0; a < sizeof(round_answers) / sizeof(*round_answers);
				a++) {
				read_answer(clients[i], &in[i], round_answers[a]);
			}
		}
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_int_equal(in[i].len, 0);
		buf_finish(&in[i]);
	}
}

static void there_and_back(void **state)
{
	struct side a;
	struct side b;
	int clients[CLIENTS];
	(void)state;
	side_open(&a, &b, 'a');
	side_open(&b, &a, 'b');
	for (size_t i = 0; i < CLIENTS; i++) {
		int fds[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		clients[i] = fds[0];
		http_server_adopt(i % 2 == 0 ? a.server : b.server, fds[1], "peer");
	}
	assert_int_equal(thread_start(&a.thread, "a", side_main, &a), 0);
	assert_int_equal(thread_start(&b.thread, "b", side_main, &b), 0);
	play(clients);
	side_finish(&a);
	side_finish(&b);
	for (size_t i = 0; i < CLIENTS; i++) {
		close(clients[i]);
	}
	assert_int_equal(a.requests, CLIENTS * ROUNDS * 4);
	assert_int_equal(b.requests, CLIENTS * ROUNDS * 4);
	assert_int_equal(a.told, CLIENTS * ROUNDS * 2);
	assert_int_equal(b.told, CLIENTS * ROUNDS * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
	};
	return cmocka_run_group_tests_name("chatd_http_hop", tests, NULL, NULL);
}
