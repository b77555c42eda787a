/* Random interleavings: two workers whose loops turn in any order, a store whose reads and writes
 * overtake each other, commits of unknown fate, messages of other processes, readers that come, go
 * and read slowly, one who joins and leaves and is removed without anybody being told. What each
 * connection got is judged at the end, record by record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/value/json.h"
#include "tests/unit/room_help.h"

#define WORKERS 2
#define ROOMS 3
#define READERS 6
#define WANDERERS 3
#define SENDINGS 2000
#define STEPS 1500
/* CHATD_TEST_SEEDS=N in the environment runs N of them. */
#define SEEDS 60

struct reader {
	struct hub_client *client; /* NULL: not connected */
	uint64_t last[ROOMS]; /* what the user behind it saw last, over all its connections */
	bool named[ROOMS]; /* on this connection */
	size_t judged; /* records that were looked at */
	unsigned calls;
};

struct world {
	struct hub hub;
	struct uuid rooms[ROOMS];
	struct reader readers[READERS];
	struct hub_client *wanderers[WANDERERS]; /* dave's; NULL: not connected */
	struct sending *sendings;
	size_t sent;
	uint64_t seed, state;
};

static uint64_t dice(struct world *w, uint64_t sides)
{
	w->state ^= w->state << 13;
	w->state ^= w->state >> 7;
	w->state ^= w->state << 17;
	return w->state % sides;
}

/* ---- judging ---- */

/* What one connection got of one room: runs without holes, the live one and one for each call that
 * asked for older numbers, which come beside what is live. */
struct judged {
	uint64_t ends[64]; /* the next number of each run */
	size_t runs;
	size_t asked; /* calls whose answer said that they sent something */
	uint64_t low, high;
	bool got[1024];
};

static void judge_message(struct world *w, struct judged *judged, const struct value *message)
{
	uint64_t seq = (uint64_t)value_get(message, "seq")->integer;
	assert_true(seq < 1024);
	if (judged->got[seq]) {
		fail_msg("seed %llu: %llu came twice", (unsigned long long)w->seed,
			(unsigned long long)seq);
	}
	judged->got[seq] = true;
	judged->high = seq > judged->high ? seq : judged->high;
	judged->low = judged->low == 0 || seq < judged->low ? seq : judged->low;
	size_t run = 0;
	while (run < judged->runs && judged->ends[run] != seq) {
		run++;
	}
	assert_true(run < 64);
	judged->runs = run == judged->runs ? run + 1 : judged->runs;
	judged->ends[run] = seq + 1;
}

/* What an answer calls sent must have come before it. */
static void judge_answer(struct world *w, struct judged *judged, const struct value *result)
{
	const struct value *from = value_get(result, "from");
	const struct value *to = value_get(result, "to");
	if (!value_get(result, "recovered")->boolean) {
		fail_msg("seed %llu: not recovered at %lld", (unsigned long long)w->seed,
			(long long)value_get(result, "lastSeq")->integer);
	}
	assert_int_equal(value_get(result, "gap")->kind, VALUE_NULL);
	if (from->kind != VALUE_INT) {
		return;
	}
	for (int64_t seq = from->integer; seq <= to->integer; seq++) {
		if (!judged->got[seq]) {
			fail_msg("seed %llu: %lld was not there before the answer",
				(unsigned long long)w->seed, (long long)seq);
		}
	}
	judged->asked++;
}

static int room_at(const struct world *w, const struct value *id)
{
	struct uuid room;
	assert_int_equal(uuid_parse(id->text, &room), 0);
	for (int i = 0; i < ROOMS; i++) {
		if (uuid_eq(&w->rooms[i], &room)) {
			return i;
		}
	}
	fail_msg("an unknown room");
	return -1;
}

static void judge_record(struct world *w, struct judged *judged, const char *record)
{
	struct arena *arena = arena_create(0);
	struct value value;
	assert_int_equal(json_read(arena, bytes_str(record), &value, NULL), 0);
	const struct value *result = value_get(&value, "result");
	if (value_get(&value, "error") != NULL) {
		fail_msg("seed %llu: %s", (unsigned long long)w->seed, record);
	} else if (result != NULL) {
		judge_answer(w, &judged[room_at(w, value_get(result, "roomId"))], result);
	} else if (strstr(record, "\"target\":\"ReceiveMessage\"") != NULL) {
		const struct value *message = &value_get(&value, "arguments")->items[0];
		judge_message(w, &judged[room_at(w, value_get(message, "roomId"))], message);
	}
	arena_destroy(&arena);
}

