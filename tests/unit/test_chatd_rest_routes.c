#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "chatd/ops/ops.h"
#include "chatd/rest/routes.h"
#include "chatd/rest/schemas.h"
#include "lib/base/err.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	return 0;
}

/* ---- paths ---- */

/* The segments of a target, separated by '|'. */
static const char *split(const char *target)
{
	struct rest_path path;
	const char *out = "";
	if (rest_path_read(bytes_str(target), arena, &path) != 0) {
		return "none";
	}
	for (size_t i = 0; i < path.count; i++) {
		out = arena_printf(
			arena, "%s%s%.*s", out, i > 0 ? "|" : "", BYTES_ARG(path.segments[i]));
	}
	return out;
}

static void test_split(void **state)
{
	static const struct {
		const char *target, *segments;
	} rows[] = {
		{"/", ""},
		{"/a", "a"},
		{"/a/b?c/d", "a|b"},
		{"/a/", "a|"},
		{"//a", "|a"},
		/* Decoded once; a slash that is written so stays in its segment. */
		{"/a%2Fb/c", "a/b|c"},
		{"/a%252Fb", "a%2Fb"},
		{"/%41%42", "AB"},
		{"/%7broom%7d/%20", "{room}| "},
		{"/a/./b", "a|b"},
		{"/a/../b", "b"},
		{"/a/%2e%2E/b", "b"},
		{"/../../a", "a"},
		{"/a/b/..", "a|"},
		{"/a/.", "a|"},
		{"/a%", "a%"},
		{"http://host:1/a/b?c", "a|b"},
		{"http://host", "none"},
		{"http://host?a/b", "none"},
		{"*", "none"},
		{"/1/2/3/4/5/6/7/8", "1|2|3|4|5|6|7|8"},
		{"/1/2/3/4/5/6/7/8/9", "none"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(split(rows[i].target), rows[i].segments);
	}
}

static struct rest_match find(enum http1_method method, const char *target)
{
	struct rest_path path;
	struct rest_match match;
	assert_int_equal(rest_path_read(bytes_str(target), arena, &path), 0);
	rest_route_find(method, &path, &match);
	return match;
}

static void expect(enum http1_method method, const char *target, const struct op_def *op)
{
	struct rest_match match = find(method, target);
	if (match.route == NULL || match.route->op != op) {
		fail_msg("%s", target);
	}
}

static void test_find(void **state)
{
	(void)state;
	expect(HTTP1_GET, "/api/v1/rooms", &op_room_page);
	expect(HTTP1_HEAD, "/api/v1/rooms?limit=1", &op_room_page);
	expect(HTTP1_POST, "/api/v1/rooms", &op_room_create);
	expect(HTTP1_DELETE, "/api/v1/rooms/general", &op_room_delete);
	expect(HTTP1_GET, "/api/v1/users/me", &op_user_me);
	expect(HTTP1_PATCH, "/api/v1/users/m%65", &op_user_update);
	expect(HTTP1_GET, "/api/v1/users/a%2Fb", &op_user_show);
	expect(HTTP1_GET, "/health", &op_health);
	expect(HTTP1_GET, "http://host/health/live", &op_health_live);
	struct rest_match match = find(HTTP1_DELETE, "/api/v1/rooms/a/participants/b%20c");
	assert_ptr_equal(match.route->op, &op_member_remove);
	assert_true(bytes_eq(match.args[0], BYTES_LIT("a")));
	assert_true(bytes_eq(match.args[1], BYTES_LIT("b c")));
}

static void expect_nothing(const char *target)
{
	struct rest_match match = find(HTTP1_GET, target);
	assert_null(match.route);
	assert_int_equal(match.methods, 0);
}

static void test_nothing(void **state)
{
	(void)state;
	expect_nothing("/");
	expect_nothing("/api/v1");
	expect_nothing("/api/v1/rooms/");
	expect_nothing("/api/v1//rooms");
	expect_nothing("/API/v1/rooms");
	expect_nothing("/api/v1/rooms/a/messages/b/c");
	expect_nothing("/api/v1/rooms%2Fa");
	expect_nothing("/health/ready/x");
	expect_nothing("/health/");
}

static void expect_allow(const char *target, const char *allow)
{
	struct rest_match match = find(HTTP1_PUT, target);
	assert_null(match.route);
	assert_string_equal(rest_allow_text(arena, match.methods), allow);
}

static void test_allow(void **state)
{
	(void)state;
	expect_allow("/api/v1/rooms", "GET, HEAD, POST, OPTIONS");
	expect_allow("/api/v1/rooms/x", "GET, HEAD, PATCH, DELETE, OPTIONS");
	expect_allow("/api/v1/users/me", "GET, HEAD, PATCH, OPTIONS");
	expect_allow("/api/v1/users/you", "GET, HEAD, OPTIONS");
	expect_allow("/api/v1/admin/rooms/x/send", "POST, OPTIONS");
	assert_null(find(HTTP1_OTHER, "/health").route);
	assert_null(find(HTTP1_OPTIONS, "/health").route);
}

/* ---- the table itself ---- */

static size_t size_of(enum param_kind kind)
{
	switch (kind) {
	case PARAM_TEXT:
		return sizeof(struct bytes);
	case PARAM_BOOL:
		return sizeof(bool);
	case PARAM_CHOICE:
		return sizeof(int);
	default:
		return sizeof(int64_t);
	}
}

static void check_params(const struct rest_route *route, const struct rest_params *params)
{
	for (size_t i = 0; i < params->count; i++) {
		const struct param *param = &params->table[i];
		assert_non_null(param->name);
		assert_true(strlen(param->doc) > 5);
		assert_true(param->offset + size_of(param->kind) <= route->op->params_size);
		assert_true(param->given + sizeof(enum param_given) <= route->op->params_size + 1);
		assert_true((param->kind == PARAM_CHOICE) == (param->choices != NULL));
		assert_true(param->min <= param->max);
		/* The first of two with one name would hide the second. */
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(param->name, params->table[j].name);
		}
	}
}

