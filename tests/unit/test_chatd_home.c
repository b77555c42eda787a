#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/room/home.h"
#include "lib/base/err.h"
#include "tests/unit/home_help.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Two workers; the room's home is worker 1, and alice is in it on both. */
struct fixture {
	struct hub hub;
	struct uuid room;
	struct hub_client *here, *there;
};

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 2, "");
	f->room = hub_room(&f->hub, 1, "general");
	hub_member(&f->hub, &f->room, "alice");
	f->here = client_start(&f->hub, 0, "alice");
	f->there = client_start(&f->hub, 1, "alice");
	hub_sleep(&f->hub, 1500000); /* the hold of restored rooms is over */
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

static void start_all(struct fixture *f, struct sending *sendings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		sending_start(&f->hub, 0, &sendings[i], &f->room, "text");
	}
}

static void one_turn_is_one_batch(void **state)
{
	struct fixture *f = *state;
	static struct sending first[5], meanwhile[3];
	start_all(f, first, COUNT(first));
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_held(f->hub.store), 1);
	assert_int_equal(fake_store_first_append(f->hub.store)->count, 5);
	start_all(f, meanwhile, 1);
	hub_turns(&f->hub, 3);
	start_all(f, meanwhile + 1, 2);
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_held(f->hub.store), 1); /* one is under way at a time */
	assert_int_equal(homes_pending(f->hub.sv[1].homes), 8);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_first_append(f->hub.store)->count, 3);
	for (size_t i = 0; i < COUNT(first); i++) {
		sending_expect(&first[i], 0, APPEND_STORED);
		assert_int_equal(first[i].send.item.seq, i + 1);
	}
	assert_int_equal(meanwhile[0].done, 0);
	hub_settle(&f->hub);
	assert_int_equal(meanwhile[2].send.item.seq, 8);
	assert_int_equal(homes_pending(f->hub.sv[1].homes), 0);
	assert_int_equal(f->hub.metrics[1].store_batches, 2);
	assert_int_equal(f->hub.metrics[1].messages_stored, 8);
	assert_string_equal(client_seqs(f->here, &f->room), "1 2 3 4 5 6 7 8");
	assert_string_equal(client_seqs(f->there, &f->room), "1 2 3 4 5 6 7 8");
}

static void rooms_share_a_batch(void **state)
{
	struct fixture *f = *state;
	struct uuid other = hub_room(&f->hub, 1, "");
	struct uuid elsewhere = hub_room(&f->hub, 0, "");
	static struct sending sendings[3];
	sending_start(&f->hub, 0, &sendings[0], &f->room, "one");
	sending_start(&f->hub, 0, &sendings[1], &other, "alice is not in it");
	sending_start(&f->hub, 1, &sendings[2], &elsewhere, "nor in this one");
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_held(f->hub.store), 2);
	hub_settle(&f->hub);
	sending_expect(&sendings[0], 0, APPEND_STORED);
	sending_expect(&sendings[1], 0, APPEND_NOT_MEMBER);
	sending_expect(&sendings[2], 0, APPEND_NOT_MEMBER);
	assert_string_equal(client_seqs(f->here, &f->room), "1");
}

static void a_batch_has_its_size(void **state)
{
	enum { MANY = 1500, BATCH = 1024 };
	static struct sending sendings[MANY];
	struct fixture *f = *state;
	start_all(f, sendings, MANY);
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_first_append(f->hub.store)->count, BATCH);
	fake_store_answer(f->hub.store);
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_first_append(f->hub.store)->count, MANY - BATCH);
	hub_settle(&f->hub);
	for (size_t i = 0; i < MANY; i++) {
		sending_expect(&sendings[i], 0, APPEND_STORED);
		assert_int_equal(sendings[i].send.item.seq, i + 1);
	}
	assert_int_equal(f->there->seen_count, MANY);
}

static void a_full_queue_is_busy(void **state)
{
	enum { FLIGHT = 1024, QUEUE = 16384, MANY = FLIGHT + QUEUE + 5 };
	static struct sending sendings[MANY];
	struct fixture *f = *state;
	start_all(f, sendings, FLIGHT);
	hub_turns(&f->hub, 3);
	start_all(f, sendings + FLIGHT, MANY - FLIGHT - 1);
	hub_turns(&f->hub, 3);
	/* The last one from the home's own worker. */
	sending_start(&f->hub, 1, &sendings[MANY - 1], &f->room, "text");
	hub_turns(&f->hub, 3);
	assert_int_equal(sendings[FLIGHT + QUEUE - 1].done, 0);
	for (size_t i = FLIGHT + QUEUE; i < MANY; i++) {
		sending_expect(&sendings[i], ERR_BUSY, 0);
	}
	hub_settle(&f->hub);
	for (size_t i = 0; i < FLIGHT + QUEUE; i++) {
		sending_expect(&sendings[i], 0, APPEND_STORED);
	}
	assert_int_equal(fake_store_head(f->hub.store, &f->room), FLIGHT + QUEUE);
}

