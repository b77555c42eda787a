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

#include "chatd/room/rooms.h"
#include "lib/base/err.h"
#include "lib/value/json.h"
#include "tests/unit/change_help.h"

#define WORKERS 3
#define SLOTS 3 /* rooms at one time */
#define ROOMS 48 /* ever */
#define READERS 6
#define SENDINGS 1500
#define CHANGES 1500
#define STEPS 1500
#define SEQS 512
#define CALLS 512 /* of one connection */
/* CHATD_TEST_SEEDS=N in the environment runs N of them. */
#define SEEDS 60

static const char *const people[] = {"dave", "erin", "frank"};
enum { PEOPLE = 3 };
static const char *const aliases[] = {"attic", "bar", "cellar", "den", ""};

struct room {
	struct uuid id;
	bool gone; /* from the store */
	uint64_t head; /* up to which was noted when they were stored */
	uint64_t stored[SEQS]; /* in which step */
	uint64_t last_in[PEOPLE]; /* the last step in which he was in */
};

/* What a connection was told of a room. */
struct judged {
	bool deleted; /* that it is no more */
	bool left; /* that its user is not in */
	char name[32]; /* the last one */
};

struct reader {
	struct hub_client *client; /* NULL: not connected */
	unsigned person;
	size_t looked_at; /* records */
	struct judged judged[ROOMS];
	unsigned calls; /* of JoinRoom and LeaveRoom: which was for which room */
	struct {
		unsigned room;
		bool joins, answered;
	} call[CALLS];
};

struct world {
	struct hub hub;
	struct room rooms[ROOMS];
	unsigned room_count;
	unsigned slots[SLOTS]; /* the room that is there now */
	struct reader readers[READERS];
	struct sending *sendings;
	struct changing *changes;
	size_t sent, changed;
	char names[CHANGES][16]; /* ascending */
	unsigned named;
	uint64_t seed, state, step;
};

static uint64_t dice(struct world *w, uint64_t sides)
{
	w->state ^= w->state << 13;
	w->state ^= w->state >> 7;
	w->state ^= w->state << 17;
	return w->state % sides;
}

#define FAIL(w, text, ...) fail_msg("seed %llu: " text, (unsigned long long)(w)->seed, __VA_ARGS__)

/* ---- what the store says ---- */

static bool is_in(struct world *w, const struct room *room, unsigned person)
{
	struct uuid user = hub_user(people[person]);
	return !room->gone && fake_store_is_member(w->hub.store, &room->id, &user);
}

static void note_room(struct world *w, struct room *room)
{
	if (room->gone || !fake_store_has_room(w->hub.store, &room->id)) {
		room->gone = true;
		return;
	}
	uint64_t head = fake_store_head(w->hub.store, &room->id);
	assert_true(head < SEQS);
	while (room->head < head) {
		room->stored[++room->head] = w->step;
	}
	for (unsigned person = 0; person < PEOPLE; person++) {
		if (is_in(w, room, person)) {
			room->last_in[person] = w->step;
		}
	}
}

/* After each step. Nothing of the store changes in two ways in one. */
static void note_all(struct world *w)
{
	w->step++;
	for (unsigned i = 0; i < w->room_count; i++) {
		note_room(w, &w->rooms[i]);
	}
}

/* ---- judging ---- */

static unsigned room_at(struct world *w, const struct value *id)
{
	struct uuid uuid;
	assert_int_equal(uuid_parse(id->text, &uuid), 0);
	for (unsigned i = 0; i < w->room_count; i++) {
		if (uuid_eq(&w->rooms[i].id, &uuid)) {
			return i;
		}
	}
	fail_msg("an unknown room");
	return 0;
}

/* He was in when it was stored, or later: then what was before is his too. */
static void judge_message(
	struct world *w, const struct reader *reader, const struct value *message, unsigned at)
{
	uint64_t seq = (uint64_t)value_get(message, "seq")->integer;
	const struct room *room = &w->rooms[at];
	assert_true(seq < SEQS);
	if (room->last_in[reader->person] < room->stored[seq]) {
		FAIL(w, "%s got number %llu of room %u, and was not in", people[reader->person],
			(unsigned long long)seq, at);
	}
	bool asks = false;
	for (unsigned i = 0; i < reader->calls; i++) {
		asks |= reader->call[i].room == at && reader->call[i].joins &&
			!reader->call[i].answered;
	}
	if (reader->judged[at].left && !asks) {
		FAIL(w, "%s got number %llu of room %u behind UserLeft", people[reader->person],
			(unsigned long long)seq, at);
	}
}

