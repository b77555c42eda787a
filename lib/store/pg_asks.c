#include "lib/store/pg_asks.h"

void pg_ask_room(struct pg_talk *talk, enum pg_sql sql, const struct uuid *room)
{
	struct pg_params params = {.count = 0};

	pg_param_id(&params, room);
	pg_talk_add(talk, sql, &params);
}

static void param_id_or_null(struct pg_params *params, const struct uuid *id)
{
	if (id != NULL) {
		pg_param_id(params, id);
	} else {
		pg_param_null(params);
	}
}

void pg_ask_roles(struct pg_talk *talk, const struct uuid *room, const struct store_actor *actor,
	const struct uuid *user)
{
	struct pg_params params = {.count = 0};

	pg_param_id(&params, room);
	param_id_or_null(&params, actor->has_by ? &actor->by : NULL);
	param_id_or_null(&params, user);
	pg_talk_add(talk, PG_SQL_MEMBER_ROLES, &params);
}

void pg_read_roles(
	const struct pg_result *result, enum member_role *ret_by, enum member_role *ret_role)
{
	*ret_by = (enum member_role)pg_int(result, 0, 0);
	if (ret_role != NULL) {
		*ret_role = (enum member_role)pg_int(result, 0, 1);
	}
}

void pg_name_user(struct pg_talk *talk, const struct uuid *user, struct bytes identity)
{
	struct pg_params params = {.count = 0};
	struct pg_array ids = {.count = 0}, identities = {.count = 0};

	pg_array_begin(&ids, PG_UUID);
	pg_array_id(&ids, user);
	pg_array_begin(&identities, PG_TEXT);
	pg_array_bytes_or_null(&identities, identity);
	pg_param_array(&params, &ids);
	pg_param_array(&params, &identities);
	pg_talk_add(talk, PG_SQL_USERS_NAME, &params);
	pg_array_finish(&ids);
	pg_array_finish(&identities);
}

void pg_note_change(struct pg_talk *talk, enum store_change_kind kind, const struct uuid *room,
	const struct uuid *user)
{
	struct pg_params params = {.count = 0};

	pg_param_int(&params, pg_talk_origin(talk));
	param_id_or_null(&params, room);
	param_id_or_null(&params, user);
	pg_param_int2(&params, (int16_t)kind);
	pg_talk_add(talk, PG_SQL_CHANGE_NOTE, &params);
}
