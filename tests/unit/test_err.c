#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

/* PRODUCT: what clients and scripts rely on. */
static void test_fixed_rows(void **state)
{
	static const struct {
		int err;
		const char *code;
		int http, exit;
	} fixed[] = {
		{ERR_INTERNAL, "internal", 500, 1},
		{ERR_BAD_REQUEST, "bad_request", 400, 1},
		{ERR_BAD_ROOM, "bad_room", 400, 1},
		{ERR_UNAUTHORIZED, "unauthorized", 401, 6},
		{ERR_FORBIDDEN, "forbidden", 403, 6},
		{ERR_NOT_FOUND, "not_found", 404, 4},
		{ERR_NOT_MEMBER, "not_a_member", 403, 4},
		{ERR_CONFLICT, "conflict", 409, 5},
		{ERR_EXISTS, "exists", 409, 5},
		{ERR_BUSY, "busy", 503, 5},
		{ERR_UNAVAILABLE, "unavailable", 503, 1},
		{ERR_UNCERTAIN, "uncertain", 504, 1},
		{ERR_RATE_LIMITED, "rate_limited", 429, 1},
		{ERR_TOO_LARGE, "too_large", 413, 1},
		{ERR_ARCHIVED, "archived", 409, 5},
		{ERR_TIMEOUT, "timeout", 504, 7},
		{ERR_STORAGE_FULL, "storage_full", 507, 1},
		{ERR_UNREACHABLE, "unreachable", 502, 3},
		{ERR_NOT_SUPPORTED, "not_supported", 501, 1},
		{ERR_USAGE, "usage", 400, 2},
		{ERR_PARTIAL, "partial", 500, 8},
		{ERR_PRECONDITION, "precondition_failed", 412, 5},
		{ERR_METHOD, "method_not_allowed", 405, 2},
		{ERR_MEDIA_TYPE, "unsupported_media_type", 415, 2},
		{ERR_NOT_ACCEPTABLE, "not_acceptable", 406, 2},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		assert_string_equal(err_code(fixed[i].err), fixed[i].code);
		assert_int_equal(err_http_status(fixed[i].err), fixed[i].http);
		assert_int_equal(err_exit_code(fixed[i].err), fixed[i].exit);
	}
}

static void test_every_row(void **state)
{
	(void)state;
	for (int err = ERR_INTERNAL; err >= ERR_NOT_ACCEPTABLE; err--) {
		/* The way back finds a row that stands at the wrong place or shares its code. */
		assert_int_equal(err_from_code(err_code(err)), err);
		assert_in_range(err_http_status(err), 400, 599);
		assert_in_range(err_exit_code(err), 1, 8);
		const char *text = err_text(err);
		assert_true(strlen(text) > 5);
		assert_int_not_equal(text[strlen(text) - 1], '.');
	}
}

static void test_unknown(void **state)
{
	static const int unknown[] = {
		0, 1, 400, ERR_NOT_ACCEPTABLE - 1, -2147483647 - 1, 2147483647};
	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_string_equal(err_code(unknown[i]), "internal");
		assert_int_equal(err_http_status(unknown[i]), 500);
		assert_int_equal(err_exit_code(unknown[i]), 1);
	}
	assert_int_equal(err_from_code("no_such_code"), ERR_INTERNAL);
	assert_int_equal(err_from_code(""), ERR_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_rows),
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
