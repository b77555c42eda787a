#include "tests/unit/http_fixture.h"

#include <errno.h>
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
#include "lib/base/err.h"
#include "lib/loop/loop.h"
#include "lib/net/stream.h"

static int64_t fixed_wall(const struct clock *clock)
{
	(void)clock;
	return 1700000000000;
}

static uint64_t no_mono(const struct clock *clock)
{
	(void)clock;
	return 0;
}

static const struct clock fixed_clock = {no_mono, fixed_wall};

static void echo(struct http_exchange *x)
{
	struct buf text = {NULL, 0, 0};
	buf_printf(&text, "%.*s %.*s?%.*s %.*s", BYTES_ARG(x->head.method_text), BYTES_ARG(x->path),
		BYTES_ARG(x->query), BYTES_ARG(x->body));
	http_respond(x, 200, "text/plain", NULL, buf_bytes(&text));
	buf_finish(&text);
}

static void on_gone(void *ctx)
{
	struct http_fixture *f = ctx;
	f->gone++;
	if (f->answer_when_gone) {
		http_respond(f->pending[--f->pending_count], 204, NULL, NULL, BYTES_NONE);
	}
}

static void up_data(void *ctx, struct bytes data)
{
	struct http_fixture *f = ctx;
	buf_append_bytes(&f->upgraded, data);
}

static void up_end(void *ctx, int err)
{
	struct http_fixture *f = ctx;
	(void)err;
	stream_close(&f->stream);
}

static const struct stream_events up_events = {up_data, up_end, NULL};

void http_do_upgrade(struct http_fixture *f, struct http_exchange *x)
{
	f->upgrade_err = http_upgrade(
		x, BYTES_LIT("HTTP/1.1 101 Switching Protocols\r\n\r\n"), &f->stream, &f->rest);
	if (f->upgrade_err == 0) {
		stream_set_owner(f->stream, &up_events, f);
	} else {
		http_respond(x, 400, NULL, NULL, BYTES_NONE);
	}
}

static bool path_is(const struct http_exchange *x, const char *path)
{
	return bytes_eq(x->path, bytes_str(path));
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct http_fixture *f = ctx;
	static char big[300000];
	assert_int_equal(f->depth, 0);
	f->depth++;
	f->requests++;
	if (f->serve != NULL && f->serve(f, x)) {
		f->depth--;
		return;
	}
	if (path_is(x, "/later")) {
		f->pending[f->pending_count++] = x;
		http_on_gone(x, on_gone, f);
	} else if (path_is(x, "/upgrade")) {
		http_do_upgrade(f, x);
	} else if (path_is(x, "/abort")) {
		http_abort(x);
	} else if (path_is(x, "/empty")) {
		http_respond(x, 404, NULL, "X-One: 1\r\nX-Two: 2\r\n", BYTES_NONE);
	} else if (path_is(x, "/always")) {
		x->extra = "X-Always: 0\r\n";
		http_respond(x, 204, NULL, "X-One: 1\r\n", BYTES_NONE);
	} else if (path_is(x, "/none")) {
		http_respond(x, 204, "text/plain", NULL, BYTES_LIT("never sent"));
	} else if (path_is(x, "/big")) {
		memset(big, 'b', sizeof(big));
		http_respond(x, 200, NULL, NULL, bytes_of(big, sizeof(big)));
	} else {
		echo(x);
	}
	f->depth--;
}

static enum http_decision on_head(void *ctx, struct http_exchange *x, size_t *body_max)
{
	struct http_fixture *f = ctx;
	assert_int_equal(f->depth, 0);
	if (path_is(x, "/small")) {
		*body_max = 4;
	}
	return f->answer_now || path_is(x, "/now") || path_is(x, "/upgrade") ? HTTP_ANSWER_NOW
									     : HTTP_READ_BODY;
}

static const char *fail_body(void *ctx, int status, const char *text, struct buf *body)
{
	const struct http_fixture *f = ctx;
	buf_printf(body, "<%d: %s>", status, text);
	return f->fail_type;
}

static const struct http_handler handler = {.on_head = on_head, .on_request = on_request};
static const struct http_handler wording_handler = {
	.on_head = on_head,
	.on_request = on_request,
	.fail_body = fail_body,
};
static const struct http_handler headless_handler = {.on_request = on_request};

void http_connect_early(struct http_fixture *f, struct bytes early)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	f->client = fds[0];
	f->closed = f->reset = false;
	buf_clear(&f->got);
	http_server_adopt_early(f->server, fds[1], "192.0.2.1:4711", early);
}

static void make_server(struct http_fixture *f)
{
	struct http_server_params params = {.loop = f->loop,
		.pool = f->pool,
		.clock = &fixed_clock,
		.limits = &f->limits,
		.metrics = &f->metrics,
		.handler = f->headless		  ? &headless_handler
			   : f->fail_type != NULL ? &wording_handler
						  : &handler,
		.ctx = f};
	f->server = http_server_create(&params);
	http_connect_early(f, BYTES_NONE);
}

int http_setup(void **state)
{
	struct http_fixture *f = mem_zalloc(sizeof(*f));
	f->loop = loop_create();
	f->pool = stream_pool_create(f->loop);
	f->limits = http_limits_default;
	make_server(f);
	*state = f;
	return 0;
}

int http_teardown(void **state)
{
	struct http_fixture *f = *state;
	http_server_destroy(&f->server);
	stream_close(&f->stream);
	if (f->client >= 0) {
		close(f->client);
	}
	stream_pool_destroy(&f->pool);
	loop_destroy(&f->loop);
	buf_finish(&f->got);
	buf_finish(&f->rest);
	buf_finish(&f->upgraded);
	free(f);
	return 0;
}

void http_restart(struct http_fixture *f)
{
	http_server_destroy(&f->server);
	close(f->client);
	make_server(f);
}

void http_reconnect(struct http_fixture *f)
{
	close(f->client);
	http_connect_early(f, BYTES_NONE);
}

static void receive(struct http_fixture *f)
{
	char chunk[65536];
	ssize_t n;
	while (f->client >= 0 && (n = recv(f->client, chunk, sizeof(chunk), 0)) >= 0) {
		if (n == 0) {
			f->closed = true;
			return;
		}
		buf_append(&f->got, chunk, (size_t)n);
	}
	f->reset = f->reset || (f->client >= 0 && errno == ECONNRESET);
}

void http_turn(struct http_fixture *f)
{
	for (int i = 0; i < 4; i++) {
		loop_turn(f->loop, 0);
	}
	receive(f);
}

void http_wait_ms(struct http_fixture *f, int ms)
{
	uint64_t until = clock_mono_us(&clock_system) + (uint64_t)ms * 1000;
	while (clock_mono_us(&clock_system) < until) {
		loop_turn(f->loop, 2);
		receive(f);
	}
}

void http_put(struct http_fixture *f, const char *text)
{
	size_t len = strlen(text);
	assert_int_equal(send(f->client, text, len, MSG_NOSIGNAL), len);
}

void http_talk(struct http_fixture *f, const char *text)
{
	buf_clear(&f->got);
	http_put(f, text);
	http_turn(f);
}

void http_expect(struct http_fixture *f, const char *text)
{
	assert_string_equal(f->got.len > 0 ? buf_cstr(&f->got) : "", text);
	buf_clear(&f->got);
}

void http_expect_start(struct http_fixture *f, const char *text)
{
	if (f->got.len < strlen(text) || memcmp(f->got.data, text, strlen(text)) != 0) {
		fail_msg("%.*s does not start with %s", BYTES_ARG(buf_bytes(&f->got)), text);
	}
}
