#include "chatd/rest/rows.h"

#define PARTICIPANTS "/api/v1/rooms/{room}/participants"

static const struct param in_page[] = {
	REST_ROOM(member_page_params),
};

static const struct param in_room[] = {
	REST_ROOM(member_params),
};

static const struct param in_member[] = {
	REST_ROOM(member_params),
	REST_PARAM(
		member_params, PARAM_TEXT, "user", user, .doc = "Id or identity name of the user."),
};

static const struct param page_query[] = {
	REST_LIMIT(member_page_params),
	REST_CURSOR(member_page_params),
};

static const struct param add_body[] = {
	REST_PARAM(member_params, PARAM_TEXT, "userId", user, .min = 1, .max = 256,
		.doc = "Id or identity name of the user."),
	REST_PARAM(member_params, PARAM_CHOICE, "role", role, .flags = PARAM_OPTIONAL,
		.choices = member_role_choices, REST_GIVEN(member_params, role_given),
		.doc = "Member where it is left out."),
};

static const struct param role_body[] = {
	REST_PARAM(member_params, PARAM_CHOICE, "role", role, .choices = member_role_choices,
		REST_GIVEN(member_params, role_given), .doc = "The new role."),
};

static const struct rest_route members[] = {
	{
		.method = HTTP1_GET,
		.path = PARTICIPANTS,
		.op = &op_member_page,
		.in_path = REST_ALL(in_page),
		.in_query = REST_ALL(page_query),
		.schema = "ParticipantPage",
		.success = "A page of participants.",
		.tag = "Participants",
		.doc = "List participants of a room",
	},
	{
		.method = HTTP1_POST,
		.path = PARTICIPANTS,
		.op = &op_member_add,
		.in_path = REST_ALL(in_room),
		.in_body = REST_ALL(add_body),
		.flags = REST_BODY,
		.location = "/api/v1/rooms/{roomId}/participants/{userId}",
		.schema = "Participant",
		.success = "The participant; 200 where the user was one before.",
		.tag = "Participants",
		.doc = "Add somebody to a room, or join a public one",
	},
	{
		.method = HTTP1_GET,
		.path = PARTICIPANTS "/{user}",
		.op = &op_member_show,
		.in_path = REST_ALL(in_member),
		.schema = "Participant",
		.success = "The participant.",
		.tag = "Participants",
		.doc = "Show a participant",
	},
	{
		.method = HTTP1_PATCH,
		.path = PARTICIPANTS "/{user}",
		.op = &op_member_role,
		.in_path = REST_ALL(in_member),
		.in_body = REST_ALL(role_body),
		.flags = REST_BODY,
		.schema = "Participant",
		.success = "The participant as he is now.",
		.tag = "Participants",
		.doc = "Give a participant another role",
	},
	{
		.method = HTTP1_DELETE,
		.path = PARTICIPANTS "/{user}",
		.op = &op_member_remove,
		.in_path = REST_ALL(in_member),
		.success = "He is none any more.",
		.tag = "Participants",
		.doc = "Remove a participant, or leave",
	},
};

const struct rest_table rest_members_table = REST_ALL(members);
