/* Random interleavings of changes: rooms that are renamed, archived and deleted, roles, people who
 * are added and removed and join and leave by themselves, messages, connections that come and go;
 * three workers whose loops turn in any order, a store whose reads and writes overtake each other
 * and whose changes have unknown fates. Each record of each connection is judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/change_judge.h"

#define WORKERS 3
#define SLOTS 3 /* rooms at one time */
#define READERS 6
#define SENDINGS 1500
#define CHANGES 1500
#define STEPS 1500
/* CHATD_TEST_SEEDS=N in the environment runs N of them. */
#define SEEDS 60

static const char *const aliases[] = {"attic", "bar", "cellar", "den", ""};

struct world {
	struct hub hub;
	struct judge judge;
	unsigned slots[SLOTS]; /* the room that is there now */
	struct judge_reader readers[READERS];
	struct sending *sendings;
	struct changing *changes;
	size_t sent, changed;
	char names[CHANGES][16]; /* ascending */
	unsigned named;
	uint64_t state;
};

static uint64_t dice(struct world *w, uint64_t sides)
{
	w->state ^= w->state << 13;
	w->state ^= w->state >> 7;
	w->state ^= w->state << 17;
	return w->state % sides;
}

static void judge_all(struct world *w)
{
	judge_note(&w->judge);
	for (int i = 0; i < READERS; i++) {
		judge_records(&w->judge, &w->readers[i]);
	}
}

/* ---- what happens ---- */

static struct changing *new_change(struct world *w)
{
	assert_true(w->changed < CHANGES);
	return &w->changes[w->changed++];
}

static void make_room(struct world *w, unsigned slot)
{
	unsigned at = w->slots[slot] = w->judge.room_count++;
	struct judge_room *room = &w->judge.rooms[at];
	assert_true(at < JUDGE_ROOMS);
	room->id = hub_room(&w->hub, (unsigned)dice(w, WORKERS), "");
	hub_member(&w->hub, &room->id, "alice");
	for (unsigned i = 0; i < JUDGE_PEOPLE; i++) {
		change_add(&w->hub, (unsigned)dice(w, WORKERS), new_change(w), &room->id,
			judge_people[i]);
	}
}

static void connect_or_leave(struct world *w, struct judge_reader *reader)
{
	if (reader->client == NULL) {
		*reader = (struct judge_reader){.person = (unsigned)dice(w, JUDGE_PEOPLE)};
		reader->client = client_open(
			&w->hub, (unsigned)dice(w, WORKERS), judge_people[reader->person]);
		client_handshake(reader->client);
	} else if (dice(w, 3) == 0) {
		client_drop(reader->client);
		judge_records(&w->judge, reader);
		reader->client = NULL;
	}
}

static void join_or_leave(struct world *w, struct judge_reader *reader)
{
	unsigned at = w->slots[dice(w, SLOTS)];
	bool joins = dice(w, 3) != 0;
	if (reader->client == NULL || reader->calls == JUDGE_CALLS) {
		return;
	}
	reader->call[reader->calls].room = at;
	reader->call[reader->calls].joins = joins;
	client_say(reader->client,
		"{'type':1,'invocationId':'%u','target':'%s','arguments':['%s']}", ++reader->calls,
		joins ? "JoinRoom" : "LeaveRoom", uuid_text(&w->judge.rooms[at].id));
}

static void set_something(struct world *w, unsigned slot)
{
	const struct uuid *room = &w->judge.rooms[w->slots[slot]].id;
	char *name = w->names[w->named];
	switch (dice(w, 3)) {
	case 0:
		/* From one worker, so that they are stored in this order. */
		snprintf(name, sizeof(w->names[0]), "n%08u", w->named++);
		change_name(&w->hub, slot, new_change(w), room, name);
		break;
	case 1:
		change_alias(&w->hub, (unsigned)dice(w, WORKERS), new_change(w), room,
			aliases[dice(w, 5)]);
		break;
	default:
		change_archived(
			&w->hub, (unsigned)dice(w, WORKERS), new_change(w), room, dice(w, 3) == 0);
	}
}

static void change_something(struct world *w)
{
	unsigned slot = (unsigned)dice(w, SLOTS);
	unsigned worker = (unsigned)dice(w, WORKERS);
	struct judge_room *room = &w->judge.rooms[w->slots[slot]];
	const char *person = judge_people[dice(w, JUDGE_PEOPLE)];
	uint64_t what = dice(w, 20);
	if (w->changed + 8 > CHANGES) {
		return;
	}
	if (what < 8) {
		set_something(w, slot);
	} else if (what < 11) {
		change_add(&w->hub, worker, new_change(w), &room->id, person);
	} else if (what < 14) {
		change_remove(&w->hub, worker, new_change(w), &room->id, person);
	} else if (what < 17) {
		change_role(&w->hub, worker, new_change(w), &room->id, person,
			(enum member_role)(ROLE_MEMBER + dice(w, 2)));
	} else if (what < 18) {
		change_notice(&w->hub, worker, new_change(w), &room->id, "psst");
	} else if (room->gone && w->judge.room_count < JUDGE_ROOMS) {
		make_room(w, slot);
	} else if (dice(w, 2) == 0) {
		change_delete(&w->hub, worker, new_change(w), &room->id);
	}
}

static bool is_write(enum fake_kind kind)
{
	return kind == FAKE_APPEND || kind == FAKE_MEMBER_ADD || kind == FAKE_MEMBER_REMOVE ||
	       kind == FAKE_MEMBER_ROLE || kind == FAKE_ROOM_UPDATE || kind == FAKE_ROOM_DELETE;
}

