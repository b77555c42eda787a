/* Users who are kept out: the table, its reading at the start, and what becomes of connections. */
#include "chatd/auth/bars.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/auth/principal.h"
#include "chatd/conn/conns.h"
#include "chatd/run/bars_load.h"
#include "lib/base/err.h"
#include "lib/loop/thread.h"
#include "tests/unit/hub_fixture.h"

#define NOW_MS INT64_C(1700000000000)

/* ---- the table ---- */

static struct principal *user_issued(const char *name, int64_t issued_ms)
{
	const struct principal from = {.identity = bytes_str(name), .issued_ms = issued_ms};
	return principal_create(&from);
}

static void expect_judged(
	struct bars *bars, const char *name, int64_t issued_ms, int err, const char *text)
{
	char why[BARS_WHY_SIZE] = "untouched";
	struct principal *principal = user_issued(name, issued_ms);
	assert_int_equal(bars_check(bars, principal, why), err);
	assert_string_equal(why, text);
	principal_unref(&principal);
}

static void bans_and_revocations(void **state)
{
	struct bars *bars = bars_create();
	struct uuid alice = hub_user("alice");
	struct uuid bob = hub_user("bob");
	(void)state;
	expect_judged(bars, "alice", NOW_MS, 0, "untouched");
	bars_set(bars, &alice, NOW_MS, BYTES_LIT("spam"), 0);
	expect_judged(bars, "alice", NOW_MS + 1, ERR_FORBIDDEN, "this user is banned: spam");
	expect_judged(bars, "bob", NOW_MS, 0, "untouched");
	bars_set(bars, &bob, 0, BYTES_NONE, NOW_MS);
	assert_int_equal(bars_count(bars), 2);
	expect_judged(bars, "bob", NOW_MS - 1, ERR_UNAUTHORIZED, "the token was revoked");
	expect_judged(bars, "bob", NOW_MS, 0, "untouched");
	expect_judged(bars, "bob", 0, ERR_UNAUTHORIZED,
		"the tokens of this user were revoked, and this one does not say when it was "
		"issued (iat)");
	/* Both: the ban is what he is told. */
	bars_set(bars, &alice, NOW_MS, BYTES_NONE, NOW_MS);
	expect_judged(bars, "alice", 1, ERR_FORBIDDEN, "this user is banned");
	bars_set(bars, &alice, 0, BYTES_LIT("not any more"), NOW_MS);
	expect_judged(bars, "alice", NOW_MS, 0, "untouched");
	assert_int_equal(bars_count(bars), 2);
	bars_set(bars, &alice, 0, BYTES_NONE, 0);
	bars_set(bars, &alice, 0, BYTES_NONE, 0);
	bars_set(bars, &bob, 0, BYTES_NONE, 0);
	assert_int_equal(bars_count(bars), 0);
	expect_judged(bars, "alice", 0, 0, "untouched");
	bars_set(bars, &alice, NOW_MS, BYTES_NONE, 0);
	bars_destroy(&bars);
	assert_null(bars);
	bars_destroy(&bars);
}

static void long_reasons_are_cut_between_characters(void **state)
{
	struct bars *bars = bars_create();
	struct uuid alice = hub_user("alice");
	char reason[400], wanted[400];
	(void)state;
	memset(reason, 'x', sizeof(reason));
	bars_set(bars, &alice, NOW_MS, bytes_of(reason, sizeof(reason)), 0);
	snprintf(wanted, sizeof(wanted), "this user is banned: %.256s", reason);
	expect_judged(bars, "alice", 0, ERR_FORBIDDEN, wanted);
	memcpy(reason + 254, "\xe2\x82\xac", 3); /* the euro sign ends behind byte 256 */
	bars_set(bars, &alice, NOW_MS, bytes_of(reason, sizeof(reason)), 0);
	snprintf(wanted, sizeof(wanted), "this user is banned: %.254s", reason);
	expect_judged(bars, "alice", 0, ERR_FORBIDDEN, wanted);
	bars_set(bars, &alice, NOW_MS, bytes_of(reason, 257), 0); /* it just fits not */
	expect_judged(bars, "alice", 0, ERR_FORBIDDEN, wanted);
	bars_destroy(&bars);
}

/* ---- many threads ---- */

