#include "chatd/control/methods.h"

#include "chatd/ops/ops.h"
#include "lib/ctl/commands.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define TEXT(type, member, field, more) \
	{ \
		.name = member, .kind = PARAM_TEXT, .flags = (more), \
		.offset = offsetof(struct type, field) \
	}
#define GIVEN_TEXT(type, member, field, given_field) \
	{ \
		.name = member, .kind = PARAM_TEXT, .flags = PARAM_OPTIONAL, \
		.offset = offsetof(struct type, field), \
		.given = PARAM_GIVEN_AT(struct type, given_field) \
	}
#define FLAG(type, member, field) \
	{ \
		.name = member, .kind = PARAM_BOOL, .flags = PARAM_OPTIONAL, \
		.offset = offsetof(struct type, field) \
	}
#define NUMBER(type, member, field) \
	{ \
		.name = member, .kind = PARAM_INT, .flags = PARAM_OPTIONAL, \
		.offset = offsetof(struct type, field) \
	}
#define TREE(type, member, what, field) \
	{ \
		.name = member, .kind = (what), .flags = PARAM_OPTIONAL, \
		.offset = offsetof(struct type, field) \
	}

static const struct param room_create[] = {
	TEXT(room_create_params, "name", name, 0),
	TEXT(room_create_params, "alias", alias, PARAM_OPTIONAL),
	TEXT(room_create_params, "owner", owner, PARAM_OPTIONAL),
	TREE(room_create_params, "member", PARAM_ARRAY, members),
	FLAG(room_create_params, "private", is_private),
	FLAG(room_create_params, "direct", is_direct),
	FLAG(room_create_params, "encrypted", is_encrypted),
};

static const struct param room_show[] = {
	TEXT(room_ref_params, "room", room, 0),
};

static const struct param room_set[] = {
	TEXT(room_update_params, "room", room, 0),
	GIVEN_TEXT(room_update_params, "name", name, name_given),
	GIVEN_TEXT(room_update_params, "alias", alias, alias_given),
	GIVEN_TEXT(room_update_params, "avatar", avatar_url, avatar_given),
	FLAG(room_update_params, "public", make_public),
	FLAG(room_update_params, "private", make_private),
};

static const struct param room_archive[] = {
	TEXT(room_archive_params, "room", room, 0),
	FLAG(room_archive_params, "undo", undo),
};

static const struct param room_member[] = {
	TEXT(member_params, "room", room, 0),
	TEXT(member_params, "user", user, 0),
	{.name = "role",
		.kind = PARAM_CHOICE,
		.flags = PARAM_OPTIONAL,
		.choices = member_role_choices,
		.offset = offsetof(struct member_params, role),
		.given = PARAM_GIVEN_AT(struct member_params, role_given)},
};

static const struct param user_list[] = {
	FLAG(user_list_params, "banned", banned),
};

static const struct param user_show[] = {
	TEXT(user_params, "user", user, 0),
	TEXT(user_params, "reason", reason, PARAM_OPTIONAL),
};

static const struct param conn_list[] = {
	TEXT(conn_list_params, "user", user, PARAM_OPTIONAL),
};

static const struct param conn_kick[] = {
	TEXT(conn_params, "connection", connection, PARAM_OPTIONAL),
	TEXT(conn_params, "user", user, PARAM_OPTIONAL),
	TEXT(conn_params, "reason", reason, PARAM_OPTIONAL),
	FLAG(conn_params, "reconnect", reconnect),
};

static const struct param history_replay[] = {
	TEXT(history_replay_params, "room", room, 0),
	NUMBER(history_replay_params, "from", from),
	NUMBER(history_replay_params, "to", to),
	TEXT(history_replay_params, "connection", connection, PARAM_OPTIONAL),
};

static const struct param history_import[] = {
	TEXT(history_import_params, "room", room, 0),
	TREE(history_import_params, "messages", PARAM_ARRAY, messages),
};

static const struct param history_purge[] = {
	TEXT(history_purge_params, "room", room, 0),
	NUMBER(history_purge_params, "before", before),
	NUMBER(history_purge_params, "older-than", older_than_ms),
	FLAG(history_purge_params, "plan", plan),
};

static const struct param notify_send[] = {
	TEXT(notify_params, "text", text, 0),
};

static const struct param node_drain[] = {
	{.name = "spread",
		.kind = PARAM_INT,
		.flags = PARAM_OPTIONAL,
		.offset = offsetof(struct node_drain_params, spread_ms),
		.given = PARAM_GIVEN_AT(struct node_drain_params, spread_given)},
};

static const struct param history_show[] = {
	TEXT(history_params, "room", room, 0),
	NUMBER(history_params, "limit", limit),
	NUMBER(history_params, "before", before),
	{.name = "after",
		.kind = PARAM_INT,
		.flags = PARAM_OPTIONAL,
		.offset = offsetof(struct history_params, after),
		.given = PARAM_GIVEN_AT(struct history_params, after_given)},
};

