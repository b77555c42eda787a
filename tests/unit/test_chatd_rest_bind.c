#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "chatd/ops/ops.h"
#include "chatd/rest/bind.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "tests/unit/rest_help.h"

#define MESSAGES "/api/v1/rooms/general/messages"
#define POST_MESSAGE "POST " MESSAGES " HTTP/1.1\nHost: a"

/* One request, bound. */
struct bound {
	struct rest_request request;
	struct arena *arena;
	void *params;
	struct problem problem;
	int err;
};

static void bind(struct bound *bound, const char *head, const char *body)
{
	struct rest_path path;
	struct rest_match match;
	*bound = (struct bound){.arena = arena_create(0)};
	rest_request_open(&bound->request, head, body);
	struct http_exchange *exchange = &bound->request.exchange;
	assert_int_equal(rest_path_read(exchange->head.target, exchange->arena, &path), 0);
	rest_route_find(exchange->head.method, &path, &match);
	assert_non_null(match.route);
	bound->params = arena_alloc(bound->arena, match.route->op->params_size);
	bound->err = rest_bind(&match, exchange, bound->arena, bound->params, &bound->problem);
}

static void unbind(struct bound *bound)
{
	rest_request_close(&bound->request);
	arena_destroy(&bound->arena);
}

/* It is refused with that parameter, or NULL, and that reason. */
static void refused(
	const char *head, const char *body, const char *place, const char *name, const char *detail)
{
	struct bound bound;
	bind(&bound, head, body);
	assert_int_equal(bound.err, ERR_BAD_REQUEST);
	assert_int_equal(bound.problem.err, ERR_BAD_REQUEST);
	assert_string_equal(bound.problem.detail, detail);
	if (name == NULL) {
		assert_null(bound.problem.name);
	} else {
		assert_string_equal(bound.problem.name, name);
		assert_string_equal(bound.problem.place, place);
	}
	unbind(&bound);
}

static void test_query(void **state)
{
	struct bound bound;
	(void)state;
	bind(&bound, "GET " MESSAGES "?LIMIT=007&after=0 HTTP/1.1\nHost: a", NULL);
	assert_int_equal(bound.err, 0);
	const struct message_page_params *page = bound.params;
	assert_true(bytes_eq(page->room, BYTES_LIT("general")));
	assert_int_equal(page->limit, 7);
	assert_int_equal(page->after, 0);
	assert_int_equal(page->after_given, PARAM_PRESENT);
	assert_int_equal(page->before_given, PARAM_ABSENT);
	unbind(&bound);
	bind(&bound, "GET /api/v1/rooms?type=direct&cursor=a%2Bb+c&scope=Public HTTP/1.1\nHost: a",
		NULL);
	assert_int_equal(bound.err, 0);
	const struct room_page_params *rooms = bound.params;
	assert_int_equal(rooms->type, 1);
	assert_int_equal(rooms->type_given, PARAM_PRESENT);
	assert_int_equal(rooms->scope, 1);
	assert_true(bytes_eq(rooms->cursor, BYTES_LIT("a+b c")));
	assert_int_equal(rooms->limit, 0);
	unbind(&bound);
}

static void refused_query(const char *query, const char *name, const char *detail)
{
	char head[512];
	snprintf(head, sizeof(head), "GET /api/v1/rooms?%s HTTP/1.1\nHost: a", query);
	refused(head, NULL, "query", name, detail);
}

