/* Claims: POSTs that come before their transport. */
#include "chatd/conn/claims.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/http_fixture.h"
#include "tests/unit/hub_fixture.h"

#define KEEP_US 15000000
#define TAKEN OK(PLAIN("0"), "")
#define REFUSED "HTTP/1.1 404 Not Found\r\n" DATE PLAIN("26") "\r\nNo Connection with that ID"

/* One worker with claims; POSTs come by a server of their own. */
struct fixture {
	struct hub hub;
	struct http_fixture *http;
	struct claims *claims;
	struct inbox *to; /* where the next POST goes */
	struct inbox inbox; /* the transport's */
	struct transport transport;
	struct buf payload;
	struct uuid id;
};

static void on_payload(void *ctx, struct bytes payload)
{
	struct fixture *f = ctx;
	buf_append_bytes(&f->payload, payload);
}

static const struct transport_events owner = {.on_payload = on_payload};

static bool serve(struct http_fixture *http, struct http_exchange *x)
{
	struct fixture *f = http->test;
	inbox_take(f->to, x);
	return true;
}

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	void *http = NULL;
	hub_open(&f->hub, 1, "");
	assert_int_equal(http_setup(&http), 0);
	f->http = http;
	f->http->serve = serve;
	f->http->test = f;
	f->claims = f->hub.sv[0].claims;
	inbox_init(&f->inbox, f->hub.sv[0].loop);
	transport_own(&f->transport, &owner, f);
	uuid_random(&f->id);
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	void *http = f->http;
	inbox_finish(&f->inbox);
	hub_close(&f->hub);
	assert_int_equal(http_teardown(&http), 0);
	buf_finish(&f->payload);
	free(f);
	return 0;
}

static struct claim *wait_for(struct fixture *f)
{
	struct claim *claim = claims_wait(f->claims, &f->id, KEEP_US);
	assert_ptr_equal(claims_find(f->claims, &f->id), claim);
	assert_int_equal(claim->state, CLAIM_WAITING);
	f->to = claim->waiting;
	return claim;
}