static const struct param history_export[] = {
	TEXT(history_params, "room", room, 0),
};

static const struct param token_mint[] = {
	TEXT(token_mint_params, "user", user, 0),
	NUMBER(token_mint_params, "ttl", ttl_ms),
	TREE(token_mint_params, "role", PARAM_ARRAY, roles),
	TREE(token_mint_params, "claim", PARAM_OBJECT, claims),
};

static const struct param token_verify[] = {
	TEXT(token_verify_params, "token", token, 0),
};

static const struct param log_level[] = {
	{.name = "level",
		.kind = PARAM_CHOICE,
		.flags = PARAM_OPTIONAL,
		.choices = ctl_levels,
		.offset = offsetof(struct log_level_params, level),
		.given = PARAM_GIVEN_AT(struct log_level_params, level_given)},
	NUMBER(log_level_params, "for", for_ms),
};

static const struct param log_tail[] = {
	{.name = "lines",
		.kind = PARAM_INT,
		.flags = PARAM_OPTIONAL,
		.offset = offsetof(struct log_tail_params, lines),
		.given = PARAM_GIVEN_AT(struct log_tail_params, lines_given)},
	{.name = "level",
		.kind = PARAM_CHOICE,
		.flags = PARAM_OPTIONAL,
		.choices = ctl_levels,
		.offset = offsetof(struct log_tail_params, level)},
	FLAG(log_tail_params, "follow", follow),
};

static const struct control_method methods[] = {
	{"status", &op_status, NULL, 0},
	{"ping", &op_ping, NULL, 0},
	{"check ready", &op_health_ready, NULL, 0},
	{"room create", &op_room_create, room_create, COUNT(room_create)},
	{"room list", &op_room_list, NULL, 0},
	{"room show", &op_room_show, room_show, COUNT(room_show)},
	{"room set", &op_room_update, room_set, COUNT(room_set)},
	{"room archive", &op_room_archive, room_archive, COUNT(room_archive)},
	{"room delete", &op_room_delete, room_show, COUNT(room_show)},
	{"room members", &op_member_list, room_show, COUNT(room_show)},
	{"room add", &op_member_add, room_member, COUNT(room_member)},
	{"room remove", &op_member_remove, room_member, COUNT(room_member)},
	{"room role", &op_member_role, room_member, COUNT(room_member)},
	{"user list", &op_user_list, user_list, COUNT(user_list)},
	{"user show", &op_user_show, user_show, COUNT(user_show)},
	{"user ban", &op_user_ban, user_show, COUNT(user_show)},
	{"user unban", &op_user_unban, user_show, COUNT(user_show)},
	{"user revoke-tokens", &op_user_revoke_tokens, user_show, COUNT(user_show)},
	{"user export", &op_user_export, user_show, COUNT(user_show)},
	{"user erase", &op_user_erase, user_show, COUNT(user_show)},
	{"conn list", &op_conn_list, conn_list, COUNT(conn_list)},
	{"conn show", &op_conn_show, conn_kick, COUNT(conn_kick)},
	{"conn kick", &op_conn_kick, conn_kick, COUNT(conn_kick)},
	{"history replay", &op_history_replay, history_replay, COUNT(history_replay)},
	{"history import", &op_history_import, history_import, COUNT(history_import)},
	{"history purge", &op_history_purge, history_purge, COUNT(history_purge)},
	{"notify send", &op_notify_send, notify_send, COUNT(notify_send)},
	{"node drain", &op_node_drain, node_drain, COUNT(node_drain)},
	{"node undrain", &op_node_undrain, NULL, 0},
	{"config reload", &op_config_reload, NULL, 0},
	{"config diff", &op_config_diff, NULL, 0},
	{"history show", &op_history_show, history_show, COUNT(history_show)},
	{"history export", &op_history, history_export, COUNT(history_export)},
	{"token mint", &op_token_mint, token_mint, COUNT(token_mint)},
	{"token verify", &op_token_verify, token_verify, COUNT(token_verify)},
	{"config show", &op_config_show, NULL, 0},
	{"node stop", &op_node_stop, NULL, 0},
	{"log level", &op_log_level, log_level, COUNT(log_level)},
	{"log tail", &op_log_tail, log_tail, COUNT(log_tail)},
};

#undef TEXT
#undef GIVEN_TEXT
#undef FLAG
#undef NUMBER
#undef TREE

const struct control_method *control_method_find(const char *command)
{
	for (size_t i = 0; i < COUNT(methods); i++) {
		if (strcmp(methods[i].command, command) == 0) {
			return &methods[i];
		}
	}
	return NULL;
}