static void judge_update(struct world *w, struct judged *judged, const struct value *room)
{
	struct bytes name = value_get(room, "name")->text;
	char text[32];
	assert_true(name.len < sizeof(text));
	snprintf(text, sizeof(text), "%.*s", BYTES_ARG(name));
	if (text[0] == 'n' && strcmp(text, judged->name) < 0) {
		FAIL(w, "%s was told after %s", text, judged->name);
	}
	memcpy(judged->name, text, sizeof(text));
}

/* The room that a record is about, and what stands for it. */
static const struct value *room_of(const struct value *target, const struct value *args)
{
	const char *name = target->text.ptr;
	if (strncmp(name, "ReceiveMessage", 14) == 0) {
		return value_get(&args->items[0], "roomId");
	}
	if (strncmp(name, "RoomUpdated", 11) == 0 || strncmp(name, "RoomCreated", 11) == 0) {
		return value_get(&args->items[0], "id");
	}
	if (strncmp(name, "User", 4) == 0) {
		return &args->items[1];
	}
	return strncmp(name, "RoomDeleted", 11) == 0 ? &args->items[0] : NULL;
}

static void judge_member(struct reader *reader, unsigned at, const struct value *args, bool left)
{
	struct uuid user;
	struct uuid self = hub_user(people[reader->person]);
	assert_int_equal(uuid_parse(args->items[0].text, &user), 0);
	if (uuid_eq(&user, &self)) {
		reader->judged[at].left = left;
	}
}

static void judge_call(
	struct world *w, struct reader *reader, const struct value *value, const char *record)
{
	const struct value *target = value_get(value, "target");
	const struct value *args = value_get(value, "arguments");
	const struct value *id = room_of(target, args);
	if (id == NULL) {
		return;
	}
	unsigned at = room_at(w, id);
	struct judged *judged = &reader->judged[at];
	bool deletes = bytes_eq(target->text, BYTES_LIT("RoomDeleted"));
	if (judged->deleted && !deletes) {
		FAIL(w, "behind RoomDeleted came %s", record);
	}
	if (deletes) {
		judged->deleted = true;
	} else if (bytes_eq(target->text, BYTES_LIT("ReceiveMessage"))) {
		judge_message(w, reader, &args->items[0], at);
	} else if (bytes_eq(target->text, BYTES_LIT("RoomUpdated"))) {
		judge_update(w, judged, &args->items[0]);
	} else if (bytes_eq(target->text, BYTES_LIT("RoomCreated"))) {
		judged->left = false;
	} else {
		bool left = bytes_eq(target->text, BYTES_LIT("UserLeft"));
		judge_member(reader, at, args, left);
	}
}

static void judge_answer(struct reader *reader, const struct value *value)
{
	unsigned id = (unsigned)atoi(value_get(value, "invocationId")->text.ptr);
	assert_in_range(id, 1, reader->calls);
	bool good = value_get(value, "error") == NULL;
	reader->call[id - 1].answered = true;
	if (good) {
		reader->judged[reader->call[id - 1].room].left = !reader->call[id - 1].joins;
	}
}

/* What came since the last look. */
static void judge(struct world *w, struct reader *reader)
{
	while (reader->client != NULL && reader->looked_at < reader->client->record_count) {
		const char *record = reader->client->records[reader->looked_at++];
		struct arena *arena = arena_create(0);
		struct value value;
		assert_int_equal(json_read(arena, bytes_str(record), &value, NULL), 0);
		if (value_get(&value, "target") != NULL) {
			judge_call(w, reader, &value, record);
		} else if (value_get(&value, "invocationId") != NULL) {
			judge_answer(reader, &value);
		}
		arena_destroy(&arena);
	}
}

static void judge_all(struct world *w)
{
	note_all(w);
	for (int i = 0; i < READERS; i++) {
		judge(w, &w->readers[i]);
	}
}

/* Who is in, and only he, has the room on each of his connections, as it is set now, and got the
 * last message. */
