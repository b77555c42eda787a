/* WebSockets on real sockets: what the owner is told, what he may do inside of it, and how each
 * ends for the peer. */
#include "chatd/transport/ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/loop/loop.h"
#include "tests/unit/ws_echo.h"

#define CLOSE_TIMEOUT_US 300000
#define NORMAL BYTES_LIT("\x03\xe8")

enum act { NOTHING, CLOSE, ABORT };

/* One WebSocket, its owner, and the peer's plain descriptor. */
struct side {
	struct loop *loop;
	struct stream_pool *streams;
	struct ws_pool *sockets;
	struct stream *stream;
	struct transport *transport; /* NULL once the owner has forgotten it */
	int peer;
	struct buf got; /* payload */
	struct buf heard; /* by the peer */
	int ends, end_err, drains;
	enum act in_payload, in_closing, in_drain;
	bool stays; /* the answer to on_closing */
};

static void act(struct side *side, enum act what)
{
	struct transport *transport = side->transport;
	if (what != NOTHING && transport != NULL) {
		side->transport = NULL;
		if (what == CLOSE) {
			transport->ops->close(transport);
		} else {
			transport->ops->abort(transport);
		}
	}
}

static void on_payload(void *ctx, struct bytes payload)
{
	struct side *side = ctx;
	assert_non_null(side->transport);
	buf_append_bytes(&side->got, payload);
	act(side, side->in_payload);
}

static void on_end(void *ctx, int err)
{
	struct side *side = ctx;
	assert_non_null(side->transport);
	side->transport = NULL;
	side->ends++;
	side->end_err = err;
}

static bool on_closing(void *ctx)
{
	struct side *side = ctx;
	act(side, side->in_closing);
	return side->stays;
}

static void on_drain(void *ctx)
{
	struct side *side = ctx;
	side->drains++;
	act(side, side->in_drain);
}

static const struct transport_events events = {
	.on_payload = on_payload,
	.on_end = on_end,
	.on_closing = on_closing,
	.on_drain = on_drain,
};

static void tcp_pair(int ends[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ends[1], (struct sockaddr *)&at, sizeof(at)), 0);
	ends[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ends[0] >= 0);
	close(listener);
}

/* tcp: with ends in order and resets; else a pair whose buffer is as small as can be. */
static void side_open(struct side *side, bool tcp, struct bytes early)
{
	static const struct stream_events none;
	const struct ws_params params = {CLOSE_TIMEOUT_US, 1000000};
	const int least = 1;
	int ends[2];
	side->loop = loop_create();
	side->streams = stream_pool_create(side->loop);
	side->sockets = ws_pool_create(side->loop, &params);
	if (tcp) {
		tcp_pair(ends);
	} else {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	}
	side->peer = ends[1];
	side->stream = stream_open(side->streams, ends[0], &none, NULL);
	side->transport = ws_open(side->sockets, side->stream);
	transport_own(side->transport, &events, side);
	ws_start(side->transport, early);
}

static void turns(struct side *side, int count)
{
	for (int i = 0; i < count; i++) {
		loop_turn(side->loop, 0);
	}
}

static void side_finish(struct side *side)
{
	act(side, ABORT);
	turns(side, 2);
	ws_pool_destroy(&side->sockets);
	close(side->peer);
	assert_int_equal(stream_pool_count(side->streams), 0);
	stream_pool_destroy(&side->streams);
	loop_destroy(&side->loop);
	buf_finish(&side->got);
	buf_finish(&side->heard);
}

static void say(struct side *side, uint8_t first, struct bytes payload)
{
	struct buf out = {0};
	put_frame(&out, first, payload);
	assert_int_equal(send(side->peer, out.data, out.len, MSG_NOSIGNAL), out.len);
	buf_finish(&out);
	turns(side, 3);
}

