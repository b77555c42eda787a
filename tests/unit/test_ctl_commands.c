/* The table of control commands: that its rows are sound, and that args are checked by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/ctl/commands.h"
#include "lib/value/json.h"

#define BAD_MEMBERS \
	"member must be a list of 1 to 1000 texts of 1 to 256 bytes of UTF-8 without control " \
	"characters"
#define BAD_CLAIMS "claim must be an object of 1 to 1000 texts without control characters"

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

static bool has_column(const struct ctl_command *command, const char *name)
{
	for (const struct ctl_column *c = command->columns; c->name != NULL; c++) {
		if (strcmp(c->name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Of options alone, once, and none of those of all commands. */
static void check_letter(const struct ctl_command *command, const struct ctl_arg *arg)
{
	if (arg->letter == '\0') {
		return;
	}
	assert_false(arg->positional);
	assert_null(strchr("oyqhV", arg->letter));
	for (const struct ctl_arg *other = command->args; other->name != NULL; other++) {
		assert_true(other == arg || other->letter != arg->letter);
	}
}

static void check_args_table(const struct ctl_command *command)
{
	bool options = false;
	for (const struct ctl_arg *arg = command->args; arg->name != NULL; arg++) {
		assert_true(!arg->positional || !options); /* positional ones come first */
		options = options || !arg->positional;
		assert_ptr_equal(ctl_arg_find(command, arg->name), arg);
		check_letter(command, arg);
		assert_true((arg->placeholder == NULL) ==
			    (arg->kind == CTL_ARG_FLAG || arg->kind == CTL_ARG_INTERNAL));
		assert_true(arg->doc != NULL && arg->doc[strlen(arg->doc) - 1] == '.');
		if (arg->excludes != NULL) {
			assert_non_null(ctl_arg_find(command, arg->excludes));
		}
		if (arg->kind == CTL_ARG_NUMBER || arg->kind == CTL_ARG_DURATION) {
			assert_true(arg->min < arg->max);
		}
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ctl_command_count(); i++) {
		const struct ctl_command *command = ctl_command_at(i);
		char name[64];
		snprintf(name, sizeof(name), "%s%s%s", command->group != NULL ? command->group : "",
			command->group != NULL ? " " : "", command->verb);
		assert_string_equal(command->name, name);
		assert_ptr_equal(ctl_command_find(command->group, command->verb), command);
		assert_ptr_equal(ctl_command_named(bytes_str(command->name)), command);
		assert_true(command->group == NULL || ctl_group_find(command->group) != NULL);
		assert_true(command->quiet == NULL || has_column(command, command->quiet));
		assert_true(!command->bare || command->quiet != NULL);
		assert_true(!command->streaming || command->list);
		check_args_table(command);
	}
	assert_null(ctl_command_find("room", "fly"));
	assert_null(ctl_command_find(NULL, "create"));
	assert_null(ctl_command_find("status", NULL));
	assert_null(ctl_command_named(BYTES_LIT("room creat")));
	assert_null(ctl_command_named(BYTES_LIT("room create ")));
	assert_null(ctl_group_find("rooms"));
}

/* Who may only look must not be able to change anything. */
static void test_read_only(void **state)
{
	static const char *const changing[] = {"room create", "room set", "room archive",
		"room delete", "room add", "room remove", "room role", "user ban", "user unban",
		"user revoke-tokens", "user erase", "conn kick", "history replay", "history import",
		"history purge", "node stop", "node drain", "node undrain", "config reload",
		"log level", "token mint", "notify send", "db migrate", "db restore",
		"db new-epoch", "chat"};
	(void)state;
	for (size_t i = 0; i < ctl_command_count(); i++) {
		bool changes = false;
		for (size_t j = 0; j < sizeof(changing) / sizeof(changing[0]); j++) {
			changes = changes || strcmp(ctl_command_at(i)->name, changing[j]) == 0;
		}
		assert_int_equal(ctl_command_at(i)->read_only, !changes);
	}
}

