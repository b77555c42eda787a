#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/conn/conns.h"
#include "lib/base/err.h"
#include "tests/unit/call_help.h"

#define CLOSED(text) "{'type':7,'error':'" text "','allowReconnect':true}"
#define BROKEN "Connection closed with an error."
#define PING "{'type':6}"

static int open_detailed(void **state)
{
	return call_open_with(state,
		"[server]\nenvironment = Development\n[hub]\ndetailed_errors = true\n"
		"max_message_size = 2KiB\n");
}

static int open_small(void **state)
{
	return call_open_with(state, "[hub]\nmax_message_size = 2KiB\n");
}

static void turn(struct call_fixture *f)
{
	hub_turns(&f->hub, 2);
}

/* ---- the handshake ---- */

static void the_handshake_may_come_in_pieces(void **state)
{
	static const char bytes[] = "{\"protocol\":\"json\",\"version\":1}\x1e"
				    "{\"type\":1,\"invocationId\":\"1\",\"target\":\"JoinRoom\","
				    "\"arguments\":[\"general\"]}\x1e{\"type\":6}\x1e";
	struct call_fixture *f = *state;
	struct hub_client *client = client_open(&f->hub, 0, "alice");
	for (size_t i = 0; i + 1 < sizeof(bytes); i++) {
		client_bytes(client, bytes_of(&bytes[i], 1));
		hub_turn(&f->hub);
	}
	hub_settle(&f->hub);
	client_expect(client, "{}");
	room_expect_joined(client, &f->room, &(struct room_answer){0});
	struct hub_client *whole = client_open(&f->hub, 0, "alice");
	client_bytes(whole, bytes_of(bytes, sizeof(bytes) - 1));
	assert_true(whole->paused); /* the call waits until the rooms are read */
	hub_settle(&f->hub);
	client_expect(whole, "{}");
	room_expect_joined(whole, &f->room, &(struct room_answer){0});
	assert_true(client_conn(whole)->client_pings);
}

static void a_bad_handshake_is_refused(void **state)
{
	static const char *const bad[] = {
		"{'protocol':'json','version':99}",
		"{'protocol':'morse','version':1}",
		"{'protocol':'json'}",
		"hello",
		"{'type':6}",
	};
	struct call_fixture *f = *state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hub_client *client = client_open(&f->hub, 0, "alice");
		client_say(client, "%s", bad[i]);
		turn(f);
		assert_true(client->closed);
		assert_non_null(strstr(client_next(client), "{\"error\":\""));
		assert_null(client_next(client));
	}
}

static void the_handshake_has_its_time(void **state)
{
	struct call_fixture *f = *state;
	struct hub_client *client = client_open(&f->hub, 0, "alice");
	hub_sleep(&f->hub, 14000000);
	assert_non_null(client_conn(client));
	hub_sleep(&f->hub, 3000000);
	assert_true(client->closed);
	client_expect(client, "{'error':'Handshake was canceled.'}");
}

static void too_long_a_handshake_is_canceled(void **state)
{
	struct call_fixture *f = *state;
	struct hub_client *client = client_open(&f->hub, 0, "alice");
	char text[3000];
	memset(text, ' ', sizeof(text));
	client_bytes(client, bytes_of(text, sizeof(text)));
	turn(f);
	assert_true(client->closed);
	client_expect(client, "{'error':'Handshake was canceled.'}");
}

static void without_the_store_nobody_is_let_in(void **state)
{
	struct call_fixture *f = *state;
	struct hub_client *client = client_open(&f->hub, 0, "alice");
	fake_store_refuse(f->hub.store, ERR_UNAVAILABLE);
	client_handshake(client);
	turn(f);
	fake_store_refuse(f->hub.store, 0);
	assert_true(client->closed);
	client_expect(client, "{}");
	client_expect(client, CLOSED(BROKEN));
}

/* ---- records ---- */

static void a_malformed_record_ends_it(void **state)
{
	static const char *const bad[] = {"{", "[]", "{'type':'1'}", "{'type':1}", "",
		"{'type':1,'target':'JoinRoom'}",
		"{'type':3,'invocationId':'1','result':1,'error':'x'}"};
	struct call_fixture *f = *state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hub_client *client = client_start(&f->hub, 0, "alice");
		client_say(client, "%s", bad[i]);
		client_say(client, PING); /* nothing behind it counts */
		turn(f);
		assert_true(client->closed);
		client_expect(client, CLOSED(BROKEN));
		assert_null(client_next(client));
	}
}