static void judge(struct world *w, const struct reader *reader, bool to_the_end)
{
	struct judged *judged = mem_zalloc(ROOMS * sizeof(*judged));
	for (size_t i = 0; i < reader->client->record_count; i++) {
		judge_record(w, judged, reader->client->records[i]);
	}
	for (int i = 0; i < ROOMS && to_the_end; i++) {
		uint64_t head = fake_store_head(w->hub.store, &w->rooms[i]);
		assert_int_equal(judged[i].high, head);
		assert_true(judged[i].runs <= 1 + judged[i].asked);
		for (uint64_t seq = judged[i].low; seq <= head; seq++) {
			if (!judged[i].got[seq]) {
				fail_msg("seed %llu: %llu is missing", (unsigned long long)w->seed,
					(unsigned long long)seq);
			}
		}
	}
	free(judged);
}

/* ---- what happens ---- */

static void read_numbers(struct world *w, struct reader *reader)
{
	for (int i = 0; i < ROOMS; i++) {
		for (size_t n = 0; n < reader->client->seen_count; n++) {
			const struct hub_seen *seen = &reader->client->seen[n];
			if (uuid_eq(&seen->room, &w->rooms[i]) && seen->seq > reader->last[i]) {
				reader->last[i] = seen->seq;
			}
		}
	}
}

static void connect_or_leave(struct world *w, struct reader *reader)
{
	if (reader->client == NULL) {
		unsigned worker = (unsigned)dice(w, WORKERS);
		reader->client = client_open(&w->hub, worker, dice(w, 2) == 0 ? "bob" : "carol");
		reader->client->slow = dice(w, 3) == 0;
		client_handshake(reader->client);
		memset(reader->named, 0, sizeof(reader->named));
		reader->calls = 0;
	} else if (dice(w, 4) == 0) {
		assert_non_null(client_conn(reader->client));
		client_drop(reader->client);
		read_numbers(w, reader);
		judge(w, reader, false);
		reader->client = NULL;
	}
}

/* The first time with what was seen last, later with any number, or none. */
static void name_a_room(struct world *w, struct reader *reader)
{
	int i = (int)dice(w, ROOMS);
	if (reader->client == NULL) {
		return;
	}
	uint64_t last = reader->last[i];
	if (reader->named[i] || dice(w, 4) == 0) {
		last = dice(w, last + 1);
	}
	bool without = dice(w, 4) == 0;
	client_say(reader->client,
		without ? "{'type':1,'invocationId':'%u','target':'JoinRoom','arguments':['%s']}"
			: "{'type':1,'invocationId':'%u','target':'JoinRoom','arguments':['%s',%"
			  "llu]}",
		++reader->calls, uuid_text(&w->rooms[i]), (unsigned long long)last);
	reader->named[i] = true;
}

static void wander(struct world *w)
{
	struct hub_client **client = &w->wanderers[dice(w, WANDERERS)];
	const struct uuid *room = &w->rooms[dice(w, ROOMS)];
	struct uuid dave = hub_user("dave");
	uint64_t what = dice(w, 10);
	if (*client == NULL) {
		*client = client_open(&w->hub, (unsigned)dice(w, WORKERS), "dave");
		client_handshake(*client);
	} else if (what == 0) {
		client_drop(*client);
		*client = NULL;
	} else if (what == 1 && fake_store_is_member(w->hub.store, room, &dave)) {
		fake_store_member_gone(w->hub.store, room, &dave);
	} else {
		client_say(*client, "{'type':1,'target':'%s','arguments':['%s']}",
			what < 4 ? "LeaveRoom" : "JoinRoom", uuid_text(room));
	}
}