/* What the peer can read now. 1: more may come; 0: the end; -1: a reset. */
static int listen_once(struct side *side)
{
	char piece[4096];
	ssize_t n = recv(side->peer, piece, sizeof(piece), MSG_DONTWAIT);
	if (n > 0) {
		buf_append(&side->heard, piece, (size_t)n);
		return 1;
	}
	if (n == 0) {
		return 0;
	}
	if (errno == ECONNRESET) {
		return -1;
	}
	assert_int_equal(errno, EAGAIN);
	loop_turn(side->loop, 1);
	return 1;
}

static void expect_heard(struct side *side, const char *lines)
{
	for (int i = 0; i < 20; i++) {
		listen_once(side);
	}
	assert_sees("the peer", &side->heard, bytes_str(lines));
	buf_clear(&side->heard);
}

/* end: 0 in order, -1 by a reset. */
static void expect_end(struct side *side, const char *lines, int end)
{
	int how = 1;
	for (int i = 0; i < 2000 && how == 1; i++) {
		how = listen_once(side);
	}
	assert_int_equal(how, end);
	assert_sees("the peer", &side->heard, bytes_str(lines));
	buf_clear(&side->heard);
}

static void owner_sends(struct side *side, size_t size)
{
	char header[WS_HEADER_MAX];
	size_t len = ws_write_header(header, WS_BINARY, true, size, NULL);
	struct chunk *chunk = chunk_create(len + size);
	memcpy(chunk_space(chunk), header, len);
	memset(chunk_space(chunk) + len, 'x', size);
	side->transport->ops->send(side->transport, chunk);
	chunk_unref(chunk);
}

static size_t queued(const struct side *side)
{
	return side->transport->ops->queued(side->transport);
}

static void test_both_ways(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, true, BYTES_NONE);
	say(&side, 0x01, BYTES_LIT("Hel"));
	say(&side, 0x89, BYTES_LIT("ping"));
	say(&side, 0x80, BYTES_LIT("lo"));
	say(&side, 0x82, BYTES_LIT(", "));
	say(&side, 0x8a, BYTES_LIT("pong"));
	say(&side, 0x81, BYTES_LIT("world"));
	owner_sends(&side, 3);
	expect_heard(&side, "pong[ping]\nbinary[xxx]\n");
	assert_string_equal(buf_cstr(&side.got), "Hello, world");
	say(&side, 0x88, BYTES_LIT("\x0f\xa0"));
	expect_end(&side, "close 1000[]\n", 0);
	assert_int_equal(side.ends, 1);
	assert_int_equal(side.end_err, 0);
	side_finish(&side);
}

/* Of bytes behind the upgrade, and inside the very first event. */
static void test_early(void **state)
{
	struct buf early = {0};
	(void)state;
	for (enum act what = NOTHING; what <= ABORT; what++) {
		struct side side = {.in_payload = what};
		buf_clear(&early);
		put_frame(&early, 0x81, BYTES_LIT("first"));
		put_frame(&early, 0x89, BYTES_LIT("ping"));
		side_open(&side, true, buf_bytes(&early));
		assert_string_equal(buf_cstr(&side.got), "first");
		if (what == NOTHING) {
			expect_heard(&side, "pong[ping]\n");
		} else {
			expect_end(&side, what == CLOSE ? "close 1000[]\n" : "", -1);
		}
		side_finish(&side);
	}
	buf_finish(&early);
}