static void test_args(void **state)
{
	static const struct {
		const char *command;
		const char *json;
		const char *why; /* NULL: good */
	} rows[] = {
		{"ping", "{}", NULL},
		{"ping", "[]", "args must be an object"},
		{"ping", "{\"x\":1}", "ping has no argument of that name"},
		{"room show", "{\"room\":\"a\"}", NULL},
		{"room show", "{}", "room is missing"},
		{"room show", "{\"room\":\"\"}",
			"room must be 1 to 256 bytes of UTF-8 without control characters"},
		{"room show", "{\"room\":\"a\\u0007\"}",
			"room must be 1 to 256 bytes of UTF-8 without control characters"},
		{"room show", "{\"room\":\"a\\u009b2J\"}",
			"room must be 1 to 256 bytes of UTF-8 without control characters"},
		{"room show", "{\"room\":\"\\ud800\"}",
			"room must be 1 to 256 bytes of UTF-8 without control characters"},
		{"room show", "{\"room\":7}",
			"room must be 1 to 256 bytes of UTF-8 without control characters"},
		{"room create",
			"{\"name\":\"n\",\"alias\":\"a\",\"private\":true,\"direct\":false,"
			"\"owner\":\"o\","
			"\"member\":[\"a\",\"b\"]}",
			NULL},
		{"room create", "{\"name\":\"n\",\"private\":1}", "private must be true or false"},
		{"room create", "{\"name\":\"n\",\"member\":\"a\"}", BAD_MEMBERS},
		{"room create", "{\"name\":\"n\",\"member\":[]}", BAD_MEMBERS},
		{"room create", "{\"name\":\"n\",\"member\":[\"a\",\"\"]}", BAD_MEMBERS},
		{"history show", "{\"room\":\"a\",\"limit\":1000,\"after\":0}", NULL},
		{"history show", "{\"room\":\"a\",\"limit\":1001}",
			"limit must be a whole number from 1 to 1000"},
		{"history show", "{\"room\":\"a\",\"limit\":1.5}",
			"limit must be a whole number from 1 to 1000"},
		{"history show", "{\"room\":\"a\",\"before\":5,\"after\":1}",
			"before and after cannot be given together"},
		{"token mint", "{\"user\":\"a\",\"ttl\":1000,\"claim\":{\"k\":\"v\",\"e\":\"\"}}",
			NULL},
		{"token mint", "{\"user\":\"a\",\"ttl\":999}",
			"ttl must be a time in milliseconds from 1000 to 31536000000"},
		{"token mint", "{\"user\":\"a\",\"claim\":{}}", BAD_CLAIMS},
		{"token mint", "{\"user\":\"a\",\"claim\":{\"k\":1}}", BAD_CLAIMS},
		{"token mint", "{\"user\":\"a\",\"claim\":{\"k\":\"a\\u001b\"}}", BAD_CLAIMS},
		{"history replay", "{\"room\":\"a\",\"from\":1,\"webhook\":\"u\",\"stdout\":true}",
			"webhook and stdout cannot be given together"},
		{"history replay",
			"{\"room\":\"a\",\"from\":1,\"webhook\":\"u\",\"connection\":\"c\"}",
			"connection and webhook cannot be given together"},
		{"token mint", "{\"user\":\"a\",\"claim\":{\"\":\"v\"}}", BAD_CLAIMS},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct value args;
		const char *why = NULL;
		assert_int_equal(json_read(*state, bytes_str(rows[i].json), &args, NULL), 0);
		const struct ctl_command *command = ctl_command_named(bytes_str(rows[i].command));
		int err = ctl_args_check(*state, command, &args, &why);
		assert_int_equal(err, rows[i].why != NULL ? ERR_USAGE : 0);
		if (rows[i].why != NULL) {
			assert_string_equal(why, rows[i].why);
		}
	}
}

/* jansson refuses such a name, but MessagePack or another reader would not. */
static void test_name_with_nul(void **state)
{
	const struct ctl_command *command = ctl_command_named(BYTES_LIT("room show"));
	const char *why = NULL;
	struct value args = value_object(*state, 2);
	value_put(&args, "room", value_str("a"));
	assert_int_equal(ctl_args_check(*state, command, &args, &why), 0);
	value_put(&args, "x", value_str("b"));
	args.members[1].name = BYTES_LIT("room\0x");
	assert_int_equal(ctl_args_check(*state, command, &args, &why), ERR_USAGE);
	assert_string_equal(why, "room show has no argument of that name");
}

static void test_reading(void **state)
{
	struct value args;
	assert_int_equal(
		json_read(*state, BYTES_LIT("{\"t\":\"x\",\"n\":5,\"f\":true,\"g\":false}"), &args,
			NULL),
		0);
	assert_true(bytes_eq(ctl_args_text(&args, "t"), BYTES_LIT("x")));
	assert_int_equal(ctl_args_text(&args, "n").len, 0);
	assert_int_equal(ctl_args_number(&args, "n", 1), 5);
	assert_int_equal(ctl_args_number(&args, "missing", 1), 1);
	assert_int_equal(ctl_args_number(&args, "t", 1), 1);
	assert_true(ctl_args_flag(&args, "f"));
	assert_false(ctl_args_flag(&args, "g"));
	assert_false(ctl_args_flag(&args, "missing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test_setup_teardown(test_args, arena_setup, arena_teardown),
		cmocka_unit_test_setup_teardown(test_name_with_nul, arena_setup, arena_teardown),
		cmocka_unit_test_setup_teardown(test_reading, arena_setup, arena_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