/* Of the last message of each room: a participant has it once on each device, others never. */
static void judge_wanderers(struct world *w)
{
	struct uuid dave = hub_user("dave");
	for (int i = 0; i < WANDERERS * ROOMS; i++) {
		const struct hub_client *client = w->wanderers[i % WANDERERS];
		const struct uuid *room = &w->rooms[i / WANDERERS];
		uint64_t head = fake_store_head(w->hub.store, room);
		size_t got = 0;
		for (size_t n = 0; client != NULL && n < client->seen_count; n++) {
			got += uuid_eq(&client->seen[n].room, room) && client->seen[n].seq == head
				       ? 1
				       : 0;
		}
		size_t due = client != NULL && fake_store_is_member(w->hub.store, room, &dave);
		if (got != due) {
			fail_msg("seed %llu: dave got %zu of %zu", (unsigned long long)w->seed, got,
				due);
		}
	}
}

static bool is_write(enum fake_kind kind)
{
	return kind == FAKE_APPEND || kind == FAKE_MEMBER_ADD || kind == FAKE_MEMBER_REMOVE;
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
	bool short_batch = first == FAKE_APPEND && fake_store_first_append(store)->count <= 16;
	if (what == 0 && short_batch) {
		fake_store_fail(store, ERR_UNCERTAIN, dice(w, 2) == 0);
	} else if (what == 1 && !is_write(first) && first != FAKE_USER_OPEN) {
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
	const struct uuid *room = &w->rooms[dice(w, ROOMS)];
	uint64_t what = dice(w, 100);
	if (what < 40) {
		loop_turn(w->hub.sv[dice(w, WORKERS)].loop, 0);
	} else if (what < 65) {
		store_answers(w);
	} else if (what < 77 && w->sent < SENDINGS) {
		struct sending *sending = &w->sendings[w->sent++];
		sending_start(&w->hub, (unsigned)dice(w, WORKERS), sending, room, "text");
	} else if (what < 79) {
		hub_message(&w->hub, room);
	} else if (what < 83) {
		connect_or_leave(w, reader);
	} else if (what < 88) {
		name_a_room(w, reader);
	} else if (what < 91) {
		wander(w);
	} else if (what < 96 && reader->client != NULL) {
		client_take(reader->client, reader->client->slow ? dice(w, 5000) : SIZE_MAX);
	} else {
		fake_time_skip(dice(w, 50) == 0 ? 400000 : dice(w, 12000));
	}
}

static void run(uint64_t seed)
{
	struct world *w = mem_zalloc(sizeof(*w));
	w->seed = seed;
	w->state = seed * 0x9e3779b97f4a7c15 + 1;
	w->sendings = mem_zalloc(SENDINGS * sizeof(*w->sendings));
	hub_open(&w->hub, WORKERS, "[limits]\nsend_queue = 64KiB\nsend_stall = 1h\n");
	for (unsigned i = 0; i < ROOMS; i++) {
		w->rooms[i] = hub_room(&w->hub, i % WORKERS, "");
		hub_member(&w->hub, &w->rooms[i], "alice");
		hub_member(&w->hub, &w->rooms[i], "bob");
		hub_member(&w->hub, &w->rooms[i], "carol");
	}
	for (int step = 0; step < STEPS; step++) {
		something_happens(w);
	}
	for (int i = 0; i < READERS; i++) {
		if (w->readers[i].client != NULL) {
			w->readers[i].client->slow = false;
		}
	}
	hub_sleep(&w->hub, 3000000); /* what is held, or tried again, has come */
	for (int i = 0; i < ROOMS; i++) {
		room_send(&w->hub, &w->rooms[i], 1);
	}
	hub_sleep(&w->hub, 1000000);
	judge_wanderers(w);
	for (size_t i = 0; i < w->sent; i++) {
		assert_int_equal(w->sendings[i].done, 1);
		assert_int_equal(w->sendings[i].err, 0);
	}
	for (int i = 0; i < READERS; i++) {
		if (w->readers[i].client != NULL) {
			judge(w, &w->readers[i], true);
		}
	}
	hub_close(&w->hub);
	free(w->sendings);
	free(w);
}

static void every_connection_sees_each_number_once(void **state)
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
		cmocka_unit_test(every_connection_sees_each_number_once),
	};
	return cmocka_run_group_tests_name("rooms_random", tests, NULL, NULL);
}