static void errors_reach_every_sender(void **state)
{
	static const int errors[] = {
		ERR_STORAGE_FULL, ERR_UNAVAILABLE, ERR_BUSY, ERR_INTERNAL, ERR_CORRUPT};
	struct fixture *f = *state;
	static struct sending sendings[4];
	for (size_t i = 0; i < COUNT(errors); i++) {
		start_all(f, sendings, COUNT(sendings));
		hub_turns(&f->hub, 3);
		fake_store_fail(f->hub.store, errors[i], false);
		hub_turns(&f->hub, 3);
		for (size_t n = 0; n < COUNT(sendings); n++) {
			sending_expect(&sendings[n], errors[i], 0);
		}
	}
	assert_string_equal(client_seqs(f->here, &f->room), "");
	start_all(f, sendings, COUNT(sendings)); /* and life goes on */
	hub_settle(&f->hub);
	assert_string_equal(client_seqs(f->here, &f->room), "1 2 3 4");
}

static void a_refusal_at_once_reaches_every_sender(void **state)
{
	struct fixture *f = *state;
	static struct sending sendings[4];
	fake_store_refuse(f->hub.store, ERR_BUSY);
	start_all(f, sendings, COUNT(sendings));
	hub_turns(&f->hub, 3);
	for (size_t i = 0; i < COUNT(sendings); i++) {
		sending_expect(&sendings[i], ERR_BUSY, 0);
	}
	fake_store_refuse(f->hub.store, 0);
	start_all(f, sendings, 1);
	hub_settle(&f->hub);
	sending_expect(&sendings[0], 0, APPEND_STORED);
}

static void answers_come_in_the_order_of_the_calls(void **state)
{
	struct fixture *f = *state;
	static struct sending sendings[10];
	start_all(f, sendings, COUNT(sendings));
	hub_turns(&f->hub, 3);
	fake_store_fail(f->hub.store, ERR_UNAVAILABLE, false);
	hub_turns(&f->hub, 3);
	for (size_t i = 1; i < COUNT(sendings); i++) {
		assert_int_equal(sendings[i].place, sendings[i - 1].place + 1);
	}
}

static void repeats_and_conflicts_are_not_published(void **state)
{
	struct fixture *f = *state;
	static struct sending sending;
	sending_start(&f->hub, 0, &sending, &f->room, "text");
	hub_settle(&f->hub);
	sending_repeat(&f->hub, 1, &sending);
	hub_settle(&f->hub);
	sending_expect(&sending, 0, APPEND_REPEATED);
	assert_int_equal(sending.send.item.seq, 1);
	sending.send.item.content = BYTES_LIT("another text");
	store_body_hash(&sending.send.item, sending.send.item.body_hash);
	sending_repeat(&f->hub, 0, &sending);
	hub_settle(&f->hub);
	sending_expect(&sending, 0, APPEND_CONFLICT);
	fake_store_room_flags(f->hub.store, &f->room, false, true);
	sending_start(&f->hub, 0, &sending, &f->room, "too late");
	hub_settle(&f->hub);
	sending_expect(&sending, 0, APPEND_ARCHIVED);
	assert_string_equal(client_seqs(f->here, &f->room), "1");
	assert_string_equal(client_seqs(f->there, &f->room), "1");
}

/* bob's coming and going stand between the messages exactly where the store put them. */
static void membership_takes_its_place_among_the_messages(void **state)
{
	struct fixture *f = *state;
	static struct sending sendings[3];
	struct uuid bob = hub_user("bob");
	char text[200];
	struct hub_client *joiner = client_start(&f->hub, 0, "bob");
	client_skip(f->there);
	sending_start(&f->hub, 1, &sendings[0], &f->room, "one");
	hub_turns(&f->hub, 2);
	client_say(joiner,
		"{'type':1,'invocationId':'1','target':'JoinRoom','arguments':['general']}");
	hub_turns(&f->hub, 3);
	assert_int_equal(fake_store_first(f->hub.store), FAKE_APPEND);
	hub_settle(&f->hub);
	sending_start(&f->hub, 1, &sendings[1], &f->room, "two");
	hub_settle(&f->hub);
	client_say(joiner,
		"{'type':1,'invocationId':'2','target':'LeaveRoom','arguments':['general']}");
	hub_settle(&f->hub);
	sending_start(&f->hub, 1, &sendings[2], &f->room, "three");
	hub_settle(&f->hub);
	assert_non_null(strstr(client_next(f->there), "\"content\":\"one\""));
	snprintf(text, sizeof(text), "{'type':1,'target':'UserJoined','arguments':['%s','%s']}",
		uuid_text(&bob), uuid_text(&f->room));
	client_expect(f->there, text);
	assert_non_null(strstr(client_next(f->there), "\"content\":\"two\""));
	snprintf(text, sizeof(text), "{'type':1,'target':'UserLeft','arguments':['%s','%s']}",
		uuid_text(&bob), uuid_text(&f->room));
	client_expect(f->there, text);
	assert_non_null(strstr(client_next(f->there), "\"content\":\"three\""));
	assert_null(client_next(f->there));
	/* What was told in its turn needs no look at the store. */
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_MEMBER_LIST), 0);
	assert_string_equal(client_seqs(joiner, &f->room), "2");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
	const struct CMUnitTest tests[] = {
		TEST(one_turn_is_one_batch),
		TEST(rooms_share_a_batch),
		TEST(a_batch_has_its_size),
		TEST(a_full_queue_is_busy),
		TEST(errors_reach_every_sender),
		TEST(a_refusal_at_once_reaches_every_sender),
		TEST(answers_come_in_the_order_of_the_calls),
		TEST(repeats_and_conflicts_are_not_published),
		TEST(membership_takes_its_place_among_the_messages),
	};
#undef TEST
	return cmocka_run_group_tests_name("home", tests, NULL, NULL);
}
