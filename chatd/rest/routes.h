/* The REST door's table: which operation a method and a path start, how its parameters bind, and
 * what it answers. The OpenAPI document comes out of it. */
#ifndef CHATD_REST_ROUTES_H
#define CHATD_REST_ROUTES_H

#include "chatd/op/op.h"
#include "lib/wire/http1.h"

enum rest_flag {
	REST_BODY = 1, /* a JSON object must come, even where none of its members has to */
	REST_CONTENT = 2, /* the body may hold a message as long as limits.max_content allows */
	REST_IF_MATCH = 4, /* the operation judges the version that If-Match names */
	REST_IDEMPOTENT = 8, /* Idempotency-Key stands for the body's clientMessageId */
	REST_MOMENT = 16, /* the answer is of this moment: no ETag, never stored */
	REST_TOKEN_OPTIONAL = 32, /* who brings a good token is told more */
};

struct rest_params {
	const struct param *table; /* of the operation's params */
	size_t count;
};

struct rest_route {
	enum http1_method method; /* GET answers HEAD as well */
	/* A segment in braces takes any one segment: the next parameter of in_path. */
	const char *path;
	const struct op_def *op; /* NULL: the OpenAPI document */
	struct rest_params in_path; /* texts, in the order of the path */
	struct rest_params in_query;
	struct rest_params in_body;
	unsigned flags; /* of enum rest_flag */
	/* Of what was created; in braces members of the result, or parameters of the path. NULL:
	 * nothing is. */
	const char *location;
	const char *schema; /* of the result (chatd/rest/schemas.h); NULL: there is none */
	const char *success; /* what the answer is, one sentence */
	const char *tag;
	const char *doc; /* one sentence */
};

/* One resource's rows. */
struct rest_table {
	const struct rest_route *routes;
	size_t count;
};
extern const struct rest_table rest_rooms_table, rest_messages_table, rest_members_table,
	rest_users_table, rest_node_table;

/* All of them: those of one path stand together. */
size_t rest_route_count(void);
const struct rest_route *rest_route_at(size_t index);

#define REST_SEGMENTS_MAX 8

/* A path, cut at its slashes, percent-decoded once, with dot segments resolved. */
struct rest_path {
	struct bytes segments[REST_SEGMENTS_MAX];
	size_t count;
};

/* Reads the path of a request target that target_parse() took. What is decoded lies on the arena,
 * the rest are views of target. "%2F" is a character of its segment, and cuts nothing.
 * ERR_NOT_FOUND: more segments than any route has, or none. */
int rest_path_read(struct bytes target, struct arena *arena, struct rest_path *ret_path);

struct rest_match {
	const struct rest_route *route; /* NULL: none for the method */
	struct bytes args[REST_SEGMENTS_MAX]; /* of the route's in_path */
	unsigned methods; /* bits 1 << enum http1_method that the path takes; 0: nothing is there */
};

void rest_route_find(
	enum http1_method method, const struct rest_path *path, struct rest_match *ret_match);

/* "GET, HEAD, OPTIONS": for Allow; on the arena. */
const char *rest_allow_text(struct arena *arena, unsigned methods);

#endif
