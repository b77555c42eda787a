/* The OpenAPI document, problems, and compression: what is written. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <zlib.h>

#include "chatd/rest/gzip.h"
#include "chatd/rest/openapi.h"
#include "chatd/rest/problem.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/value/json.h"

static struct arena *arena;
static struct buf out;

static int setup(void **state)
{
	(void)state;
	arena = arena_create(0);
	buf_init(&out);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	buf_finish(&out);
	return 0;
}

/* ---- the document ---- */

/* What "#/a/b" points at. */
static const struct value *resolve(const struct value *root, struct bytes pointer)
{
	const struct value *at = root;
	bytes_split(&pointer, '/');
	while (pointer.len > 0 && at != NULL) {
		struct bytes name = bytes_split(&pointer, '/');
		at = value_get(at, arena_dup(arena, name).ptr);
	}
	return at;
}

static size_t check_references(const struct value *root, const struct value *at)
{
	size_t found = 0;
	for (uint32_t i = 0; at->kind == VALUE_OBJECT && i < at->count; i++) {
		const struct value_member *member = &at->members[i];
		if (bytes_eq(member->name, BYTES_LIT("$ref"))) {
			assert_non_null(resolve(root, member->value.text));
			found++;
		}
		found += check_references(root, &member->value);
	}
	for (uint32_t i = 0; at->kind == VALUE_ARRAY && i < at->count; i++) {
		found += check_references(root, &at->items[i]);
	}
	return found;
}

static void test_document(void **state)
{
	struct value document;
	const char *why = "";
	(void)state;
	openapi_write(&out);
	if (json_read_unique(arena, buf_bytes(&out), &document, &why) != 0) {
		fail_msg("%s", why);
	}
	assert_true(bytes_eq(value_get(&document, "openapi")->text, BYTES_LIT("3.1.0")));
	assert_true(check_references(&document, &document) > 100);
	const struct value *paths = value_get(&document, "paths");
	assert_true(paths->count >= 15);
	const struct value *limit = value_get(value_get(paths, "/api/v1/rooms"), "get");
	limit = value_get(limit, "parameters");
	limit = value_get(&limit->items[0], "schema");
	assert_int_equal(value_get(limit, "minimum")->integer, 1);
	assert_int_equal(value_get(limit, "maximum")->integer, 200);
}

/* ---- problems ---- */

static void test_problem(void **state)
{
	struct problem problem;
	(void)state;
	assert_int_equal(problem_set(&problem, ERR_NOT_FOUND, "no \"room\""), ERR_NOT_FOUND);
	problem_write(&out, &problem, UINT64_C(3) << 48 | 0x2a);
	assert_string_equal(buf_cstr(&out),
		"{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
		"\"code\":\"not_found\",\"detail\":\"no \\\"room\\\"\",\"instance\":\"req:3-2a\"}");
	buf_clear(&out);
	problem_set(&problem, ERR_RATE_LIMITED, NULL);
	problem.retry_us = 1200000;
	problem_write(&out, &problem, 1);
	assert_non_null(strstr(buf_cstr(&out), "\"status\":429,\"code\":\"rate_limited\""));
	assert_non_null(strstr(out.data, "\"retryAfter\":2}"));
	buf_clear(&out);
	assert_int_equal(problem_set_at(&problem, "query", "limit", "x"), ERR_BAD_REQUEST);
	problem_write(&out, &problem, 1);
	assert_non_null(strstr(buf_cstr(&out),
		",\"errors\":[{\"in\":\"query\",\"name\":\"limit\",\"reason\":\"x\"}]}"));
}

static void test_problem_plain(void **state)
{
	static const struct {
		int status;
		const char *code;
	} rows[] = {{400, "bad_request"}, {408, "timeout"}, {413, "too_large"}, {414, "too_large"},
		{431, "too_large"}, {501, "not_supported"}, {505, "not_supported"},
		{503, "unavailable"}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct value problem;
		buf_clear(&out);
		problem_write_plain(&out, rows[i].status, "why");
		assert_int_equal(json_read(arena, buf_bytes(&out), &problem, NULL), 0);
		assert_int_equal(value_get(&problem, "status")->integer, rows[i].status);
		assert_string_equal(value_get(&problem, "code")->text.ptr, rows[i].code);
	}
}

/* ---- compression ---- */

/* Packed text, unpacked by zlib, is the text. */
static void check_packed(struct bytes text)
{
	size_t room = text.len + 1;
	char *plain = mem_alloc(room);
	z_stream stream = {
		.next_in = (Bytef *)out.data,
		.avail_in = (uInt)out.len,
		.next_out = (Bytef *)plain,
		.avail_out = (uInt)room,
	};
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(stream.total_out, text.len);
	assert_memory_equal(plain, text.ptr, text.len);
	inflateEnd(&stream);
	free(plain);
}

static void test_gzip(void **state)
{
	struct gzip *gzip = gzip_create();
	char *text = mem_alloc(100000);
	(void)state;
	for (size_t i = 0; i < 100000; i++) {
		text[i] = (char)(i * i >> 7);
	}
	/* The stream is used again each time. */
	static const size_t sizes[] = {1, 100000, 0, 1024, 65536};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		buf_clear(&out);
		assert_int_equal(gzip_pack(gzip, bytes_of(text, sizes[i]), &out), 0);
		check_packed(bytes_of(text, sizes[i]));
	}
	free(text);
	gzip_destroy(&gzip);
	assert_null(gzip);
	gzip_destroy(&gzip);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_document),
		TEST(test_problem),
		TEST(test_problem_plain),
		TEST(test_gzip),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
