/* Users as others see and treat them: renamed, banned, erased. */
#include "lib/base/err.h"
#include "lib/store/pg_asks.h"
#include "lib/store/pg_rows.h"
#include "lib/store/pg_talk.h"
#include "lib/store/pg_users.h"

static bool same_bar(const struct user_row *a, const struct user_row *b)
{
	return a->banned_ms == b->banned_ms && a->tokens_from_ms == b->tokens_from_ms &&
	       bytes_eq(a->ban_reason, b->ban_reason);
}

/* ---- the profile ---- */

struct update {
	bool set; /* there is something to be changed */
};

static int update_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_user_update *req = CONTAINER_OF(call, struct store_user_update, call);

	pg_user_come(talk, &req->user, req->identity, BYTES_NONE);
	pg_user_add(talk, PG_SQL_USER_LOCK, &req->user);
	return PG_ON;
}

/* true: something is different now. */
static bool merge(const struct store_user_update *req, struct user_row *row)
{
	bool other = false;

	if (req->set_name && !bytes_eq(row->display_name, req->display_name)) {
		row->display_name = req->display_name;
		other = true;
	}
	if (req->set_avatar && !bytes_eq(row->avatar_url, req->avatar_url)) {
		row->avatar_url = req->avatar_url;
		other = true;
	}
	return other;
}

static int update_write(struct pg_talk *talk, struct store_call *call)
{
	struct store_user_update *req = CONTAINER_OF(call, struct store_user_update, call);
	struct update *state = pg_talk_state(talk);
	struct pg_params params = {.count = 0};
	int err = pg_user_read(pg_talk_result(talk, 1), call->arena, &req->row);

	if (err != 0) {
		return err;
	}
	if (req->expect_version != 0 && req->expect_version != req->row.version) {
		return ERR_PRECONDITION;
	}
	state->set = merge(req, &req->row);
	if (state->set) {
		pg_param_id(&params, &req->user);
		pg_param_text(&params, req->row.display_name);
		pg_param_text_or_null(&params, req->row.avatar_url);
		pg_talk_add(talk, PG_SQL_USER_SET, &params);
	}
	return PG_COMMIT; /* he may be new */
}

static int update_tell(struct pg_talk *talk, struct store_call *call)
{
	struct store_user_update *req = CONTAINER_OF(call, struct store_user_update, call);
	const struct update *state = pg_talk_state(talk);

	return state->set ? pg_user_read(pg_talk_result(talk, 0), call->arena, &req->row) : PG_DONE;
}

static const pg_step_fn update_steps[] = {update_ask, update_write, update_tell, NULL};
const struct pg_work pg_user_update_work = {PG_CHANGE, update_steps, sizeof(struct update)};

/* ---- bars ---- */

/* Locked before it is read: what another instance does to him at the same time is before this, or
 * behind it. */
static int bar_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_user_bar *req = CONTAINER_OF(call, struct store_user_bar, call);
	struct pg_params params = {.count = 0};

	pg_name_user(talk, &req->user, req->identity);
	pg_user_add(talk, PG_SQL_USER_LOCK, &req->user);
	pg_param_id(&params, &req->user);
	pg_param_bool(&params, req->set_banned);
	pg_param_bool(&params, req->banned);
	pg_param_text_or_null(&params, req->reason);
	pg_param_bool(&params, req->set_tokens_from);
	pg_talk_add(talk, PG_SQL_USER_BAR, &params);
	return PG_ON;
}

static int bar_note(struct pg_talk *talk, struct store_call *call)
{
	struct store_user_bar *req = CONTAINER_OF(call, struct store_user_bar, call);
	struct user_row before;
	int err = pg_user_read(pg_talk_result(talk, 1), call->arena, &before);

	if (err == 0) {
		err = pg_user_read(pg_talk_result(talk, 2), call->arena, &req->row);
	}
	if (err != 0) {
		return err;
	}
	if (!same_bar(&before, &req->row)) {
		pg_note_change(talk, CHANGE_USER_BARRED, NULL, &req->user);
	}
	return PG_COMMIT;
}

static const pg_step_fn bar_steps[] = {bar_ask, bar_note, NULL};
const struct pg_work pg_user_bar_work = {PG_CHANGE, bar_steps, 0};

/* ---- erase ---- */

/* Whoever adds him to a room names him first, which waits for this lock, or has happened before it
 * and is seen behind it. */
static int erase_ask(struct pg_talk *talk, struct store_call *call)
{
	const struct store_user_erase *req = CONTAINER_OF(call, struct store_user_erase, call);

	pg_user_add(talk, PG_SQL_USER_LOCK_WHOLE, &req->user);
	pg_user_add(talk, PG_SQL_USER_ANYWHERE, &req->user);
	return PG_ON;
}

static int erase_write(struct pg_talk *talk, struct store_call *call)
{
	const struct store_user_erase *req = CONTAINER_OF(call, struct store_user_erase, call);

	if (pg_rows(pg_talk_result(talk, 0)) == 0) {
		return ERR_NOT_FOUND;
	}
	if (pg_rows(pg_talk_result(talk, 1)) > 0) {
		return ERR_CONFLICT;
	}
	pg_user_add(talk, PG_SQL_USER_ERASE, &req->user);
	pg_note_change(talk, CHANGE_USER_BARRED, NULL, &req->user); /* his tokens are refused */
	return PG_COMMIT;
}

static int erase_tell(struct pg_talk *talk, struct store_call *call)
{
	struct store_user_erase *req = CONTAINER_OF(call, struct store_user_erase, call);

	return pg_user_read(pg_talk_result(talk, 0), call->arena, &req->row);
}

static const pg_step_fn erase_steps[] = {erase_ask, erase_write, erase_tell, NULL};
const struct pg_work pg_user_erase_work = {PG_CHANGE, erase_steps, 0};
