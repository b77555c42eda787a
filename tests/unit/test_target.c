/* Request targets: RFC 3986's own examples of dot segments, and what ASP.NET Core was seen to take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/wire/target.h"

static int arena_setup(void **state)
{
	*state = arena_create(0);
	return 0;
}

static int arena_teardown(void **state)
{
	struct arena *arena = *state;

	arena_destroy(&arena);
	return 0;
}

static void assert_bytes(struct bytes got, struct bytes wanted)
{
	if (got.len != wanted.len || (got.len > 0 && memcmp(got.ptr, wanted.ptr, got.len) != 0)) {
		fail_msg("\"%.*s\" instead of \"%.*s\"", BYTES_ARG(got), BYTES_ARG(wanted));
	}
}

static const struct {
	const char *raw;
	const char *path;
	const char *query;
	const char *authority;
} accepted[] = {
	{"/", "/", "", ""},
	{"/chathub?id=a/b?c", "/chathub", "id=a/b?c", ""},
	{"/chathub/?", "/chathub/", "", ""},
	{"/%63hat%48ub", "/chatHub", "", ""},
	{"//chathub", "//chathub", "", ""},
	{"/a//b", "/a//b", "", ""},
	{"/a+b%2B", "/a+b+", "", ""},
	{"/a%2Fb%2fc/d", "/a%2Fb%2fc/d", "", ""},
	{"/a%252Fb%252e", "/a%2Fb%2e", "", ""},
	{"/%C3%A9%e2%82%ac", "/\xc3\xa9\xe2\x82\xac", "", ""},
	{"/%3F%23%20%0a", "/?# \n", "", ""},
	/* RFC 3986 section 5.2.4 */
	{"/a/b/c/./../../g", "/a/g", "", ""},
	/* Section 5.4: what "merge" gives for base /b/c/d;p */
	{"/b/c/.", "/b/c/", "", ""},
	{"/b/c/./", "/b/c/", "", ""},
	{"/b/c/..", "/b/", "", ""},
	{"/b/c/../", "/b/", "", ""},
	{"/b/c/../g", "/b/g", "", ""},
	{"/b/c/../..", "/", "", ""},
	{"/b/c/../../../../g", "/g", "", ""},
	{"/b/c/g.", "/b/c/g.", "", ""},
	{"/b/c/..g", "/b/c/..g", "", ""},
	{"/b/c/./g/.", "/b/c/g/", "", ""},
	{"/b/c/g;x=1/../y", "/b/c/y", "", ""},
	{"/b/c/...", "/b/c/...", "", ""},
	{"/a//../b", "/a/b", "", ""},
	{"/..", "/", "", ""},
	{"/.", "/", "", ""},
	{"/../chathub", "/chathub", "", ""},
	{"/a/%2e%2E/chathub", "/chathub", "", ""},
	{"/a/.%2e/%2e/b", "/b", "", ""},
	{"/a/..%2fb", "/a/..%2fb", "", ""},
	{"/x?a=/../b", "/x", "a=/../b", ""},
	{"http://chat.example/a/../b?q", "/b", "q", "chat.example"},
	{"HTTPS://[::1]:8443?q=1", "/", "q=1", "[::1]:8443"},
	{"http://h", "/", "", "h"},
	{"*", "*", "", ""},
};

static void test_accepted(void **state)
{
	struct arena *arena = *state;

	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct target target;
		size_t len = strlen(accepted[i].raw);
		char *exact = malloc(len);

		assert_non_null(exact);
		memcpy(exact, accepted[i].raw, len);
		assert_int_equal(target_parse(bytes_of(exact, len), arena, &target), 0);
		assert_bytes(target.path, bytes_str(accepted[i].path));
		assert_int_equal(target.path.ptr[target.path.len], '\0');
		assert_bytes(target.query, bytes_str(accepted[i].query));
		assert_bytes(target.authority, bytes_str(accepted[i].authority));
		free(exact);
	}
}

static void test_refused(void **state)
{
	const char *const refused[] = {"", "chathub", "?a", "**", "*?a", "/a%", "/a%4", "/a%4g",
		"/%g4", "/a%%20", "/%00", "/a%00b", "/%ff", "/%c3", "/%c3%28", "/%ed%a0%80",
		"/%c0%af", "/a#b", "/a b", "/a\tb", "/a\x7f", "/a\xc3\xa9", "/a?b#c", "host:443",
		"ftp://h/", "http://", "http:///a", "http://?a", "http://user@h/", "http:/a"};
	struct target target = {.path = BYTES_LIT("untouched")};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(
			target_parse(bytes_str(refused[i]), *state, &target), ERR_BAD_REQUEST);
		assert_bytes(target.path, BYTES_LIT("untouched"));
	}
	assert_int_equal(target_parse(BYTES_LIT("/a\0"), *state, &target), ERR_BAD_REQUEST);
}