static void its_fault_is_told_in_detail(void **state)
{
	struct call_fixture *f = *state;
	struct hub_client *client = client_start(&f->hub, 0, "alice");
	client_say(client, "{'type':1,'arguments':[]}");
	turn(f);
	client_expect(client,
		CLOSED(BROKEN " InvalidDataException: Missing required property `target`."));
	client = client_start(&f->hub, 0, "alice");
	char text[2048];
	memset(text, 'x', sizeof(text));
	client_bytes(client, bytes_of(text, 2047));
	assert_non_null(client_conn(client));
	client_bytes(client, bytes_of(text, 1));
	turn(f);
	client_expect(client,
		CLOSED(BROKEN
			" InvalidDataException: The maximum message size of 2048B was exceeded. "
			"The message size can be configured in AddHubOptions."));
}

static void too_much_behind_a_waiting_call_ends_it(void **state)
{
	struct call_fixture *f = *state;
	char *many = mem_alloc(200000);
	memset(many, '\x1e', 200000);
	client_say(f->alice, "{'type':1,'target':'GetHistory','arguments':['general',null,5]}");
	client_say(f->alice, "{'type':1,'target':'GetHistory','arguments':['general',null,5]}");
	client_bytes(f->alice, bytes_of(many, 100000));
	assert_non_null(client_conn(f->alice));
	client_bytes(f->alice, bytes_of(many, 100000));
	free(many);
	turn(f);
	assert_true(f->alice->closed);
	client_expect(f->alice, CLOSED(BROKEN));
}

static void a_close_is_answered(void **state)
{
	struct call_fixture *f = *state;
	client_say(f->alice, "{'type':7,'error':'enough','allowReconnect':true}");
	client_say(f->alice, PING);
	turn(f);
	assert_true(f->alice->closed);
	client_expect(f->alice, "{'type':7}");
	assert_null(client_next(f->alice));
	assert_int_equal(conns_count(f->hub.sv[0].conns), 0);
}

/* ---- time ---- */

static void pings_are_sent(void **state)
{
	struct call_fixture *f = *state;
	client_skip(f->alice);
	hub_sleep(&f->hub, 12000000);
	assert_null(client_next(f->alice));
	hub_sleep(&f->hub, 35000000);
	client_expect(f->alice, PING);
	client_expect(f->alice, PING);
	client_expect(f->alice, PING);
	assert_null(client_next(f->alice));
	/* One that never pings may be silent for ever. */
	assert_non_null(client_conn(f->alice));
}

static void who_pings_must_go_on_with_it(void **state)
{
	struct call_fixture *f = *state;
	for (int i = 0; i < 4; i++) {
		client_say(f->alice, PING);
		hub_sleep(&f->hub, 25000000);
		assert_non_null(client_conn(f->alice));
	}
	hub_sleep(&f->hub, 7000000);
	assert_null(client_conn(f->alice));
	const char *last = NULL;
	for (const char *record; (record = client_next(f->alice)) != NULL;) {
		last = record;
	}
	assert_string_equal(last, "{\"type\":7,\"error\":\"" BROKEN "\",\"allowReconnect\":true}");
}

/* While a call waits nothing is read, so silence says nothing; and right behind that neither. */
static void the_time_out_pauses_while_input_waits(void **state)
{
	struct call_fixture *f = *state;
	client_say(f->alice, PING);
	client_say(f->alice, "{'type':1,'target':'SendMessage','arguments':['general','a']}");
	client_say(f->alice, "{'type':1,'target':'GetHistory','arguments':['general',null,5]}");
	for (int i = 0; i < 100; i++) {
		fake_time_skip(1000000);
		turn(f);
	}
	assert_non_null(client_conn(f->alice));
	fake_store_answer(f->hub.store); /* pings of the last minute are still in the socket */
	hub_settle(&f->hub);
	hub_sleep(&f->hub, 20000000);
	assert_non_null(client_conn(f->alice));
	hub_sleep(&f->hub, 12000000);
	assert_null(client_conn(f->alice));
}