enum { CHECKERS = 3, ROUNDS = 20000, USERS = 16 };

struct checker {
	pthread_t thread;
	struct bars *bars;
	unsigned refused;
};

static void *check_all(void *arg)
{
	struct checker *checker = arg;
	char name[24];
	char why[BARS_WHY_SIZE];
	struct principal *users[USERS];
	for (int i = 0; i < USERS; i++) {
		snprintf(name, sizeof(name), "user-%d", i);
		users[i] = user_issued(name, 0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		int err = bars_check(checker->bars, users[i % USERS], why);
		if (err != 0) {
			/* One whole state or the other, never a mixture. */
			bool whole = strcmp(why, "this user is banned: aaaa") == 0 ||
				     strcmp(why, "this user is banned: bbbbbbbb") == 0;
			checker->refused += whole && err == ERR_FORBIDDEN ? 1 : ROUNDS;
		}
	}
	for (int i = 0; i < USERS; i++) {
		principal_unref(&users[i]);
	}
	return NULL;
}

static void set_while_checked(void **state)
{
	struct checker checkers[CHECKERS];
	struct bars *bars = bars_create();
	char name[24];
	(void)state;
	for (int i = 0; i < CHECKERS; i++) {
		checkers[i] = (struct checker){.bars = bars};
		assert_int_equal(
			thread_start(&checkers[i].thread, "checker", check_all, &checkers[i]), 0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		struct uuid user;
		snprintf(name, sizeof(name), "user-%d", i % USERS);
		ident_user(bytes_str(name), &user);
		bool even = i / USERS % 2 == 0;
		bars_set(bars, &user, i / USERS % 3 == 0 ? 0 : NOW_MS,
			even ? BYTES_LIT("aaaa") : BYTES_LIT("bbbbbbbb"), 0);
	}
	for (int i = 0; i < CHECKERS; i++) {
		thread_join(checkers[i].thread);
		assert_in_range(checkers[i].refused, 0, ROUNDS);
	}
	bars_destroy(&bars);
}

/* ---- the start ---- */

/* A store that has nothing but people who are kept out. */
struct bar_store {
	struct store base; /* first */
	struct user_row *users;
	size_t count;
	int refuse; /* at once */
	int fail; /* by the answer */
	unsigned calls;
};

static void answer(struct mail *mail)
{
	struct store_call *call = CONTAINER_OF(mail, struct store_call, mail);
	call->done(call, call->err);
}

static int take_bar_list(struct store *store, struct store_bar_list *req)
{
	struct bar_store *bars = CONTAINER_OF(store, struct bar_store, base);
	bars->calls++;
	if (bars->refuse != 0) {
		return bars->refuse;
	}
	req->call.err = bars->fail;
	req->call.why = bars->fail != 0 ? "the disk is on fire" : NULL;
	req->users = arena_alloc(req->call.arena, req->limit * sizeof(req->users[0]));
	req->count = 0;
	for (size_t i = 0; i < bars->count && req->count < req->limit; i++) {
		if (memcmp(&bars->users[i].id, &req->after, sizeof(struct uuid)) > 0) {
			req->users[req->count++] = bars->users[i];
		}
	}
	mailbox_post(req->call.reply_to, &req->call.mail, answer);
	return 0;
}

static const struct store_ops bar_ops = {.name = "bars", .bar_list = take_bar_list};

struct start {
	struct services sv;
	struct mailbox *box;
	struct bar_store store;
};

static struct start *start_open(size_t count)
{
	struct start *start = mem_zalloc(sizeof(*start));
	start->sv.loop = loop_create();
	start->box = mailbox_create(start->sv.loop);
	start->sv.boxes = &start->box;
	start->sv.bars = bars_create();
	start->sv.store = &start->store.base;
	start->store.base.ops = &bar_ops;
	start->store.users = mem_zalloc((count + 1) * sizeof(start->store.users[0]));
	start->store.count = count;
	for (size_t i = 0; i < count; i++) {
		struct user_row *user = &start->store.users[i];
		user->id.b[14] = (uint8_t)((i + 1) >> 8);
		user->id.b[15] = (uint8_t)(i + 1);
		user->banned_ms = i % 2 == 0 ? NOW_MS : 0;
		user->tokens_from_ms = i % 2 == 0 ? 0 : NOW_MS;
		user->ban_reason = BYTES_LIT("spam");
	}
	return start;
}

static void start_close(struct start *start)
{
	bars_destroy(&start->sv.bars);
	mailbox_destroy(&start->box);
	loop_destroy(&start->sv.loop);
	free(start->store.users);
	free(start);
}

static void all_pages_are_read(void **state)
{
	static const struct {
		size_t count;
		unsigned calls;
	} cases[] = {{0, 1}, {1, 1}, {999, 1}, {1000, 2}, {1001, 2}, {2500, 3}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf why = {0};
		struct start *start = start_open(cases[i].count);
		assert_int_equal(bars_load(&start->sv, &why), 0);
		assert_int_equal(bars_count(start->sv.bars), cases[i].count);
		assert_int_equal(start->store.calls, cases[i].calls);
		assert_int_equal(why.len, 0);
		start_close(start);
	}
}

static void what_was_read_holds(void **state)
{
	char text[BARS_WHY_SIZE];
	struct buf why = {0};
	struct start *start = start_open(2);
	struct principal *principal = user_issued("any", NOW_MS - 1);
	(void)state;
	assert_int_equal(bars_load(&start->sv, &why), 0);
	principal->user_id = start->store.users[0].id;
	assert_int_equal(bars_check(start->sv.bars, principal, text), ERR_FORBIDDEN);
	assert_string_equal(text, "this user is banned: spam");
	principal->user_id = start->store.users[1].id;
	assert_int_equal(bars_check(start->sv.bars, principal, text), ERR_UNAUTHORIZED);
	principal_unref(&principal);
	start_close(start);
}

static void a_store_that_fails_is_a_failed_start(void **state)
{
	struct buf why = {0};
	struct start *start = start_open(1);
	(void)state;
	start->store.fail = ERR_CORRUPT;
	assert_int_equal(bars_load(&start->sv, &why), ERR_CORRUPT);
	assert_string_equal(buf_cstr(&why),
		"banned users cannot be read from the database: the disk is on fire");
	buf_finish(&why);
	start->store.refuse = ERR_UNAVAILABLE;
	assert_int_equal(bars_load(&start->sv, &why), ERR_UNAVAILABLE);
	assert_non_null(strstr(buf_cstr(&why), err_text(ERR_UNAVAILABLE)));
	buf_finish(&why);
	start_close(start);
}

/* ---- connections ---- */

struct fixture {
	struct hub hub;
	struct uuid alice, bob;
	struct hub_client *phone, *desk, *other;
};

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 1, "");
	f->alice = hub_user("alice");
	f->bob = hub_user("bob");
	f->phone = client_start(&f->hub, 0, "alice");
	f->desk = client_start(&f->hub, 0, "alice");
	f->other = client_start(&f->hub, 0, "bob");
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	hub_close(&f->hub);
	free(f);
	return 0;
}

