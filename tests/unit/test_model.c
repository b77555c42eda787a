#include "lib/store/model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lib/base/err.h"

static void names_are_those_of_the_product(void **state)
{
	(void)state;
	assert_string_equal(model_room_type_name(ROOM_GROUP), "Group");
	assert_string_equal(model_room_type_name(ROOM_DIRECT), "Direct");
	assert_string_equal(model_visibility_name(ROOM_PUBLIC), "Public");
	assert_string_equal(model_visibility_name(ROOM_PRIVATE), "Private");
	assert_string_equal(model_role_name(ROLE_NONE), "");
	assert_string_equal(model_role_name(ROLE_MEMBER), "Member");
	assert_string_equal(model_role_name(ROLE_ADMIN), "Admin");
	assert_string_equal(model_role_name(ROLE_OWNER), "Owner");
}

/* A file may hold what this program does not know. */
static void unknown_numbers_have_no_name(void **state)
{
	(void)state;
	assert_string_equal(model_room_type_name((enum room_type)2), "");
	assert_string_equal(model_visibility_name((enum room_visibility)9), "");
	assert_string_equal(model_role_name((enum member_role) - 1), "");
	assert_string_equal(model_message_type_name((enum message_type)7), "");
	assert_string_equal(model_message_type_name((enum message_type) - 1), "");
}

static void message_types_go_both_ways(void **state)
{
	static const char *const names[] = {
		"Text", "Image", "File", "System", "Assistant", "Edit", "Delete"};
	enum message_type type = MESSAGE_FILE;

	(void)state;
	for (int i = 0; i < 7; i++) {
		assert_string_equal(model_message_type_name((enum message_type)i), names[i]);
		assert_int_equal(model_message_type_parse(bytes_str(names[i]), &type), 0);
		assert_int_equal(type, i);
	}
	type = MESSAGE_FILE;
	assert_int_equal(model_message_type_parse(BYTES_LIT("text"), &type), ERR_BAD_REQUEST);
	assert_int_equal(model_message_type_parse(BYTES_LIT("Tex"), &type), ERR_BAD_REQUEST);
	assert_int_equal(model_message_type_parse(BYTES_LIT("Texts"), &type), ERR_BAD_REQUEST);
	assert_int_equal(model_message_type_parse(BYTES_NONE, &type), ERR_BAD_REQUEST);
	assert_int_equal(type, MESSAGE_FILE);
}

#define SIXTY "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmn"

static void roles_are_read_in_any_case(void **state)
{
	static const struct {
		const char *name;
		enum member_role role;
	} good[] = {{"Member", ROLE_MEMBER}, {"admin", ROLE_ADMIN}, {"OWNER", ROLE_OWNER}};
	static const char *const bad[] = {"", "None", "owne", "owners", " Owner"};
	enum member_role role;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(model_role_parse(bytes_str(good[i].name), &role), 0);
		assert_int_equal(role, good[i].role);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(model_role_parse(bytes_str(bad[i]), &role), ERR_BAD_REQUEST);
	}
	assert_int_equal(role, ROLE_OWNER);
}

static void good_aliases_fold(void **state)
{
	static const char *const pairs[][2] = {
		{"general", "general"},
		{"General", "general"},
		{"0", "0"},
		{"A.b_C-9", "a.b_c-9"},
		{"a..", "a.."},
		{SIXTY "wxyz", SIXTY "wxyz"},
		/* One character short of a UUID, and one with a wrong one. */
		{"6ba7b811-9dad-11d1-80b4-00c04fd430c", "6ba7b811-9dad-11d1-80b4-00c04fd430c"},
		{"6ba7b811-9dad-11d1-80b4-00c04fd430cg", "6ba7b811-9dad-11d1-80b4-00c04fd430cg"},
	};
	char out[65];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_int_equal(model_alias_fold(bytes_str(pairs[i][0]), out), 0);
		assert_string_equal(out, pairs[i][1]);
	}
}

static void bad_aliases_are_refused(void **state)
{
	static const char *const bad[] = {"", ".a", "_a", "-a", "a b", "a/b", "a\n", "\xc3\xa4",
		"a\xc3\xa4", "a@", "a[", "a`", "a{", "a:", SIXTY "wxyzA",
		"6ba7b811-9dad-11d1-80b4-00c04fd430c8", "6BA7B811-9DAD-11D1-80B4-00C04FD430C8"};
	char out[65] = "untouched";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(model_alias_fold(bytes_str(bad[i]), out), ERR_BAD_ROOM);
	}
	assert_int_equal(model_alias_fold(bytes_of("a\0b", 3), out), ERR_BAD_ROOM);
	assert_string_equal(out, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_product),
		cmocka_unit_test(unknown_numbers_have_no_name),
		cmocka_unit_test(message_types_go_both_ways),
		cmocka_unit_test(roles_are_read_in_any_case),
		cmocka_unit_test(good_aliases_fold),
		cmocka_unit_test(bad_aliases_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