/* A call that runs does not pause it: pings are read meanwhile. */
static void a_running_call_does_not_pause_the_time_out(void **state)
{
	struct call_fixture *f = *state;
	client_say(f->alice, PING);
	client_say(f->alice, "{'type':1,'target':'GetHistory','arguments':['general',null,5]}");
	for (int i = 0; i < 32; i++) {
		fake_time_skip(1000000);
		turn(f);
	}
	assert_null(client_conn(f->alice));
}

static void an_expired_token_ends_it(void **state)
{
	struct call_fixture *f = *state;
	client_skip(f->alice);
	for (int i = 0; i < 3590; i++) {
		fake_time_skip(1000000);
		hub_turn(&f->hub);
	}
	assert_non_null(client_conn(f->alice));
	for (int i = 0; i < 15; i++) {
		fake_time_skip(1000000);
		hub_turn(&f->hub);
	}
	assert_true(f->alice->closed);
	const char *last = f->alice->records[f->alice->record_count - 1];
	assert_string_equal(last, "{\"type\":7,\"error\":\"Connection closed: the token has "
				  "expired.\",\"allowReconnect\":true}");
}

/* ---- all of them ---- */

static void draining_spreads_the_closes(void **state)
{
	enum { COUNT = 10 };
	struct call_fixture *f = *state;
	struct hub_client *clients[COUNT];
	client_drop(f->alice);
	for (int i = 0; i < COUNT; i++) {
		clients[i] = client_start(&f->hub, 0, "alice");
	}
	conns_drain(f->hub.sv[0].conns, 1000000);
	hub_sleep(&f->hub, 500000);
	size_t half = conns_count(f->hub.sv[0].conns);
	assert_true(half >= 3 && half <= 7);
	hub_sleep(&f->hub, 700000);
	assert_int_equal(conns_count(f->hub.sv[0].conns), 0);
	for (int i = 0; i < COUNT; i++) {
		assert_true(clients[i]->closed);
		client_expect(clients[i], "{'type':7,'allowReconnect':true}");
	}
}

static void a_user_is_known_as_long_as_one_connection_lives(void **state)
{
	struct call_fixture *f = *state;
	struct conns *conns = f->hub.sv[0].conns;
	struct uuid alice = hub_user("alice");
	struct uuid id = client_conn(f->alice)->id;
	struct hub_client *second = client_start(&f->hub, 0, "alice");
	assert_ptr_equal(conns_find(conns, &id), client_conn(f->alice));
	assert_ptr_equal(conns_user(conns, &alice), client_conn(second)->user);
	client_drop(f->alice);
	assert_null(conns_find(conns, &id));
	assert_non_null(conns_user(conns, &alice));
	client_drop(second);
	assert_null(conns_user(conns, &alice));
	assert_int_equal(conns_count(conns), 0);
}

static void what_is_left_is_aborted(void **state)
{
	struct call_fixture *f = *state;
	struct hub_client *others[3];
	for (int i = 0; i < 3; i++) {
		others[i] = client_open(&f->hub, 0, "bob");
	}
	client_handshake(others[1]);
	client_say(f->alice, "{'type':1,'target':'SendMessage','arguments':['general','a']}");
	conns_abort_all(f->hub.sv[0].conns);
	assert_true(f->alice->aborted);
	for (int i = 0; i < 3; i++) {
		assert_true(others[i]->aborted);
	}
	hub_settle(&f->hub);
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, call_open, call_close)
#define WITH(open, name) cmocka_unit_test_setup_teardown(name, open, call_close)
	const struct CMUnitTest tests[] = {
		TEST(the_handshake_may_come_in_pieces),
		TEST(a_bad_handshake_is_refused),
		TEST(the_handshake_has_its_time),
		WITH(open_small, too_long_a_handshake_is_canceled),
		TEST(without_the_store_nobody_is_let_in),
		TEST(a_malformed_record_ends_it),
		WITH(open_detailed, its_fault_is_told_in_detail),
		WITH(open_small, too_much_behind_a_waiting_call_ends_it),
		TEST(a_close_is_answered),
		TEST(pings_are_sent),
		TEST(who_pings_must_go_on_with_it),
		TEST(the_time_out_pauses_while_input_waits),
		TEST(a_running_call_does_not_pause_the_time_out),
		TEST(an_expired_token_ends_it),
		TEST(draining_spreads_the_closes),
		TEST(a_user_is_known_as_long_as_one_connection_lives),
		TEST(what_is_left_is_aborted),
	};
#undef TEST
#undef WITH
	return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
