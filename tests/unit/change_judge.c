#include "tests/unit/change_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/room/rooms.h"
#include "lib/value/json.h"

const char *const judge_people[JUDGE_PEOPLE] = {"dave", "erin", "frank"};

#define FAIL(judge, text, ...) \
	fail_msg("seed %llu: " text, (unsigned long long)(judge)->seed, __VA_ARGS__)

/* ---- what the store says ---- */

static bool is_in(const struct judge *judge, const struct judge_room *room, unsigned person)
{
	struct uuid user = hub_user(judge_people[person]);
	return !room->gone && fake_store_is_member(judge->hub->store, &room->id, &user);
}

static void note_room(const struct judge *judge, struct judge_room *room)
{
	if (room->gone || !fake_store_has_room(judge->hub->store, &room->id)) {
		room->gone = true;
		return;
	}
	uint64_t head = fake_store_head(judge->hub->store, &room->id);
	assert_true(head < JUDGE_SEQS);
	while (room->head < head) {
		room->stored[++room->head] = judge->step;
	}
	for (unsigned person = 0; person < JUDGE_PEOPLE; person++) {
		if (is_in(judge, room, person)) {
			room->last_in[person] = judge->step;
		}
	}
}

void judge_note(struct judge *judge)
{
	judge->step++;
	for (unsigned i = 0; i < judge->room_count; i++) {
		note_room(judge, &judge->rooms[i]);
	}
}

/* ---- judging ---- */

static unsigned room_at(const struct judge *judge, const struct value *id)
{
	struct uuid uuid;
	assert_int_equal(uuid_parse(id->text, &uuid), 0);
	for (unsigned i = 0; i < judge->room_count; i++) {
		if (uuid_eq(&judge->rooms[i].id, &uuid)) {
			return i;
		}
	}
	fail_msg("an unknown room");
	return 0;
}

/* He was in when it was stored, or later: then what was before is his too. */
static void judge_message(const struct judge *judge, const struct judge_reader *reader,
	const struct value *message, unsigned at)
{
	uint64_t seq = (uint64_t)value_get(message, "seq")->integer;
	const struct judge_room *room = &judge->rooms[at];
	assert_true(seq < JUDGE_SEQS);
	if (room->last_in[reader->person] < room->stored[seq]) {
		FAIL(judge, "%s got number %llu of room %u, and was not in",
			judge_people[reader->person], (unsigned long long)seq, at);
	}
	bool asks = false;
	for (unsigned i = 0; i < reader->calls; i++) {
		asks |= reader->call[i].room == at && reader->call[i].joins &&
			!reader->call[i].answered;
	}
	if (reader->judged[at].left && !asks) {
		FAIL(judge, "%s got number %llu of room %u behind UserLeft",
			judge_people[reader->person], (unsigned long long)seq, at);
	}
}

static void judge_update(const struct judge *judge, struct judged *judged, const struct value *room)
{
	struct bytes name = value_get(room, "name")->text;
	char text[32];
	assert_true(name.len < sizeof(text));
	snprintf(text, sizeof(text), "%.*s", BYTES_ARG(name));
	if (text[0] == 'n' && strcmp(text, judged->name) < 0) {
		FAIL(judge, "%s was told after %s", text, judged->name);
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

static void judge_member(
	struct judge_reader *reader, unsigned at, const struct value *args, bool left)
{
	struct uuid user;
	struct uuid self = hub_user(judge_people[reader->person]);
	assert_int_equal(uuid_parse(args->items[0].text, &user), 0);
	if (uuid_eq(&user, &self)) {
		reader->judged[at].left = left;
	}
}

static void judge_call(const struct judge *judge, struct judge_reader *reader,
	const struct value *value, const char *record)
{
	const struct value *target = value_get(value, "target");
	const struct value *args = value_get(value, "arguments");
	const struct value *id = room_of(target, args);
	if (id == NULL) {
		return;
	}
	unsigned at = room_at(judge, id);
	struct judged *judged = &reader->judged[at];
	bool deletes = bytes_eq(target->text, BYTES_LIT("RoomDeleted"));
	if (judged->deleted && !deletes) {
		FAIL(judge, "behind RoomDeleted came %s", record);
	}
	if (deletes) {
		judged->deleted = true;
	} else if (bytes_eq(target->text, BYTES_LIT("ReceiveMessage"))) {
		judge_message(judge, reader, &args->items[0], at);
	} else if (bytes_eq(target->text, BYTES_LIT("RoomUpdated"))) {
		judge_update(judge, judged, &args->items[0]);
	} else if (bytes_eq(target->text, BYTES_LIT("RoomCreated"))) {
		judged->left = false;
	} else {
		bool left = bytes_eq(target->text, BYTES_LIT("UserLeft"));
		judge_member(reader, at, args, left);
	}
}

static void judge_answer(struct judge_reader *reader, const struct value *value)
{
	unsigned id = (unsigned)atoi(value_get(value, "invocationId")->text.ptr);
	assert_in_range(id, 1, reader->calls);
	bool good = value_get(value, "error") == NULL;
	reader->call[id - 1].answered = true;
	if (good) {
		reader->judged[reader->call[id - 1].room].left = !reader->call[id - 1].joins;
	}
}

void judge_records(const struct judge *judge, struct judge_reader *reader)
{
	while (reader->client != NULL && reader->looked_at < reader->client->record_count) {
		const char *record = reader->client->records[reader->looked_at++];
		struct arena *arena = arena_create(0);
		struct value value;
		assert_int_equal(json_read(arena, bytes_str(record), &value, NULL), 0);
		if (value_get(&value, "target") != NULL) {
			judge_call(judge, reader, &value, record);
		} else if (value_get(&value, "invocationId") != NULL) {
			judge_answer(reader, &value);
		}
		arena_destroy(&arena);
	}
}

void judge_end(const struct judge *judge, const struct judge_reader *reader, unsigned at,
	const char *alias)
{
	const struct judge_room *room = &judge->rooms[at];
	const struct conn *conn = client_conn(reader->client);
	const struct room_entry *entry = rooms_entry_by_id(conn, &room->id);
	bool in = is_in(judge, room, reader->person);
	if ((entry != NULL) != in) {
		FAIL(judge, "%s %s in room %u", judge_people[reader->person],
			in ? "should be" : "is", at);
	}
	size_t got = 0;
	for (size_t i = 0; i < reader->client->seen_count; i++) {
		const struct hub_seen *seen = &reader->client->seen[i];
		got += uuid_eq(&seen->room, &room->id) && seen->seq == room->head ? 1 : 0;
	}
	if (!room->gone && got != (in ? 1U : 0U)) {
		FAIL(judge, "%s got the last number of room %u %zu times",
			judge_people[reader->person], at, got);
	}
	if (in) {
		assert_string_equal(rooms_entry_info(entry)->alias, alias);
		assert_false(rooms_entry_info(entry)->archived);
		assert_ptr_equal(rooms_entry(conn, bytes_str(alias)), entry);
	}
}