/* Whose doubt ends with a look at the room. */
static bool may_be_uncertain(enum fake_kind kind)
{
	return is_write(kind) && kind != FAKE_APPEND && kind != FAKE_MEMBER_ADD;
}

static void store_answers(struct world *w)
{
	struct fake_store *store = w->hub.store;
	enum fake_kind first = fake_store_first(store);
	enum fake_kind second = fake_store_second(store);
	if (first == FAKE_NOTHING) {
		return;
	}
	uint64_t what = dice(w, 20);
	if (what == 0 && may_be_uncertain(first)) {
		if (dice(w, 2) == 0) {
			fake_store_read(store);
		}
		fake_store_fail(store, ERR_UNCERTAIN, false);
	} else if (what == 1 && (first == FAKE_MEMBER_LIST || first == FAKE_PAGE)) {
		fake_store_fail(store, ERR_UNAVAILABLE, false);
	} else if (what < 6 && !is_write(first)) {
		fake_store_read(store); /* the answer itself comes later */
	} else if (what < 10 && second != FAKE_NOTHING && is_write(second) != is_write(first)) {
		fake_store_answer_behind(store);
	} else {
		fake_store_answer(store);
	}
}

static void something_happens(struct world *w)
{
	struct judge_reader *reader = &w->readers[dice(w, READERS)];
	uint64_t what = dice(w, 100);
	if (what < 42) {
		loop_turn(w->hub.sv[dice(w, WORKERS)].loop, 0);
	} else if (what < 68) {
		store_answers(w);
	} else if (what < 76 && w->sent < SENDINGS) {
		const struct uuid *room = &w->judge.rooms[w->slots[dice(w, SLOTS)]].id;
		sending_start(
			&w->hub, (unsigned)dice(w, WORKERS), &w->sendings[w->sent++], room, "text");
	} else if (what < 81) {
		connect_or_leave(w, reader);
	} else if (what < 85) {
		join_or_leave(w, reader);
	} else if (what < 93) {
		change_something(w);
	} else if (what < 97 && reader->client != NULL) {
		client_take(reader->client, SIZE_MAX);
	} else {
		fake_time_skip(dice(w, 50) == 0 ? 400000 : dice(w, 12000));
	}
}

/* The store works off what it has, one by one; then everything is as it should be. */
static void settle(struct world *w)
{
	for (int quiet = 0; quiet < 8;) {
		hub_turn(&w->hub);
		quiet = fake_store_held(w->hub.store) == 0 ? quiet + 1 : 0;
		if (quiet == 0) {
			fake_store_answer(w->hub.store);
		}
		judge_all(w);
	}
}

static void sleep_and_settle(struct world *w, int ms)
{
	for (int i = 0; i < ms; i += 5) {
		fake_time_skip(5000);
		settle(w);
	}
}

/* Each room that is left has an alias of its own, is open, and gets a message. */
static void end_well(struct world *w)
{
	static const char *const final[] = {"attic", "bar", "cellar"};
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < SLOTS; i++) {
			const struct uuid *room = &w->judge.rooms[w->slots[i]].id;
			change_alias(&w->hub, i, new_change(w), room, round == 0 ? "" : final[i]);
			change_archived(&w->hub, i, new_change(w), room, false);
		}
		settle(w);
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		static struct sending last;
		sending_start(&w->hub, i, &last, &w->judge.rooms[w->slots[i]].id, "last");
		settle(w);
		sending_expect(&last, 0,
			w->judge.rooms[w->slots[i]].gone ? APPEND_NOT_MEMBER : APPEND_STORED);
	}
	sleep_and_settle(w, 1000);
	for (int i = 0; i < READERS; i++) {
		for (unsigned at = 0; at < w->judge.room_count && w->readers[i].client != NULL;
			at++) {
			unsigned slot = 0;
			while (slot < SLOTS - 1 && w->slots[slot] != at) {
				slot++;
			}
			judge_end(&w->judge, &w->readers[i], at, final[slot]);
		}
	}
}

static void run(uint64_t seed)
{
	struct world *w = mem_zalloc(sizeof(*w));
	w->judge.seed = seed;
	w->judge.hub = &w->hub;
	w->state = seed * 0x9e3779b97f4a7c15 + 1;
	w->sendings = mem_zalloc(SENDINGS * sizeof(*w->sendings));
	w->changes = mem_zalloc(CHANGES * sizeof(*w->changes));
	hub_open(&w->hub, WORKERS, "");
	for (unsigned i = 0; i < SLOTS; i++) {
		make_room(w, i);
	}
	for (int step = 0; step < STEPS; step++) {
		something_happens(w);
		judge_all(w);
	}
	sleep_and_settle(w, 2000); /* what is held, or tried again, has come */
	end_well(w);
	for (size_t i = 0; i < w->sent; i++) {
		assert_int_equal(w->sendings[i].done, 1);
	}
	for (size_t i = 0; i < w->changed; i++) {
		assert_int_equal(w->changes[i].done, 1);
	}
	hub_close(&w->hub);
	free(w->sendings);
	free(w->changes);
	free(w);
}

static void nobody_gets_what_is_not_his(void **state)
{
	const char *wanted = getenv("CHATD_TEST_SEEDS");
	uint64_t count = wanted != NULL ? strtoull(wanted, NULL, 10) : SEEDS;
	(void)state;
	for (uint64_t seed = 1; seed <= count; seed++) {
		run(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_gets_what_is_not_his),
	};
	return cmocka_run_group_tests_name("changes_random", tests, NULL, NULL);
}