/* A body that is kept, and one that finds no room. */
static void post_both(struct fixture *f)
{
	http_talk(f->http, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
	http_expect(f->http, TAKEN);
	http_put(f->http, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n");
	char fill[4097] = {0};
	memset(fill, 'f', 4096);
	for (int i = 0; i < 16; i++) {
		http_put(f->http, fill);
		http_turn(f->http);
	}
	http_expect(f->http, "");
}

static void expect_both(struct fixture *f, struct bytes got)
{
	assert_int_equal(got.len, 65539);
	assert_memory_equal(got.ptr, "abcf", 4);
	http_turn(f->http);
	http_expect(f->http, TAKEN);
}

struct asked {
	int answers;
	enum claim_answer answer;
	struct buf early;
};

static void on_answer(void *ctx, enum claim_answer answer, struct buf *early)
{
	struct asked *asked = ctx;
	asked->answers++;
	asked->answer = answer;
	asked->early = *early; /* is ours now */
	buf_init(early);
}

static enum claim_answer ask(struct fixture *f, struct asked *asked)
{
	*asked = (struct asked){0};
	claims_ask(&f->hub.sv[0], 0, &f->id, false, on_answer, asked);
	hub_turns(&f->hub, 4);
	assert_int_equal(asked->answers, 1);
	return asked->answer;
}

/* ---- transports take it ---- */

static void a_socket_gets_the_bytes(void **state)
{
	struct fixture *f = *state;
	struct asked asked;
	const struct claim *claim = wait_for(f);
	post_both(f);
	/* The token's age is of no account any more. */
	assert_int_equal(ask(f, &asked), CLAIM_GRANTED);
	expect_both(f, buf_bytes(&asked.early));
	buf_finish(&asked.early);
	assert_int_equal(claim->state, CLAIM_SOCKET);
	assert_null(claim->waiting);
	assert_int_equal(claims_held(f->claims), 0);
	assert_int_equal(ask(f, &asked), CLAIM_LIVE);
	assert_int_equal(asked.early.len, 0);
}

static void take_as(struct fixture *f, enum claim_state kind)
{
	struct asked asked;
	struct claim *claim = wait_for(f);
	post_both(f);
	claims_take(f->claims, claim, &f->id, kind, &f->transport, &f->inbox);
	inbox_start(&f->inbox, &f->transport);
	assert_int_equal(f->payload.len, 0); /* at the end of the turn */
	hub_turn(&f->hub);
	expect_both(f, buf_bytes(&f->payload));
	assert_ptr_equal(claims_find(f->claims, &f->id), claim);
	assert_int_equal(claim->state, kind);
	assert_ptr_equal(claim->transport, &f->transport);
	assert_null(claim->waiting);
	assert_int_equal(claims_held(f->claims), 0);
	assert_int_equal(ask(f, &asked), CLAIM_OTHER);
	fake_time_skip(10 * KEEP_US); /* it lives for as long as it likes */
	hub_turns(&f->hub, 2);
	assert_int_equal(ask(f, &asked), CLAIM_OTHER);
	claims_end(&f->hub.sv[0], 0, &f->id, KEEP_US);
	assert_int_equal(claim->state, CLAIM_ENDED);
	assert_null(claim->transport);
	assert_int_equal(ask(f, &asked), CLAIM_GONE);
	fake_time_skip(KEEP_US);
	hub_turns(&f->hub, 2);
	assert_null(claims_find(f->claims, &f->id));
}

static void events_get_the_bytes(void **state)
{
	take_as(*state, CLAIM_EVENTS);
}

static void polls_get_the_bytes(void **state)
{
	take_as(*state, CLAIM_POLLS);
}

static void a_transport_comes_first(void **state)
{
	struct fixture *f = *state;
	struct asked asked;
	claims_take(f->claims, NULL, &f->id, CLAIM_POLLS, &f->transport, &f->inbox);
	const struct claim *claim = claims_find(f->claims, &f->id);
	assert_non_null(claim);
	assert_int_equal(claim->state, CLAIM_POLLS);
	assert_ptr_equal(claim->transport, &f->transport);
	assert_int_equal(ask(f, &asked), CLAIM_OTHER);
}

/* ---- nobody takes it ---- */

static void what_waits_expires(void **state)
{
	struct fixture *f = *state;
	struct asked asked;
	wait_for(f);
	post_both(f);
	hub_sleep(&f->hub, KEEP_US - 1000000);
	http_turn(f->http);
	http_expect(f->http, "");
	assert_non_null(claims_find(f->claims, &f->id));
	hub_sleep(&f->hub, 2000000);
	http_turn(f->http);
	http_expect(f->http, REFUSED);
	assert_null(claims_find(f->claims, &f->id));
	assert_int_equal(claims_held(f->claims), 0);
	assert_int_equal(ask(f, &asked), CLAIM_GONE);
}

static void each_expires_in_its_time(void **state)
{
	struct fixture *f = *state;
	struct uuid ids[3];
	for (int i = 0; i < 3; i++) {
		uuid_random(&ids[i]);
		claims_wait(f->claims, &ids[i], KEEP_US);
		hub_sleep(&f->hub, 2000000);
	}
	claims_take(f->claims, claims_find(f->claims, &ids[0]), &ids[0], CLAIM_EVENTS,
		&f->transport, &f->inbox);
	hub_sleep(&f->hub, KEEP_US - 3000000);
	assert_non_null(claims_find(f->claims, &ids[0]));
	assert_null(claims_find(f->claims, &ids[1]));
	assert_non_null(claims_find(f->claims, &ids[2]));
	hub_sleep(&f->hub, 2000000);
	assert_null(claims_find(f->claims, &ids[2]));
}

static void what_waits_is_counted(void **state)
{
	struct fixture *f = *state;
	struct claim *claim = wait_for(f);
	size_t empty = claims_held(f->claims);
	assert_true(empty >= sizeof(struct claim) + sizeof(struct inbox));
	claims_hold(f->claims, claim, 1000);
	assert_int_equal(claims_held(f->claims), empty + 1000);
	claims_take(f->claims, claim, &f->id, CLAIM_EVENTS, &f->transport, &f->inbox);
	assert_int_equal(claims_held(f->claims), 0);
	uuid_random(&f->id);
	claims_hold(f->claims, wait_for(f), 1000);
	hub_sleep(&f->hub, KEEP_US + 1000000);
	assert_int_equal(claims_held(f->claims), 0);
}

/* The worker goes while they wait: they are answered still. */
static void the_worker_goes(void **state)
{
	struct fixture *f = *state;
	wait_for(f);
	post_both(f);
	claims_destroy(&f->hub.sv[0].claims);
	http_turn(f->http);
	http_expect(f->http, REFUSED);
}

#define EARLY(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EARLY(a_socket_gets_the_bytes),
		EARLY(events_get_the_bytes),
		EARLY(polls_get_the_bytes),
		EARLY(a_transport_comes_first),
		EARLY(what_waits_expires),
		EARLY(each_expires_in_its_time),
		EARLY(what_waits_is_counted),
		EARLY(the_worker_goes),
	};
	return cmocka_run_group_tests_name("claims early", tests, NULL, NULL);
}