static void test_query_refused(void **state)
{
	static const char *const no_limits[] = {"0", "-1", "201", "999999999", "NaN", "1e3", "1.0",
		"%201", "1%20", "+1", "", "0x10", "9223372036854775808", "99999999999999999999999",
		"true", "null", "%00", "%D9%A3"};
	char query[64];
	(void)state;
	for (size_t i = 0; i < sizeof(no_limits) / sizeof(no_limits[0]); i++) {
		snprintf(query, sizeof(query), "limit=%s", no_limits[i]);
		refused_query(query, "limit", "'limit' must be 1 to 200");
	}
	refused_query("limit", "limit", "'limit' must be 1 to 200");
	refused_query("limit=1&Limit=1", "limit", "'limit' is there twice");
	refused_query("limt=1", "limt", "'limt' is not known; did you mean 'limit'");
	refused_query("limit=1&x=%27", "x", "'x' is not known");
	refused_query("access_token=secret", "access_token", "'access_token' is not known");
	refused_query("=1", "", "'' is not known");
	refused_query("cursor=", "cursor", "'cursor' must be 1 to 1024 bytes long");
	refused_query("type=None", "type", "'type' must be one of Group, Direct");
	refused_query("scope=", "scope", "'scope' must be one of mine, public");
	refused("GET /health?x=1 HTTP/1.1\nHost: a", NULL, "query", "x", "'x' is not known");
	refused("GET " MESSAGES "?before=0 HTTP/1.1\nHost: a", NULL, "query", "before",
		"'before' must be 1 to 9223372036854775807");
	refused("POST /api/v1/rooms?name=a HTTP/1.1\nHost: a", "{\"name\":\"a\"}", "query", "name",
		"'name' is not known");
}

static void test_body(void **state)
{
	struct bound bound;
	(void)state;
	bind(&bound, "PATCH /api/v1/rooms/x HTTP/1.1\nHost: a",
		"{\"Name\":\"n\",\"alias\":null,\"archived\":true,\"visibility\":\"private\"}");
	assert_int_equal(bound.err, 0);
	const struct room_update_params *update = bound.params;
	assert_true(bytes_eq(update->name, BYTES_LIT("n")));
	assert_int_equal(update->name_given, PARAM_PRESENT);
	assert_int_equal(update->alias_given, PARAM_NULL);
	assert_int_equal(update->avatar_given, PARAM_ABSENT);
	assert_true(update->archived);
	assert_int_equal(update->visibility, 1);
	unbind(&bound);
	bind(&bound, "POST /api/v1/rooms HTTP/1.1\nHost: a",
		" { \"name\" : \"\\u00e9\" , \"participants\" : [\"a\",\"b\"] } ");
	assert_int_equal(bound.err, 0);
	const struct room_create_params *create = bound.params;
	assert_true(bytes_eq(create->name, BYTES_LIT("\xc3\xa9")));
	assert_int_equal(create->members->count, 2);
	unbind(&bound);
	/* No body where none is needed. */
	bind(&bound, "DELETE /api/v1/rooms/x HTTP/1.1\nHost: a", NULL);
	assert_int_equal(bound.err, 0);
	unbind(&bound);
}

static void refused_body(const char *body, const char *name, const char *detail)
{
	refused("POST /api/v1/rooms HTTP/1.1\nHost: a", body, "body", name, detail);
}

static void test_body_refused(void **state)
{
	(void)state;
	refused_body(NULL, NULL, "a JSON object is needed as the body");
	refused_body("[]", NULL, "the body must be a JSON object");
	refused_body("null", NULL, "the body must be a JSON object");
	refused_body("{\"name\":", NULL, "the body: the JSON text ends too early at byte 8");
	refused_body("{}x", NULL, "the body: something follows the JSON value at byte 3");
	refused_body("{\"name\":\"\xff\"}", NULL, "the body: not valid UTF-8 at byte 9");
	refused_body("{\"name\":1}", "name", "'name' must be a text");
	refused_body("{\"name\":null}", "name", "'name' must not be null");
	refused_body("{\"name\":\"\"}", "name", "'name' must be 1 to 256 bytes long");
	refused_body("{\"name\":\"\\ud800\"}", "name", "'name' must be a text");
	refused_body("{\"encrypted\":\"true\"}", "encrypted", "'encrypted' must be true or false");
	refused_body("{\"encrypted\":1}", "encrypted", "'encrypted' must be true or false");
	refused_body("{\"type\":\"None\"}", "type", "'type' must be one of Group, Direct");
	refused_body("{\"type\":0}", "type", "'type' must be a text");
	refused_body("{\"participants\":\"a\"}", "participants",
		"'participants' must be an array of texts");
	refused_body("{\"participants\":[\"a\",1]}", "participants",
		"'participants' must be an array of texts");
	refused_body("{\"participants\":[\"\\udc00\"]}", "participants",
		"'participants' must be an array of texts");
	refused_body("{\"naem\":\"a\"}", "naem", "'naem' is not known; did you mean 'name'");
	refused_body("{\"owner\":\"a\",\"name\":\"a\"}", "owner", "'owner' is not known");
	refused_body("{\"name\":\"a\",\"name\":\"b\"}", NULL, "the body: 'name' is there twice");
	refused_body("{\"name\":\"a\",\"Name\":\"b\"}", "name", "'name' is there twice");
	refused_body("{\"name\":\"a\",\"participants\":[{\"x\":1,\"x\":1}]}", NULL,
		"the body: 'x' is there twice");
	refused("DELETE /api/v1/rooms/x HTTP/1.1\nHost: a", "{}", NULL, NULL,
		"no body is taken here");
	refused("GET /health HTTP/1.1\nHost: a", " ", NULL, NULL, "no body is taken here");
	refused("PATCH /api/v1/rooms/x/participants/y HTTP/1.1\nHost: a", "{}", "body", "role",
		"'role' is missing");
}

