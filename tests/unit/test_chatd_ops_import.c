/* Messages of another place stored in a room: once each, told live, and looked at as those of any
 * door. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/op_help.h"

static void end_expect(struct world *world, struct trying *trying, int err, const char *text)
{
	world_run(world, trying);
	trying_expect_failure(trying, err, text);
	trying_finish(trying);
}

static void import(struct world *world, struct trying *trying, const char *messages)
{
	struct op *op = trying_create(trying, &world->hub, 0, &op_history_import, NULL);
	struct history_import_params *params = op->params;
	params->room = BYTES_LIT("general");
	params->messages = op_json(op, messages);
	world_run(world, trying);
}

#define GOOD "'senderId':'carol','sentAt':'2020-01-01T00:00:00Z'"
#define ID "'id':'12345678-1234-4234-8234-123456789abc'"

static void imported_messages_are_told_live_and_once(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	import(&world, &trying, "[{" GOOD "," ID ",'content':'old'}]");
	trying_expect_result(
		&trying, "{'imported':1,'repeated':0,'failed':0,'seqs':[6],'errors':[]}");
	trying_finish(&trying);
	assert_non_null(strstr(client_next(world.bob), "12345678-1234-4234-8234-123456789abc"));
	import(&world, &trying, "[{" GOOD "," ID ",'content':'old'}]");
	trying_expect_result(
		&trying, "{'imported':0,'repeated':1,'failed':0,'seqs':[6],'errors':[]}");
	trying_finish(&trying);
	import(&world, &trying, "[{" GOOD "," ID ",'content':'other'}]");
	assert_string_equal(trying_member(&trying, "errors"),
		"[{\"index\":0,\"message\":\"another message of the room has this id\"}]");
	trying_finish(&trying);
	import(&world, &trying, "[]");
	trying_expect_result(
		&trying, "{'imported':0,'repeated':0,'failed':0,'seqs':[],'errors':[]}");
	trying_finish(&trying);
	world_close(&world);
}

/* What was exported of this very room is there already. */
static void own_messages_are_repeats(void **state)
{
	struct world world;
	struct trying trying;
	char text[300];
	(void)state;
	world_open(&world);
	snprintf(text, sizeof(text), "[{" GOOD ",'id':'%s','content':'whatever'}]",
		uuid_text(&world.message));
	import(&world, &trying, text);
	trying_expect_result(
		&trying, "{'imported':0,'repeated':1,'failed':0,'seqs':[3],'errors':[]}");
	trying_finish(&trying);
	world_close(&world);
}

static void messages_that_cannot_be_imported(void **state)
{
	static const struct {
		const char *message, *why;
	} rows[] = {
		{"7", "no JSON object"},
		{"[]", "no JSON object"},
		{"{}", "senderId"},
		{"{'senderId':'','sentAt':'2020-01-01T00:00:00Z'}", "senderId"},
		{"{'senderId':7,'sentAt':'2020-01-01T00:00:00Z'}", "senderId"},
		{"{'senderId':'a'}", "sentAt"},
		{"{'senderId':'a','sentAt':1577836800}", "sentAt"},
		{"{'senderId':'a','sentAt':'yesterday'}", "sentAt"},
		{"{'senderId':'a','sentAt':'1960-01-01T00:00:00Z'}", "before 1970"},
		{"{" GOOD ",'editedAt':'1960-01-01T00:00:00Z'}", "before 1970"},
		{"{" GOOD ",'deletedAt':'1960-01-01T00:00:00Z'}", "before 1970"},
		{"{" GOOD ",'type':'Sticker'}", "'type' is none of"},
		{"{" GOOD ",'id':'7'}", "'id' is no UUID"},
		{"{" GOOD ",'content':'a\\u0000b'}", "no text"},
		{"{" GOOD ",'clientMessageId':'a\\u0000b'}", "clientMessageId"},
		{"{" GOOD ",'refSeq':0}", "refSeq"},
		{"{" GOOD ",'refSeq':'1'}", "refSeq"},
		{"{" GOOD ",'attachment':{'url':'x'}}", "goes with type Image or File"},
		{"{" GOOD ",'type':'Image','attachment':{}}", "has a url"},
		{"{" GOOD ",'type':'Image','attachment':'x'}", "attachment"},
		{"{" GOOD ",'encryptedContent':'YQ==','nonce':'a\\u0000'}", "'nonce'"},
	};
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[400];
		snprintf(text, sizeof(text), "[{" GOOD ",'content':'good'},%s]", rows[i].message);
		import(&world, &trying, text);
		trying_expect(&trying, 0);
		assert_string_equal(trying_member(&trying, "imported"), "1");
		const char *errors = trying_member(&trying, "errors");
		if (strstr(errors, "\"index\":1") == NULL || strstr(errors, rows[i].why) == NULL) {
			fail_msg("%s: %s", rows[i].message, errors);
		}
		trying_finish(&trying);
	}
	world_close(&world);
}

static void an_import_has_its_bounds(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (size_t i = 0; i < 2; i++) {
		struct op *op = trying_create(&trying, &world.hub, 0, &op_history_import, NULL);
		struct history_import_params *params = op->params;
		struct value many = value_array(op->arena, 1001);
		for (int n = 0; n < 1001; n++) {
			value_add(&many, value_null);
		}
		params->room = BYTES_LIT("general");
		params->messages = i == 0 ? NULL : &many;
		end_expect(&world, &trying, ERR_USAGE, "an array of at most 1000");
	}
	struct op *op = trying_create(&trying, &world.hub, 0, &op_history_import, NULL);
	struct history_import_params *params = op->params;
	params->room = BYTES_LIT("nowhere");
	params->messages = op_json(op, "[]");
	end_expect(&world, &trying, ERR_NOT_FOUND, "no such room");
	/* Into a room that is archived, and by who is no member. */
	fake_store_room_flags(world.hub.store, &world.general, false, true);
	import(&world, &trying, "[{" GOOD ",'content':'old'}]");
	assert_string_equal(trying_member(&trying, "imported"), "1");
	trying_finish(&trying);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imported_messages_are_told_live_and_once),
		cmocka_unit_test(own_messages_are_repeats),
		cmocka_unit_test(messages_that_cannot_be_imported),
		cmocka_unit_test(an_import_has_its_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