/* The owner ends it inside an event: nothing more is told, and the peer sees what it should. */
static void test_end_inside(void **state)
{
	static const struct {
		enum act in_payload, in_closing;
		bool stays;
		const char *heard;
		int end;
	} rows[] = {
		{CLOSE, NOTHING, false, "close 1000[]\n", 0},
		{ABORT, NOTHING, false, "", -1},
		{NOTHING, CLOSE, false, "close 1000[]\n", 0},
		{NOTHING, CLOSE, true, "close 1000[]\n", 0},
		{NOTHING, ABORT, false, "", -1},
		{NOTHING, ABORT, true, "", -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct side side = {.in_payload = rows[i].in_payload,
			.in_closing = rows[i].in_closing,
			.stays = rows[i].stays};
		struct buf all = {0};
		put_frame(&all, 0x81, BYTES_LIT("a"));
		put_frame(&all, 0x81, BYTES_LIT("b"));
		put_frame(&all, 0x88, NORMAL);
		put_frame(&all, 0x81, BYTES_LIT("c"));
		side_open(&side, true, BYTES_NONE);
		assert_int_equal(send(side.peer, all.data, all.len, 0), all.len);
		expect_end(&side, rows[i].heard, rows[i].end);
		assert_int_equal(side.ends, 0);
		assert_string_equal(
			buf_cstr(&side.got), rows[i].in_payload != NOTHING ? "a" : "ab");
		assert_int_equal(ws_pool_closing(side.sockets), 0);
		buf_finish(&all);
		side_finish(&side);
	}
}

/* The peer says goodbye, the owner has something left to send. */
static void test_left(void **state)
{
	struct side side = {.stays = true};
	(void)state;
	side_open(&side, true, BYTES_NONE);
	say(&side, 0x88, NORMAL);
	say(&side, 0x81, BYTES_LIT("behind"));
	say(&side, 0x89, BYTES_LIT("behind"));
	expect_heard(&side, "");
	assert_int_equal(side.got.len, 0);
	owner_sends(&side, 4);
	act(&side, CLOSE);
	expect_end(&side, "binary[xxxx]\nclose 1000[]\n", 0);
	side_finish(&side);
	/* It went away meanwhile. */
	side = (struct side){.stays = true};
	side_open(&side, true, BYTES_NONE);
	say(&side, 0x88, NORMAL);
	shutdown(side.peer, SHUT_WR);
	turns(&side, 3);
	assert_int_equal(side.ends, 1);
	assert_int_equal(side.end_err, ERR_CLOSED);
	side_finish(&side);
}

/* After our Close nothing is served or answered, the peer's Close ends it in order, a breach or its
 * silence by a reset. */
static void test_closing(void **state)
{
	static const struct {
		struct frame answer;
		int end;
	} rows[] = {
		{{0x88, NORMAL}, 0},
		{{0x88, BYTES_LIT("")}, 0},
		{{0x88, BYTES_LIT("\x03\xe7")}, 0},
		{{0xff, BYTES_LIT("")}, -1},
		{{0, BYTES_NONE}, -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct side side = {0};
		side_open(&side, true, BYTES_NONE);
		act(&side, CLOSE);
		assert_int_equal(ws_pool_closing(side.sockets), 1);
		say(&side, 0x81, BYTES_LIT("late"));
		say(&side, 0x89, BYTES_LIT("late"));
		expect_heard(&side, "close 1000[]\n");
		if (rows[i].answer.payload.ptr != NULL) {
			say(&side, rows[i].answer.first, rows[i].answer.payload);
		} else {
			uint64_t begun = loop_now_us(side.loop);
			while (ws_pool_closing(side.sockets) > 0) {
				loop_turn(side.loop, 20);
				assert_true(loop_now_us(side.loop) - begun < 5000000);
			}
		}
		expect_end(&side, "", rows[i].end);
		assert_int_equal(side.got.len + (size_t)side.ends, 0);
		side_finish(&side);
	}
}

static void test_ends(void **state)
{
	static const struct {
		struct frame frame;
		const char *heard;
		int end;
	} rows[] = {
		{{0x81, BYTES_LIT("\xff")}, "close 1007[]\n", -1},
		{{0x83, BYTES_LIT("")}, "close 1002[]\n", -1},
		{{0x08, NORMAL}, "close 1002[]\n", -1},
		{{0x88, BYTES_LIT("x")}, "close 1002[]\n", 0},
		{{0x88, BYTES_LIT("\x03\xec")}, "close 1002[]\n", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct side side = {.stays = true};
		side_open(&side, true, BYTES_NONE);
		say(&side, rows[i].frame.first, rows[i].frame.payload);
		expect_end(&side, rows[i].heard, rows[i].end);
		assert_int_equal(side.ends, 1);
		assert_int_equal(side.end_err, ERR_BAD_REQUEST);
		side_finish(&side);
	}
}

/* Sends until so much waits that the kernel did not take. */
static void fill(struct side *side, size_t size)
{
	while (queued(side) < size) {
		owner_sends(side, 500);
		turns(side, 1);
	}
}

/* The peer reads until at most so much waits; 0: all. */
static void drain(struct side *side, size_t left)
{
	while (side->transport != NULL && queued(side) > left) {
		listen_once(side);
		turns(side, 1);
	}
}

static size_t count_in(struct side *side, const char *word)
{
	struct buf lines = {0};
	size_t count = 0;
	for (int i = 0; i < 50; i++) {
		listen_once(side);
	}
	view_frames(&side->heard, &lines);
	for (const char *p = buf_cstr(&lines); (p = strstr(p, word)) != NULL; p++) {
		count++;
	}
	buf_finish(&lines);
	return count;
}

/* Who pings and does not read gets the last pong only, and makes us hold one payload. */
static void test_unread_pongs(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, false, BYTES_NONE);
	fill(&side, 5000);
	size_t before = queued(&side);
	for (int i = 0; i < 1000; i++) {
		say(&side, 0x89, BYTES_LIT("many"));
	}
	say(&side, 0x89, BYTES_LIT("last"));
	assert_int_equal(queued(&side), before);
	drain(&side, 0);
	assert_int_equal(count_in(&side, "pong[many]"), 0);
	assert_int_equal(count_in(&side, "pong[last]"), 1);
	assert_int_equal(side.drains, 0); /* the owner wanted none */
	side_finish(&side);
}

/* One that waits is not sent behind that of a later ping. */
static void test_older_pong(void **state)
{
	struct side side = {0};
	(void)state;
	side_open(&side, false, BYTES_NONE);
	fill(&side, 6000);
	say(&side, 0x89, BYTES_LIT("older"));
	drain(&side, 4096);
	assert_true(queued(&side) > 0);
	say(&side, 0x89, BYTES_LIT("newer"));
	drain(&side, 0);
	assert_int_equal(count_in(&side, "pong[newer]"), 1);
	assert_int_equal(count_in(&side, "pong[older]"), 0);
	side_finish(&side);
}

static void test_end_in_drain(void **state)
{
	(void)state;
	for (enum act what = CLOSE; what <= ABORT; what++) {
		struct side side = {.in_drain = what};
		side_open(&side, false, BYTES_NONE);
		fill(&side, 6000);
		side.transport->ops->want_drain(side.transport, true);
		say(&side, 0x89, BYTES_LIT("due"));
		drain(&side, 0);
		assert_int_equal(side.drains, 1);
		assert_null(side.transport);
		assert_int_equal(count_in(&side, "close 1000[]"), what == CLOSE ? 1 : 0);
		side_finish(&side);
	}
}

/* Memory is short: of those that are closing only such go as hold some. */
static void test_drop_closing(void **state)
{
	(void)state;
	for (int full = 0; full <= 1; full++) {
		struct side side = {0};
		side_open(&side, false, BYTES_NONE);
		if (full == 1) {
			fill(&side, 6000);
		}
		act(&side, CLOSE);
		turns(&side, 3);
		ws_pool_drop_closing(side.sockets, 1);
		assert_int_equal(ws_pool_closing(side.sockets), full == 1 ? 0 : 1);
		side_finish(&side);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_end_inside),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_closing),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_unread_pongs),
		cmocka_unit_test(test_older_pong),
		cmocka_unit_test(test_end_in_drain),
		cmocka_unit_test(test_drop_closing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