static size_t bar(struct fixture *f, const struct uuid *user)
{
	return conns_bar_user(f->hub.sv[0].conns, user);
}

static void who_is_banned_is_told_and_goes(void **state)
{
	struct fixture *f = *state;
	bars_set(f->hub.bars, &f->alice, NOW_MS, BYTES_LIT("\"spam\""), 0);
	assert_int_equal(bar(f, &f->alice), 2);
	assert_int_equal(bar(f, &f->alice), 2); /* once more changes nothing */
	assert_non_null(client_conn(f->phone)); /* not inside the call */
	hub_turn(&f->hub);
	for (int i = 0; i < 2; i++) {
		struct hub_client *client = i == 0 ? f->phone : f->desk;
		client_expect(client,
			"{'type':7,'error':'Connection closed: forbidden: this user is "
			"banned: \\'spam\\'.'}");
		assert_true(client->closed);
		assert_null(client_conn(client));
		assert_null(client_next(client));
	}
	assert_non_null(client_conn(f->other));
	assert_int_equal(conns_count(f->hub.sv[0].conns), 1);
	assert_int_equal(bar(f, &f->alice), 0);
	assert_int_equal(bar(f, &f->bob), 0);
}

static void a_revoked_token_ends_its_connection_only(void **state)
{
	struct fixture *f = *state;
	struct principal *renewed = user_issued("alice", NOW_MS);
	renewed->expires_ms = client_conn(f->desk)->principal->expires_ms;
	conn_set_principal(client_conn(f->desk), renewed);
	principal_unref(&renewed);
	bars_set(f->hub.bars, &f->alice, 0, BYTES_NONE, NOW_MS);
	assert_int_equal(bar(f, &f->alice), 1);
	hub_turn(&f->hub);
	assert_non_null(
		strstr(client_next(f->phone), "Connection closed: unauthorized: the tokens"));
	assert_null(client_next(f->desk));
	assert_non_null(client_conn(f->desk));
}

