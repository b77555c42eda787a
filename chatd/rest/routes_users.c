#include "chatd/rest/rows.h"

#define ME "/api/v1/users/me"
#define ADMIN "/api/v1/admin"

static const struct param in_user[] = {
	REST_PARAM(
		user_params, PARAM_TEXT, "user", user, .doc = "Id or identity name of the user."),
};

static const struct param profile_body[] = {
	REST_PARAM(user_update_params, PARAM_TEXT, "displayName", display_name,
		.flags = PARAM_OPTIONAL, .min = 1, .max = 256,
		REST_GIVEN(user_update_params, name_given),
		.doc = "The name that others see, from now on whatever tokens say."),
	REST_PARAM(user_update_params, PARAM_TEXT, "avatarUrl", avatar_url,
		.flags = PARAM_OPTIONAL | PARAM_NULLABLE, .min = 1, .max = 2048,
		REST_GIVEN(user_update_params, avatar_given),
		.doc = "Address of a picture, http or https; null takes it away."),
};

static const struct param to_user[] = {
	REST_PARAM(
		push_params, PARAM_TEXT, "user", target, .doc = "Id or identity name of the user."),
};

static const struct param to_room[] = {
	REST_PARAM(push_params, PARAM_TEXT, "room", target, .doc = "Id or alias of the room."),
};

static const struct param to_connection[] = {
	REST_PARAM(push_params, PARAM_TEXT, "connection", target, .doc = "Id of the connection."),
};

static const struct param push_body[] = {
	REST_PARAM(push_params, PARAM_TEXT, "method", method, .min = 1, .max = 128,
		.doc = "The client's method to be called."),
	REST_PARAM(push_params, PARAM_ARRAY, "arguments", arguments, .flags = PARAM_OPTIONAL,
		.doc = "What it is called with; nothing where it is left out."),
};

#define PUSH(to, operation, what, result, words) \
	{ \
		.method = HTTP1_POST, .path = ADMIN to "/send", .op = &(operation), \
		.in_path = REST_ALL(what), .in_body = REST_ALL(push_body), \
		.flags = REST_BODY | REST_CONTENT, .schema = (result), \
		.success = "It is queued for its receivers.", .tag = "Admin", .doc = (words) \
	}

static const struct rest_route users[] = {
	{
		.method = HTTP1_GET,
		.path = ME,
		.op = &op_user_me,
		.schema = "User",
		.success = "The caller.",
		.tag = "Users",
		.doc = "Show one's own profile",
	},
	{
		.method = HTTP1_PATCH,
		.path = ME,
		.op = &op_user_update,
		.in_body = REST_ALL(profile_body),
		.flags = REST_BODY | REST_IF_MATCH,
		.schema = "User",
		.success = "The caller as he is now.",
		.tag = "Users",
		.doc = "Change one's own profile",
	},
	{
		.method = HTTP1_GET,
		.path = "/api/v1/users/{user}",
		.op = &op_user_show,
		.in_path = REST_ALL(in_user),
		.schema = "User",
		.success = "The user.",
		.tag = "Users",
		.doc = "Show a user",
	},
	PUSH("/users/{user}", op_push_user, to_user, "Pushed",
		"Call a method of all clients of a user"),
	PUSH("/rooms/{room}", op_push_room, to_room, NULL,
		"Call a method of all clients in a room"),
	PUSH("/connections/{connection}", op_push_connection, to_connection, "Pushed",
		"Call a method of one client"),
};

#undef PUSH

const struct rest_table rest_users_table = REST_ALL(users);