static void judge_end(struct world *w, const struct reader *reader, unsigned at, const char *alias)
{
	const struct room *room = &w->rooms[at];
	const struct conn *conn = client_conn(reader->client);
	const struct room_entry *entry = rooms_entry_by_id(conn, &room->id);
	bool in = is_in(w, room, reader->person);
	if ((entry != NULL) != in) {
		FAIL(w, "%s %s in room %u", people[reader->person], in ? "should be" : "is", at);
	}
	size_t got = 0;
	for (size_t i = 0; i < reader->client->seen_count; i++) {
		const struct hub_seen *seen = &reader->client->seen[i];
		got += uuid_eq(&seen->room, &room->id) && seen->seq == room->head ? 1 : 0;
	}
	if (!room->gone && got != (in ? 1U : 0U)) {
		FAIL(w, "%s got the last number of room %u %zu times", people[reader->person], at,
			got);
	}
	if (in) {
		assert_string_equal(rooms_entry_info(entry)->alias, alias);
		assert_false(rooms_entry_info(entry)->archived);
		assert_ptr_equal(rooms_entry(conn, bytes_str(alias)), entry);
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
	unsigned at = w->slots[slot] = w->room_count++;
	struct room *room = &w->rooms[at];
	assert_true(at < ROOMS);
	room->id = hub_room(&w->hub, (unsigned)dice(w, WORKERS), "");
	hub_member(&w->hub, &room->id, "alice");
	for (unsigned i = 0; i < PEOPLE; i++) {
		change_add(
			&w->hub, (unsigned)dice(w, WORKERS), new_change(w), &room->id, people[i]);
	}
}

static void connect_or_leave(struct world *w, struct reader *reader)
{
	if (reader->client == NULL) {
		*reader = (struct reader){.person = (unsigned)dice(w, PEOPLE)};
		reader->client =
			client_open(&w->hub, (unsigned)dice(w, WORKERS), people[reader->person]);
		client_handshake(reader->client);
	} else if (dice(w, 3) == 0) {
		client_drop(reader->client);
		judge(w, reader);
		reader->client = NULL;
	}
}

static void join_or_leave(struct world *w, struct reader *reader)
{
	unsigned at = w->slots[dice(w, SLOTS)];
	bool joins = dice(w, 3) != 0;
	if (reader->client == NULL || reader->calls == CALLS) {
		return;
	}
	reader->call[reader->calls].room = at;
	reader->call[reader->calls].joins = joins;
	client_say(reader->client,
		"{'type':1,'invocationId':'%u','target':'%s','arguments':['%s']}", ++reader->calls,
		joins ? "JoinRoom" : "LeaveRoom", uuid_text(&w->rooms[at].id));
}

static void set_something(struct world *w, unsigned slot)
{
	const struct uuid *room = &w->rooms[w->slots[slot]].id;
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
	struct room *room = &w->rooms[w->slots[slot]];
	const char *person = people[dice(w, PEOPLE)];
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
	} else if (room->gone && w->room_count < ROOMS) {
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
	struct reader *reader = &w->readers[dice(w, READERS)];
	uint64_t what = dice(w, 100);
	if (what < 42) {
		loop_turn(w->hub.sv[dice(w, WORKERS)].loop, 0);
	} else if (what < 68) {
		store_answers(w);
	} else if (what < 76 && w->sent < SENDINGS) {
		const struct uuid *room = &w->rooms[w->slots[dice(w, SLOTS)]].id;
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
			const struct uuid *room = &w->rooms[w->slots[i]].id;
			change_alias(&w->hub, i, new_change(w), room, round == 0 ? "" : final[i]);
			change_archived(&w->hub, i, new_change(w), room, false);
		}
		settle(w);
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		static struct sending last;
		sending_start(&w->hub, i, &last, &w->rooms[w->slots[i]].id, "last");
		settle(w);
		sending_expect(
			&last, 0, w->rooms[w->slots[i]].gone ? APPEND_NOT_MEMBER : APPEND_STORED);
	}
	sleep_and_settle(w, 1000);
	for (int i = 0; i < READERS; i++) {
		for (unsigned at = 0; at < w->room_count && w->readers[i].client != NULL; at++) {
			unsigned slot = 0;
			while (slot < SLOTS - 1 && w->slots[slot] != at) {
				slot++;
			}
			judge_end(w, &w->readers[i], at, final[slot]);
		}
	}
}

static void run(uint64_t seed)
{
	struct world *w = mem_zalloc(sizeof(*w));
	w->seed = seed;
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