static void a_bar_that_is_lifted_at_once_ends_nothing(void **state)
{
	struct fixture *f = *state;
	bars_set(f->hub.bars, &f->alice, NOW_MS, BYTES_NONE, 0);
	assert_int_equal(bar(f, &f->alice), 2);
	bars_set(f->hub.bars, &f->alice, 0, BYTES_NONE, 0);
	hub_turn(&f->hub);
	assert_non_null(client_conn(f->phone));
	assert_null(client_next(f->phone));
	bars_set(f->hub.bars, &f->alice, NOW_MS, BYTES_NONE, 0);
	assert_int_equal(bar(f, &f->alice), 2);
	client_drop(f->phone); /* it goes by itself meanwhile */
	hub_turn(&f->hub);
	assert_null(client_conn(f->desk));
}

/* His token was looked at before he was banned, the connection comes after all were visited. */
static void a_connection_that_comes_later_ends_too(void **state)
{
	struct fixture *f = *state;
	bars_set(f->hub.bars, &f->alice, NOW_MS, BYTES_LIT("spam"), 0);
	bar(f, &f->alice);
	hub_turn(&f->hub);
	struct hub_client *late = client_open(&f->hub, 0, "alice");
	client_handshake(late);
	hub_settle(&f->hub);
	assert_null(client_conn(late));
	assert_true(late->closed);
	struct hub_client *good = client_start(&f->hub, 0, "bob");
	assert_non_null(client_conn(good));
}

static void calls_under_way_are_let_go(void **state)
{
	struct fixture *f = *state;
	client_say(f->phone,
		"{'type':1,'invocationId':'1','target':'JoinRoom','arguments':['general']}");
	hub_turns(&f->hub, 2);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_ROOM_FIND);
	bars_set(f->hub.bars, &f->alice, NOW_MS, BYTES_NONE, 0);
	bar(f, &f->alice);
	hub_settle(&f->hub);
	client_expect(f->phone,
		"{'type':7,'error':'Connection closed: forbidden: this user is banned.'}");
	assert_null(client_next(f->phone));
}

struct visited {
	struct fixture *f;
	unsigned count;
};

static void close_alice(struct conn *conn, void *ctx)
{
	struct visited *visited = ctx;
	visited->count++;
	if (uuid_eq(&conn->principal->user_id, &visited->f->alice)) {
		conn_close(conn, "Connection closed: kicked.", true);
	}
}

static void each_may_close_what_it_visits(void **state)
{
	struct fixture *f = *state;
	struct visited visited = {.f = f};
	conns_each(f->hub.sv[0].conns, close_alice, &visited);
	assert_int_equal(visited.count, 3);
	hub_turn(&f->hub);
	client_expect(
		f->phone, "{'type':7,'error':'Connection closed: kicked.','allowReconnect':true}");
	assert_true(f->desk->closed);
	assert_non_null(client_conn(f->other));
	conns_each(f->hub.sv[0].conns, close_alice, &visited);
	assert_int_equal(visited.count, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bans_and_revocations),
		cmocka_unit_test(long_reasons_are_cut_between_characters),
		cmocka_unit_test(set_while_checked),
		cmocka_unit_test(all_pages_are_read),
		cmocka_unit_test(what_was_read_holds),
		cmocka_unit_test(a_store_that_fails_is_a_failed_start),
		TEST(who_is_banned_is_told_and_goes),
		TEST(a_revoked_token_ends_its_connection_only),
		TEST(a_bar_that_is_lifted_at_once_ends_nothing),
		TEST(a_connection_that_comes_later_ends_too),
		TEST(calls_under_way_are_let_go),
		TEST(each_may_close_what_it_visits),
	};
#undef TEST
	return cmocka_run_group_tests_name("chatd_bars", tests, NULL, NULL);
}
