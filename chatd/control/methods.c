#include "chatd/control/methods.h"

#include "chatd/ops/ops.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define TEXT(type, member, field, more) \
	{ \
		.name = member, .kind = PARAM_TEXT, .flags = (more), \
		.offset = offsetof(struct type, field) \
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

static const struct param history_show[] = {
	TEXT(history_params, "room", room, 0),
	NUMBER(history_params, "limit", limit),
	NUMBER(history_params, "before", before),
	NUMBER(history_params, "after", after),
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

static const struct control_method methods[] = {
	{"status", &op_status, NULL, 0},
	{"ping", &op_ping, NULL, 0},
	{"room create", &op_room_create, room_create, COUNT(room_create)},
	{"room list", &op_room_list, NULL, 0},
	{"room show", &op_room_show, room_show, COUNT(room_show)},
	{"history show", &op_history_show, history_show, COUNT(history_show)},
	{"history export", &op_history, history_export, COUNT(history_export)},
	{"token mint", &op_token_mint, token_mint, COUNT(token_mint)},
	{"token verify", &op_token_verify, token_verify, COUNT(token_verify)},
	{"config show", &op_config_show, NULL, 0},
	{"node stop", &op_node_stop, NULL, 0},
};

#undef TEXT
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