static const struct {
	const char *query;
	const char *name;
	struct bytes value;
	size_t count; /* 0: not there */
} queries[] = {
	{"", "id", BYTES_LIT(""), 0},
	{"&&", "", BYTES_LIT(""), 0},
	{"id=abc", "id", BYTES_LIT("abc"), 1},
	{"ID=abC", "id", BYTES_LIT("abC"), 1},
	{"id=abc", "Id", BYTES_LIT("abc"), 1},
	{"%69%44=abc", "id", BYTES_LIT("abc"), 1},
	{"id", "id", BYTES_LIT(""), 1},
	{"id=", "id", BYTES_LIT(""), 1},
	{"idx=1&xid=2&i=3", "id", BYTES_LIT(""), 0},
	{"i%C3%A9=1&%e2%82%ac=2&id=3", "id", BYTES_LIT("3"), 1},
	{"a=1&&id=x=y&b", "id", BYTES_LIT("x=y"), 1},
	{"a=1;id=2", "id", BYTES_LIT(""), 0},
	{"a+b=1", "a b", BYTES_LIT("1"), 1},
	{"=x", "", BYTES_LIT("x"), 1},
	{"id=%", "id", BYTES_LIT("%"), 1},
	{"id=%4", "id", BYTES_LIT("%4"), 1},
	{"id=%zz%41", "id", BYTES_LIT("%zzA"), 1},
	{"id=a+b%2Bc", "id", BYTES_LIT("a b+c"), 1},
	{"id=%E2%82%AC%c3%a9", "id", BYTES_LIT("\xe2\x82\xac\xc3\xa9"), 1},
	/* What is no UTF-8 stays as it is written. */
	{"id=%c3%28", "id", BYTES_LIT("%c3("), 1},
	{"id=%e2%82", "id", BYTES_LIT("%e2%82"), 1},
	{"id=%e2%82x", "id", BYTES_LIT("%e2%82x"), 1},
	{"id=%e2%c3%a9", "id", BYTES_LIT("%e2\xc3\xa9"), 1},
	{"id=%ED%A0%80", "id", BYTES_LIT("%ED%A0%80"), 1},
	{"id=%c3%a", "id", BYTES_LIT("%c3%a"), 1},
	/* Seen on ASP.NET Core */
	{"negotiateVersion=%2B1", "negotiateVersion", BYTES_LIT("+1"), 1},
	{"room=1&negotiateVersion=1&id=zzz&x=%20%ff", "x", BYTES_LIT(" %ff"), 1},
	{"useStatefulReconnect=%20true%20", "usestatefulreconnect", BYTES_LIT(" true "), 1},
	{"id=%00%ff%0d%0a", "id", BYTES_LIT("\0%ff\r\n"), 1},
	{"negotiateVersion=1&negotiateVersion=0", "negotiateVersion", BYTES_LIT("1,0"), 2},
	{"id=&ID&x=1&Id=%2c", "id", BYTES_LIT(",,,"), 3},
};

static void test_queries(void **state)
{
	struct arena *arena = *state;

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct bytes value = BYTES_NONE;
		size_t count = 0;
		int err = target_query_get(
			bytes_str(queries[i].query), queries[i].name, arena, &value, &count);

		assert_int_equal(err, queries[i].count > 0 ? 0 : ERR_NOT_FOUND);
		assert_int_equal(count, queries[i].count);
		assert_bytes(value, queries[i].value);
		if (err == 0) {
			assert_int_equal(value.ptr[value.len], '\0');
			assert_int_equal(target_query_get(bytes_str(queries[i].query),
						 queries[i].name, arena, &value, NULL),
				0);
		}
	}
}

static void test_query_next(void **state)
{
	struct bytes query = BYTES_LIT("&a=1&&b&%20=+&");
	struct bytes name, value;

	assert_int_equal(target_query_next(&query, &name, &value), 0);
	assert_bytes(name, BYTES_LIT("a"));
	assert_bytes(value, BYTES_LIT("1"));
	assert_int_equal(target_query_next(&query, &name, &value), 0);
	assert_bytes(name, BYTES_LIT("b"));
	assert_bytes(value, BYTES_LIT(""));
	assert_int_equal(target_query_next(&query, &name, &value), 0);
	assert_bytes(target_query_decode(name, *state), BYTES_LIT(" "));
	assert_bytes(target_query_decode(value, *state), BYTES_LIT(" "));
	assert_int_equal(target_query_next(&query, &name, &value), ERR_NOT_FOUND);
	assert_bytes(target_query_decode(BYTES_NONE, *state), BYTES_LIT(""));
}

static void test_for_log(void **state)
{
	static const char *const lines[][2] = {
		{"/chathub?id=secret", "/chathub?id=***"},
		{"/chathub?a=1&Access_Token=ey.J&ID=x=y&b=2",
			"/chathub?a=1&Access_Token=***&ID=***&b=2"},
		{"/c?access%5Ftoken=ey&%69d=x", "/c?access%5Ftoken=***&%69d=***"},
		{"/c?id&id=&identity=a&&", "/c?id&id=&identity=a&&"},
		{"/c", "/c"},
		{"/c?", "/c?"},
		{"", ""},
		{"http://u:p@x@h:80/c?id=1", "http://h:80/c?id=***"},
		{"http://h?id=1", "http://h?id=***"},
		{"/a@b", "/a@b"},
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_bytes(
			target_for_log(bytes_str(lines[i][0]), *state), bytes_str(lines[i][1]));
	}
}

static void test_encode(void **state)
{
	struct buf out = {0};
	char all[256];
	struct bytes decoded;

	buf_append_str(&out, "x=");
	target_encode(&out, BYTES_LIT("aZ09-._~ /+%&=?\xc3\xa9\0"));
	assert_bytes(buf_bytes(&out), BYTES_LIT("x=aZ09-._~%20%2F%2B%25%26%3D%3F%C3%A9%00"));
	buf_clear(&out);
	for (size_t i = 0; i < sizeof(all); i++) {
		all[i] = (char)i;
	}
	target_encode(&out, bytes_of(all, 128));
	decoded = target_query_decode(buf_bytes(&out), *state);
	assert_bytes(decoded, bytes_of(all, 128));
	buf_finish(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, arena_setup, arena_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_accepted),
		TEST(test_refused),
		TEST(test_queries),
		TEST(test_query_next),
		TEST(test_for_log),
		TEST(test_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
