/* Two instances that send into the same rooms at once, while members change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/store_pg_link.h"

/* One client message id over two instances, a thousand times. */
static void one_of_two_wins(void **state)
{
	enum { ROUNDS = 1000 };
	struct link_test *t = *state;
	struct uuid room = link_room(t, 1, 1);
	unsigned stored[LINK_SIDES] = {0};

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct append_item items[LINK_SIDES];
		struct link_run runs[LINK_SIDES];
		char key[24];
		snprintf(key, sizeof(key), "%u", round);
		for (unsigned i = 0; i < LINK_SIDES; i++) {
			unsigned side = (i + round) % LINK_SIDES;
			items[side] = test_item(room, test_user(1), key, "text");
			link_begin(&t->sides[side], &runs[side], &items[side], 1);
		}
		for (unsigned i = 0; i < LINK_SIDES; i++) {
			assert_int_equal(link_end(&t->sides[i], &runs[i]), 0);
			assert_int_equal(items[i].seq, round + 1);
			stored[i] += items[i].outcome == APPEND_STORED;
		}
		assert_int_equal(
			items[0].outcome + items[1].outcome, APPEND_STORED + APPEND_REPEATED);
	}
	assert_int_equal(stored[0] + stored[1], ROUNDS);
	link_check(t);
}

enum { STORM_ROOMS = 5, STORM_USERS = 4, STORM_ITEMS = 40, STORM_ROUNDS = 40 };

struct storm_side {
	struct link_run run;
	struct append_item items[STORM_ITEMS];
	char keys[STORM_ITEMS][24];
};

/* Each side has its own users; keys grow in the order of sending. */
static void storm_begin(struct link_test *t, struct storm_side *s, size_t side,
	const struct uuid *rooms, unsigned *next)
{
	for (size_t i = 0; i < STORM_ITEMS; i++) {
		unsigned user = 1 + (unsigned)side * 2 + (unsigned)(rand() % 2);
		snprintf(s->keys[i], sizeof(s->keys[i]), "%08u", ++*next);
		s->items[i] =
			test_item(rooms[rand() % STORM_ROOMS], test_user(user), s->keys[i], "text");
		if (rand() % 8 == 0) {
			s->items[i].attachment = BYTES_LIT("{}");
		}
		if (rand() % 10 == 0) {
			s->items[i].type = MESSAGE_EDIT;
			s->items[i].ref_seq = (uint64_t)(1 + rand() % 20);
		}
	}
	link_begin(&t->sides[side], &s->run, s->items, STORM_ITEMS);
}

static void storm_meddle(struct link_test *t)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
		"BEGIN; UPDATE rooms SET member_version = member_version + 1, member_count = 1"
		" WHERE id = 'cc000000-0000-4000-8000-%012x';"
		"UPDATE participants SET role = %d"
		" WHERE room_id = 'cc000000-0000-4000-8000-%012x'; COMMIT",
		1 + rand() % STORM_ROOMS, 1 + rand() % 2, 1 + rand() % STORM_ROOMS);
	link_session(t, sql);
}

static long storm_check(const struct storm_side *s)
{
	long stored = 0;

	for (size_t i = 0; i < STORM_ITEMS; i++) {
		const struct append_item *item = &s->items[i];
		assert_true(
			item->outcome == APPEND_STORED ||
			(item->type == MESSAGE_EDIT && (item->outcome == APPEND_NO_TARGET ||
							       item->outcome == APPEND_FORBIDDEN)));
		stored += item->outcome == APPEND_STORED;
	}
	return stored;
}

/* Nobody is refused who is always a member, and nobody's messages change places. */
static void a_storm_keeps_the_order(void **state)
{
	struct link_test *t = *state;
	struct uuid rooms[STORM_ROOMS];
	struct storm_side *sides = mem_zalloc(LINK_SIDES * sizeof(*sides));
	unsigned next = 0;
	long stored = 0;

	srand(5);
	for (unsigned i = 0; i < STORM_ROOMS; i++) {
		rooms[i] = link_room(t, i + 1, STORM_USERS);
	}
	for (int round = 0; round < STORM_ROUNDS; round++) {
		for (size_t i = 0; i < LINK_SIDES; i++) {
			storm_begin(t, &sides[i], i, rooms, &next);
		}
		for (int i = 0; i < 4; i++) {
			storm_meddle(t);
			loop_turn(t->base.loop, 0);
		}
		for (size_t i = 0; i < LINK_SIDES; i++) {
			assert_int_equal(link_end(&t->sides[i], &sides[i].run), 0);
			stored += storm_check(&sides[i]);
		}
	}
	link_check(t);
	assert_int_equal(link_number(t, "SELECT count(*) FROM messages"), stored);
	assert_int_equal(link_number(t, "SELECT count(*) FROM (SELECT client_message_id < lag("
					"client_message_id) OVER (PARTITION BY room_id, sender_id"
					" ORDER BY seq) AS turned FROM messages) x WHERE turned"),
		0);
	free(sides);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, link_test_setup, link_test_teardown)
		TEST(one_of_two_wins),
		TEST(a_storm_keeps_the_order),
#undef TEST
	};

	if (!store_pg_create()) {
		return 0;
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	store_pg_drop();
	return failed;
}
