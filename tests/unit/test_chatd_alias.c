/* Aliases that change hands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/change_help.h"

/* Two workers, each the home of one room; dave is in both, on worker 1. */
struct fixture {
	struct hub hub;
	struct uuid here, there; /* called so; at home on worker 0, and on worker 1 */
	struct hub_client *dave;
};

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 2, "");
	f->here = hub_room(&f->hub, 0, "here");
	f->there = hub_room(&f->hub, 1, "there");
	hub_member(&f->hub, &f->here, "dave");
	hub_member(&f->hub, &f->there, "dave");
	f->dave = client_start(&f->hub, 1, "dave");
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

static void send_by_alias(struct hub_client *client, const char *alias)
{
	client_say(client, "{'type':1,'target':'SendMessage','arguments':['%s','x']}", alias);
}

static size_t lookups(const struct fixture *f)
{
	return fake_store_calls(f->hub.store, FAKE_ROOM_FIND);
}

static void change_and_settle(struct fixture *f, const struct uuid *room, const char *alias)
{
	static struct changing change;
	change_alias(&f->hub, 0, &change, room, alias);
	hub_settle(&f->hub);
	change_expect(&change, 0);
}

static void expect_found_here(
	struct fixture *f, struct hub_client *client, const char *alias, const struct uuid *room)
{
	size_t before = lookups(f);
	uint64_t head = fake_store_head(f->hub.store, room);
	send_by_alias(client, alias);
	hub_settle(&f->hub);
	assert_int_equal(lookups(f), before);
	assert_int_equal(fake_store_head(f->hub.store, room), head + 1);
}

static void two_rooms_swap_their_aliases(void **state)
{
	struct fixture *f = *state;
	change_and_settle(f, &f->here, "spare");
	change_and_settle(f, &f->there, "here");
	change_and_settle(f, &f->here, "there");
	expect_found_here(f, f->dave, "here", &f->there);
	expect_found_here(f, f->dave, "there", &f->here);
}

/* The store has done both, but the worker is told by two homes, in the wrong order: the alias is
 * taken by one room before the other has let go of it. */
static void whoever_was_told_last_has_the_alias(void **state)
{
	struct fixture *f = *state;
	static struct changing change[3];
	change_alias(&f->hub, 0, &change[0], &f->here, "spare");
	change_alias(&f->hub, 1, &change[1], &f->there, "here");
	loop_turn(f->hub.sv[0].loop, 0);
	loop_turn(f->hub.sv[1].loop, 0);
	assert_int_equal(fake_store_held(f->hub.store), 2);
	fake_store_answer_all(f->hub.store);
	loop_turn(f->hub.sv[1].loop, 0); /* worker 1 has "there" at home, and is told at once */
	expect_found_here(f, f->dave, "here", &f->there);
	change_expect(&change[0], 0);
	expect_found_here(f, f->dave, "spare", &f->here);
	/* And back, where the one who lost it is told nothing new: it is found again. */
	change_and_settle(f, &f->there, "there");
	change_alias(&f->hub, 0, &change[2], &f->here, "here");
	hub_settle(&f->hub);
	expect_found_here(f, f->dave, "here", &f->here);
	expect_found_here(f, f->dave, "there", &f->there);
}

/* A row that was read late claims the alias of a room that has it: it gets it once that lets go. */
static void an_heir_gets_the_alias(void **state)
{
	struct fixture *f = *state;
	static struct changing change;
	change_alias(&f->hub, 0, &change, &f->here, "");
	loop_turn(f->hub.sv[0].loop, 0);
	fake_store_answer(f->hub.store); /* "here" is free, but worker 1 was not told yet */
	struct uuid fresh = hub_room(&f->hub, 1, "here");
	hub_member(&f->hub, &fresh, "erin");
	struct hub_client *erin = client_open(&f->hub, 1, "erin");
	client_handshake(erin);
	while (fake_store_held(f->hub.store) > 0) {
		fake_store_answer(f->hub.store);
		loop_turn(f->hub.sv[1].loop, 0);
	}
	hub_settle(&f->hub);
	expect_found_here(f, erin, "here", &fresh);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
	const struct CMUnitTest tests[] = {
		TEST(two_rooms_swap_their_aliases),
		TEST(whoever_was_told_last_has_the_alias),
		TEST(an_heir_gets_the_alias),
	};
#undef TEST
	return cmocka_run_group_tests_name("alias", tests, NULL, NULL);
}
