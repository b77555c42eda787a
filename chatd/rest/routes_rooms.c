#include "chatd/rest/rows.h"

#define ROOMS "/api/v1/rooms"
#define AVATAR_MAX 2048

static const struct param in_room[] = {
	REST_ROOM(room_ref_params),
};

static const struct param in_room_update[] = {
	REST_ROOM(room_update_params),
};

static const struct param list_query[] = {
	REST_LIMIT(room_page_params),
	REST_CURSOR(room_page_params),
	REST_PARAM(room_page_params, PARAM_CHOICE, "type", type, .flags = PARAM_OPTIONAL,
		.choices = room_type_choices, REST_GIVEN(room_page_params, type_given),
		.doc = "Only rooms of this type."),
	REST_PARAM(room_page_params, PARAM_CHOICE, "scope", scope, .flags = PARAM_OPTIONAL,
		.choices = room_scope_choices,
		.doc = "The caller's own rooms (mine, the default), or all that are public."),
};

static const struct param create_body[] = {
	REST_PARAM(room_create_params, PARAM_TEXT, "name", name, .flags = PARAM_OPTIONAL, .min = 1,
		.max = 256, .doc = "What people call it; only a Direct room needs none."),
	REST_PARAM(room_create_params, PARAM_TEXT, "alias", alias,
		.flags = PARAM_OPTIONAL | PARAM_NULLABLE, .min = 1, .max = 64,
		.doc = "A unique name for programs; made from the name where it is left out and "
		       "that is possible."),
	REST_PARAM(room_create_params, PARAM_TEXT, "avatarUrl", avatar_url,
		.flags = PARAM_OPTIONAL | PARAM_NULLABLE, .min = 1, .max = AVATAR_MAX,
		.doc = "Address of a picture, http or https."),
	REST_PARAM(room_create_params, PARAM_CHOICE, "type", type, .flags = PARAM_OPTIONAL,
		.choices = room_type_choices,
		.doc = "Group (the default), or Direct: for exactly two, once for each pair."),
	REST_PARAM(room_create_params, PARAM_CHOICE, "visibility", visibility,
		.flags = PARAM_OPTIONAL, .choices = room_visibility_choices,
		.doc = "Public (the default): everybody may join. A Direct room is Private."),
	REST_PARAM(room_create_params, PARAM_BOOL, "encrypted", is_encrypted,
		.flags = PARAM_OPTIONAL, .doc = "Whether only encrypted messages are taken."),
	REST_PARAM(room_create_params, PARAM_ARRAY, "participants", members,
		.flags = PARAM_OPTIONAL | PARAM_OF_TEXTS, .min = 0, .max = 1000,
		.doc = "Who is in it beside the caller: ids or identity names."),
};

static const struct param update_body[] = {
	REST_PARAM(room_update_params, PARAM_TEXT, "name", name, .flags = PARAM_OPTIONAL, .min = 1,
		.max = 256, REST_GIVEN(room_update_params, name_given), .doc = "The new name."),
	REST_PARAM(room_update_params, PARAM_TEXT, "alias", alias,
		.flags = PARAM_OPTIONAL | PARAM_NULLABLE, .min = 1, .max = 64,
		REST_GIVEN(room_update_params, alias_given),
		.doc = "The new alias; null takes it away."),
	REST_PARAM(room_update_params, PARAM_TEXT, "avatarUrl", avatar_url,
		.flags = PARAM_OPTIONAL | PARAM_NULLABLE, .min = 1, .max = AVATAR_MAX,
		REST_GIVEN(room_update_params, avatar_given),
		.doc = "Address of the new picture; null takes it away."),
	REST_PARAM(room_update_params, PARAM_CHOICE, "visibility", visibility,
		.flags = PARAM_OPTIONAL, .choices = room_visibility_choices,
		REST_GIVEN(room_update_params, visibility_given), .doc = "Who may join."),
	REST_PARAM(room_update_params, PARAM_BOOL, "archived", archived, .flags = PARAM_OPTIONAL,
		REST_GIVEN(room_update_params, archived_given),
		.doc = "Whether it can only be read from now on."),
};

static const struct rest_route rooms[] = {
	{
		.method = HTTP1_GET,
		.path = ROOMS,
		.op = &op_room_page,
		.in_query = REST_ALL(list_query),
		.schema = "RoomPage",
		.success = "A page of rooms.",
		.tag = "Rooms",
		.doc = "List rooms",
	},
	{
		.method = HTTP1_POST,
		.path = ROOMS,
		.op = &op_room_create,
		.in_body = REST_ALL(create_body),
		.flags = REST_BODY,
		.location = ROOMS "/{id}",
		.schema = "Room",
		.success = "The room; 200 where the two have a Direct room already.",
		.tag = "Rooms",
		.doc = "Make a room, and be its Owner",
	},
	{
		.method = HTTP1_GET,
		.path = ROOMS "/{room}",
		.op = &op_room_show,
		.in_path = REST_ALL(in_room),
		.schema = "Room",
		.success = "The room.",
		.tag = "Rooms",
		.doc = "Show a room",
	},
	{
		.method = HTTP1_PATCH,
		.path = ROOMS "/{room}",
		.op = &op_room_update,
		.in_path = REST_ALL(in_room_update),
		.in_body = REST_ALL(update_body),
		.flags = REST_BODY | REST_IF_MATCH,
		.schema = "Room",
		.success = "The room as it is now.",
		.tag = "Rooms",
		.doc = "Change a room",
	},
	{
		.method = HTTP1_DELETE,
		.path = ROOMS "/{room}",
		.op = &op_room_delete,
		.in_path = REST_ALL(in_room),
		.flags = REST_IF_MATCH,
		.success = "It is deleted, with all that was said in it.",
		.tag = "Rooms",
		.doc = "Delete a room",
	},
};

const struct rest_table rest_rooms_table = REST_ALL(rooms);
