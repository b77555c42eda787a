/* Rooms, their messages and their participants: ranges of room ids, each room's counts beside what
 * the tables have. */
#include "lib/store/pg_verify.h"

#include "lib/base/err.h"

/* Rooms of one range: few enough that progress is seen, and bounded memory. */
enum { ROOMS = 200 };

struct room_counts {
	struct uuid id;
	uint64_t last_seq, messages, members; /* that the room says */
	uint64_t has_messages, has_members; /* that there are */
	int64_t first, last; /* numbers of its messages */
};

struct range {
	struct pg_verify *v;
	struct room_counts rooms[ROOMS];
	size_t count;
	struct uuid low, high; /* both belong to it */
};

/* ---- reading ---- */

static int read_rooms(void *ctx, const struct pg_result *result)
{
	struct range *range = ctx;

	range->count = pg_rows(result) < ROOMS ? pg_rows(result) : ROOMS;
	for (size_t i = 0; i < range->count; i++) {
		struct room_counts *room = &range->rooms[i];
		*room = (struct room_counts){
			.last_seq = (uint64_t)pg_int(result, i, 1),
			.messages = (uint64_t)pg_int(result, i, 2),
			.members = (uint64_t)pg_int(result, i, 3),
		};
		pg_id(result, i, 0, &room->id);
	}
	return 0;
}

/* Both go up by id: *place is where the last one was found. NULL: there is no such room. */
static struct room_counts *find_room(struct range *range, size_t *place, const struct uuid *id)
{
	while (*place < range->count && memcmp(&range->rooms[*place].id, id, sizeof(*id)) < 0) {
		++*place;
	}
	if (*place < range->count && uuid_eq(&range->rooms[*place].id, id)) {
		return &range->rooms[*place];
	}
	return NULL;
}

struct reading {
	struct range *range;
	struct buf strays; /* ids, 16 bytes each */
};

static int read_messages(void *ctx, const struct pg_result *result)
{
	struct reading *reading = ctx;
	size_t place = 0;

	for (size_t i = 0; i < pg_rows(result); i++) {
		struct uuid id;
		pg_id(result, i, 0, &id);
		struct room_counts *room = find_room(reading->range, &place, &id);
		if (room == NULL) {
			buf_append(&reading->strays, &id, sizeof(id));
			continue;
		}
		room->has_messages = (uint64_t)pg_int(result, i, 1);
		room->first = pg_int(result, i, 2);
		room->last = pg_int(result, i, 3);
	}
	return 0;
}

static int read_members(void *ctx, const struct pg_result *result)
{
	struct range *range = ctx;
	size_t place = 0;

	for (size_t i = 0; i < pg_rows(result); i++) {
		struct uuid id;
		pg_id(result, i, 0, &id);
		struct room_counts *room = find_room(range, &place, &id);
		if (room != NULL) {
			room->has_members = (uint64_t)pg_int(result, i, 1);
		}
		range->v->participants += (uint64_t)pg_int(result, i, 1);
	}
	return 0;
}

/* ---- judging ---- */

static void judge_room(struct pg_verify *v, const struct room_counts *room)
{
	char id[UUID_TEXT_SIZE];

	uuid_format(&room->id, id);
	if (room->has_messages != room->messages) {
		pg_verify_bad(v, "room %s counts %llu messages, but has %llu", id,
			(unsigned long long)room->messages, (unsigned long long)room->has_messages);
	}
	if (room->has_messages > 0 && (room->first < 1 || (uint64_t)room->last != room->last_seq)) {
		pg_verify_bad(v, "room %s has messages from %lld to %lld, but its head is %llu", id,
			(long long)room->first, (long long)room->last,
			(unsigned long long)room->last_seq);
	}
	if (room->has_messages > 0 &&
		(uint64_t)(room->last - room->first) + 1 != room->has_messages) {
		pg_verify_bad(v, "room %s has holes: %llu messages from number %lld to %lld", id,
			(unsigned long long)room->has_messages, (long long)room->first,
			(long long)room->last);
	}
	if (room->has_members != room->members) {
		pg_verify_bad(v, "room %s counts %llu participants, but has %llu", id,
			(unsigned long long)room->members, (unsigned long long)room->has_members);
	}
}

static int read_any(void *ctx, const struct pg_result *result)
{
	*(bool *)ctx = pg_rows(result) > 0;
	return 0;
}