static void expect_key(const char *head, const char *body, const char *key)
{
	struct bound bound;
	bind(&bound, head, body);
	assert_int_equal(bound.err, 0);
	const struct post_message_params *post = bound.params;
	assert_int_equal(post->client_message_id_given, PARAM_PRESENT);
	assert_true(bytes_eq(post->client_message_id, bytes_str(key)));
	unbind(&bound);
}

static void test_key(void **state)
{
	static const char hello[] = "{\"content\":\"hello\"}";
	static const char both[] = "{\"content\":\"hello\",\"clientMessageId\":\"k\"}";
	char head[512], key[130];
	(void)state;
	expect_key(POST_MESSAGE "\nIdempotency-Key: k", hello, "k");
	expect_key(POST_MESSAGE "\nidempotency-key: \"k 2\"", hello, "k 2");
	expect_key(POST_MESSAGE "\nIdempotency-Key: \"k", hello, "\"k");
	expect_key(POST_MESSAGE "\nIdempotency-Key: k", both, "k");
	expect_key(POST_MESSAGE, both, "k");
	refused(POST_MESSAGE "\nIdempotency-Key: other", both, "header", "Idempotency-Key",
		"'Idempotency-Key' and 'clientMessageId' differ");
	refused(POST_MESSAGE "\nIdempotency-Key: k\nIdempotency-Key: k", hello, "header",
		"Idempotency-Key", "'Idempotency-Key' is there twice");
	refused(POST_MESSAGE "\nIdempotency-Key:", hello, "header", "Idempotency-Key",
		"'Idempotency-Key' must be 1 to 128 bytes long");
	refused(POST_MESSAGE "\nIdempotency-Key: \"\"", hello, "header", "Idempotency-Key",
		"'Idempotency-Key' must be 1 to 128 bytes long");
	memset(key, 'k', 129);
	key[129] = '\0';
	snprintf(head, sizeof(head), POST_MESSAGE "\nIdempotency-Key: %s", key);
	refused(head, hello, "header", "Idempotency-Key",
		"'Idempotency-Key' must be 1 to 128 bytes long");
	/* Elsewhere it is a header like others. */
	struct bound bound;
	bind(&bound, "POST /api/v1/rooms HTTP/1.1\nHost: a\nIdempotency-Key:", "{\"name\":\"a\"}");
	assert_int_equal(bound.err, 0);
	unbind(&bound);
}

/* An unknown name is shown up to 64 bytes only, and the texts outlive the operation's arena. */
static void test_long_names(void **state)
{
	struct bound bound;
	char body[128];
	(void)state;
	snprintf(body, sizeof(body), "{\"%065d\":1}", 0);
	bind(&bound, "POST /api/v1/rooms HTTP/1.1\nHost: a", body);
	arena_destroy(&bound.arena);
	assert_int_equal(bound.err, ERR_BAD_REQUEST);
	assert_null(bound.problem.name);
	assert_string_equal(
		bound.problem.detail, "a member has an unknown name that is too long to be shown");
	unbind(&bound);
	snprintf(body, sizeof(body), "{\"%064d\":1}", 0);
	bind(&bound, "POST /api/v1/rooms HTTP/1.1\nHost: a", body);
	arena_destroy(&bound.arena);
	assert_int_equal(strlen(bound.problem.name), 64);
	unbind(&bound);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_query_refused),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_body_refused),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_long_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
