/* What the tables of routes are written with; only they include it. */
#ifndef CHATD_REST_ROWS_H
#define CHATD_REST_ROWS_H

#include "chatd/ops/ops.h"
#include "chatd/rest/routes.h"

/* A struct rest_params, or a struct rest_table. */
#define REST_ALL(array) \
	{ \
		(array), sizeof(array) / sizeof((array)[0]) \
	}

/* Rows of struct param: the struct that is bound, the name in the request, the field, and more. */
#define REST_PARAM(type, what, member, field, ...) \
	{ \
		.name = (member), .kind = (what), .offset = offsetof(struct type, field), \
		__VA_ARGS__ \
	}
#define REST_GIVEN(type, field) .given = PARAM_GIVEN_AT(struct type, field)

#define REST_ROOM(type) \
	REST_PARAM(type, PARAM_TEXT, "room", room, .doc = "Id or alias of the room.")
#define REST_LIMIT(type) \
	REST_PARAM(type, PARAM_INT, "limit", limit, .flags = PARAM_OPTIONAL, .min = 1, .max = 200, \
		.doc = "How many at most; 50 where it is left out.")
#define REST_CURSOR(type) \
	REST_PARAM(type, PARAM_TEXT, "cursor", cursor, .flags = PARAM_OPTIONAL, .min = 1, \
		.max = 1024, .doc = "nextCursor of the page before.")
#define REST_CLIENT_ID(type) \
	REST_PARAM(type, PARAM_TEXT, "clientMessageId", client_message_id, \
		.flags = PARAM_OPTIONAL, .min = 1, .max = 128, \
		REST_GIVEN(type, client_message_id_given), \
		.doc = "Makes the call idempotent: a repeat answers what the first one did.")

#endif