/* Those that are being removed after their room was deleted are in order. */
static int judge_strays(struct pg_verify *v, struct bytes ids)
{
	int err = v->stop;

	for (size_t i = 0; i + sizeof(struct uuid) <= ids.len && err == 0;
		i += sizeof(struct uuid)) {
		struct pg_params params = {0};
		struct uuid id;
		bool dead = false;
		memcpy(&id, ids.ptr + i, sizeof(id));
		pg_param_id(&params, &id);
		err = pg_verify_run(v, PG_SQL_VERIFY_DEAD, &params, read_any, &dead);
		if (err == 0 && !dead) {
			char text[UUID_TEXT_SIZE];
			uuid_format(&id, text);
			err = pg_verify_bad(
				v, "there are messages of room %s, which there is not", text);
		}
	}
	return err;
}

/* ---- ranges ---- */

static int run_range(const struct range *range, enum pg_sql sql, pg_direct_read_fn read, void *ctx)
{
	struct pg_params params = {0};

	pg_param_id(&params, &range->low);
	pg_param_id(&params, &range->high);
	return pg_verify_run(range->v, sql, &params, read, ctx);
}

static int check_range(struct range *range)
{
	struct reading reading = {.range = range};
	struct pg_verify *v = range->v;
	int err = run_range(range, PG_SQL_VERIFY_MESSAGES, read_messages, &reading);

	if (err == 0) {
		err = run_range(range, PG_SQL_VERIFY_MEMBERS, read_members, range);
	}
	for (size_t i = 0; i < range->count && err == 0; i++) {
		judge_room(v, &range->rooms[i]);
		v->rooms++;
		v->messages += range->rooms[i].has_messages;
		err = v->stop;
	}
	if (err == 0) {
		err = judge_strays(v, buf_bytes(&reading.strays));
	}
	buf_finish(&reading.strays);
	return err != 0 ? err : pg_verify_progress(v, v->messages, v->messages_total);
}

/* The next id; false: it was the highest. */
static bool next_id(struct uuid *id)
{
	uint8_t *bytes = (uint8_t *)id;

	for (size_t i = sizeof(*id); i-- > 0;) {
		if (++bytes[i] != 0) {
			return true;
		}
	}
	return false;
}

/* low is set: the rooms from there on, as many as fit; the last range goes to the highest id. */
static int begin_range(struct range *range)
{
	struct pg_params params = {0};

	pg_param_id(&params, &range->low);
	pg_param_int(&params, ROOMS);
	int err = pg_verify_run(range->v, PG_SQL_VERIFY_ROOMS, &params, read_rooms, range);
	if (err == 0 && range->count == ROOMS) {
		range->high = range->rooms[ROOMS - 1].id;
	} else {
		memset(&range->high, 0xff, sizeof(range->high));
	}
	return err;
}

static int read_totals(void *ctx, const struct pg_result *result)
{
	struct pg_verify *v = ctx;

	v->messages_total = (uint64_t)pg_int(result, 0, 2);
	return 0;
}

int pg_verify_rooms(struct pg_verify *v)
{
	struct range range = {.v = v};
	bool more = true;

	pg_verify_begin(v, "rooms");
	int err = pg_verify_run(v, PG_SQL_ADMIN_COUNTS, NULL, read_totals, v);
	while (err == 0 && more) {
		err = begin_range(&range);
		if (err == 0) {
			err = check_range(&range);
		}
		range.low = range.high;
		more = next_id(&range.low);
	}
	return pg_verify_end(v, err, "%llu rooms, %llu messages without holes",
		(unsigned long long)v->rooms, (unsigned long long)v->messages);
}

/* ---- participants ---- */

struct strays {
	struct pg_verify *v;
	const char *of;
};

static int read_strays(void *ctx, const struct pg_result *result)
{
	const struct strays *strays = ctx;
	struct pg_verify *v = strays->v;

	for (size_t i = 0; i < pg_rows(result) && v->stop == 0; i++) {
		char text[UUID_TEXT_SIZE];
		struct uuid id;
		pg_id(result, i, 0, &id);
		uuid_format(&id, text);
		pg_verify_bad(v, "%lld participants are of %s %s, which there is not",
			(long long)pg_int(result, i, 1), strays->of, text);
	}
	return v->stop;
}

int pg_verify_participants(struct pg_verify *v)
{
	struct strays strays = {.v = v, .of = "room"};

	pg_verify_begin(v, "participants");
	int err = pg_verify_run(v, PG_SQL_VERIFY_STRAY_ROOMS, NULL, read_strays, &strays);
	strays.of = "user";
	if (err == 0) {
		err = pg_verify_run(v, PG_SQL_VERIFY_STRAY_USERS, NULL, read_strays, &strays);
	}
	return pg_verify_end(v, err, "%llu participants", (unsigned long long)v->participants);
}