static void check_path(const struct rest_route *route)
{
	size_t count = 0;
	for (const char *at = strchr(route->path, '{'); at != NULL; at = strchr(at + 1, '{')) {
		assert_true(count < route->in_path.count);
		const struct param *param = &route->in_path.table[count++];
		assert_int_equal(param->kind, PARAM_TEXT);
		assert_int_equal(strncmp(at + 1, param->name, strlen(param->name)), 0);
	}
	assert_int_equal(count, route->in_path.count);
}

static void test_table(void **state)
{
	(void)state;
	assert_true(rest_route_count() >= 20);
	for (size_t i = 0; i < rest_route_count(); i++) {
		const struct rest_route *route = rest_route_at(i);
		check_path(route);
		if (route->op != NULL) {
			check_params(route, &route->in_path);
			check_params(route, &route->in_query);
			check_params(route, &route->in_body);
		}
		assert_true(route->method == HTTP1_GET || route->in_query.count == 0);
		assert_true(((route->flags & REST_BODY) != 0) == (route->in_body.count > 0));
		assert_true(route->schema == NULL || schema_find(route->schema) != NULL);
		assert_non_null(route->doc);
		assert_non_null(route->success);
		assert_non_null(route->tag);
		/* It is found itself, not one before it. */
		struct rest_match match = find(route->method, route->path);
		assert_ptr_equal(match.route, route);
	}
}

static void test_schemas(void **state)
{
	size_t count;
	const struct schema *all = schemas(&count);
	(void)state;
	assert_null(schema_find("Nothing"));
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(schema_find(all[i].name), &all[i]);
		for (size_t j = 0; j < all[i].count; j++) {
			const struct schema_field *field = &all[i].fields[j];
			bool other = field->kind == SCHEMA_OBJECT || field->kind == SCHEMA_LIST;
			assert_true(other == (field->other != NULL));
			assert_true(!other || schema_find(field->other) != NULL);
			assert_true((field->kind == SCHEMA_CHOICE) == (field->choices != NULL));
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_split),
		TEST(test_find),
		TEST(test_nothing),
		TEST(test_allow),
		TEST(test_table),
		TEST(test_schemas),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
