/* Rooms that change: what is set of them, and their end. */
#include "lib/base/err.h"
#include "lib/store/judge.h"
#include "lib/store/pg_asks.h"
#include "lib/store/pg_rows.h"
#include "lib/store/pg_talk.h"

/* ---- update ---- */

struct update {
	bool rival; /* who has the alias was asked for */
};

/* An alias that is none is judged later, when it is its turn. */
static bool ask_rival(struct pg_talk *talk, const struct store_room_update *req)
{
	struct pg_params params = {.count = 0};
	char alias[65];

	if ((req->changes & ROOM_SET_ALIAS) == 0 || req->alias.len == 0 ||
		model_alias_fold(req->alias, alias) != 0) {
		return false;
	}
	pg_param_text(&params, bytes_str(alias));
	pg_param_null(&params);
	pg_talk_add(talk, PG_SQL_ROOM_BY_ALIAS, &params);
	return true;
}

static int update_ask(struct pg_talk *talk, struct store_call *call)
{
	struct store_room_update *req = CONTAINER_OF(call, struct store_room_update, call);
	struct update *update = pg_talk_state(talk);

	req->changed = false;
	pg_ask_room(talk, PG_SQL_ROOM_LOCK, &req->room);
	pg_ask_roles(talk, &req->room, &req->actor, NULL);
	update->rival = ask_rival(talk, req);
	return PG_ON;
}

/* Whoever gets it between this and the UPDATE makes that fail, and the work begins anew. */
static int check_rival(const struct pg_result *rival, const struct uuid *room)
{
	struct uuid id;

	if (pg_rows(rival) == 0) {
		return 0;
	}
	pg_id(rival, 0, 0, &id);
	return uuid_eq(&id, room) ? 0 : ERR_EXISTS;
}

static int judge_update(struct pg_talk *talk, struct store_room_update *req)
{
	const struct update *update = pg_talk_state(talk);
	enum member_role by;
	int err = pg_one_room(pg_talk_result(talk, 0), req->call.arena, &req->row);

	if (err != 0) {
		return err;
	}
	pg_read_roles(pg_talk_result(talk, 1), &by, NULL);
	/* When it is archived the database says. */
	err = judge_room_update(req, by, 1);
	if (err == 0 && update->rival) {
		err = check_rival(pg_talk_result(talk, 2), &req->room);
	}
	return err;
}

static int update_write(struct pg_talk *talk, struct store_call *call)
{
	struct store_room_update *req = CONTAINER_OF(call, struct store_room_update, call);
	const struct room_row *row = &req->row;
	struct pg_params params = {.count = 0};
	int err = judge_update(talk, req);

	if (err != 0 || !req->changed) {
		return err;
	}
	pg_param_id(&params, &row->id);
	pg_param_text_or_null(&params, row->alias);
	pg_param_text(&params, row->name);
	pg_param_text_or_null(&params, row->avatar_url);
	pg_param_int2(&params, (int16_t)row->visibility);
	pg_param_bool(&params, row->archived_ms != 0);
	pg_talk_add(talk, PG_SQL_ROOM_SET, &params);
	pg_note_change(talk, CHANGE_ROOM_SET, &row->id, NULL);
	return PG_COMMIT;
}

static int update_read(struct pg_talk *talk, struct store_call *call)
{
	struct store_room_update *req = CONTAINER_OF(call, struct store_room_update, call);

	return pg_one_room(pg_talk_result(talk, 0), call->arena, &req->row);
}

static const pg_step_fn update_steps[] = {update_ask, update_write, update_read, NULL};
const struct pg_work pg_room_update_work = {PG_CHANGE, update_steps, sizeof(struct update)};

/* ---- delete ---- */

static int delete_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_room_delete *req = CONTAINER_OF(call, struct store_room_delete, call);

	pg_ask_room(talk, PG_SQL_ROOM_LOCK_WHOLE, &req->room);
	pg_ask_roles(talk, &req->room, &req->actor, NULL);
	return PG_ON;
}

/* Its messages have no room from now on, and wait for store_room_sweep(). */
static int delete_do(struct pg_talk *talk, struct store_call *call)
{
	struct store_room_delete *req = CONTAINER_OF(call, struct store_room_delete, call);
	enum member_role by;
	int err = pg_one_room(pg_talk_result(talk, 0), call->arena, &req->row);

	if (err != 0) {
		return err;
	}
	pg_read_roles(pg_talk_result(talk, 1), &by, NULL);
	err = judge_room_delete(req, by);
	if (err != 0) {
		return err;
	}
	pg_ask_room(talk, PG_SQL_DEAD_ADD, &req->room);
	pg_ask_room(talk, PG_SQL_MEMBERS_DROP, &req->room);
	pg_ask_room(talk, PG_SQL_ROOM_DROP, &req->room);
	pg_note_change(talk, CHANGE_ROOM_DELETED, &req->room, NULL);
	return PG_COMMIT;
}

static const pg_step_fn delete_steps[] = {delete_ask, delete_do, NULL};
const struct pg_work pg_room_delete_work = {PG_CHANGE, delete_steps, 0};

/* ---- sweep ---- */

struct sweep {
	bool begun;
	uint64_t left; /* of the limit */
	struct uuid room; /* that is swept; the next ones have higher ids */
};

static int sweep_begin(struct pg_talk *talk, struct store_call *call)
{
	struct store_room_sweep *req = CONTAINER_OF(call, struct store_room_sweep, call);
	struct sweep *sweep = pg_talk_state(talk);

	req->more = false;
	sweep->left = req->limit;
	pg_ask_room(talk, PG_SQL_DEAD_LOCK, &sweep->room);
	return PG_ON;
}

/* An empty room counts as one message, so that many of them are no long work either. */
static void count_swept(const struct pg_talk *talk, struct sweep *sweep)
{
	uint64_t done = pg_touched(pg_talk_result(talk, 0)) + pg_touched(pg_talk_result(talk, 1));

	sweep->left -= done < sweep->left ? done : sweep->left;
}

/* Room after room; those that another program is at are left to it. */
static int sweep_next(struct pg_talk *talk, struct store_call *call)
{
	struct store_room_sweep *req = CONTAINER_OF(call, struct store_room_sweep, call);
	struct sweep *sweep = pg_talk_state(talk);
	const struct pg_result *next = pg_talk_result(talk, sweep->begun ? 2 : 0);
	struct pg_params params = {.count = 0};

	if (sweep->begun) {
		count_swept(talk, sweep);
	}
	if (pg_rows(next) == 0 || sweep->left == 0) {
		req->more = pg_rows(next) != 0;
		return sweep->begun ? PG_COMMIT : PG_DONE;
	}
	sweep->begun = true;
	pg_id(next, 0, 0, &sweep->room);
	pg_param_id(&params, &sweep->room);
	pg_param_int(&params, (int64_t)sweep->left);
	pg_talk_add(talk, PG_SQL_DEAD_SWEEP, &params);
	pg_ask_room(talk, PG_SQL_DEAD_DROP, &sweep->room);
	pg_ask_room(talk, PG_SQL_DEAD_LOCK, &sweep->room);
	return PG_STAY;
}

static const pg_step_fn sweep_steps[] = {sweep_begin, sweep_next, NULL};
const struct pg_work pg_room_sweep_work = {PG_SLOW, sweep_steps, sizeof(struct sweep)};
