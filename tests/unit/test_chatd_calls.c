#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/hub/methods.h"
#include "lib/base/err.h"
#include "tests/unit/call_help.h"

static int open_detailed(void **state)
{
	return call_open_with(
		state, "[server]\nenvironment = Development\n[hub]\ndetailed_errors = true\n");
}

/* ---- calls that do not begin ---- */

static void what_cannot_be_called(void **state)
{
	struct call_fixture *f = *state;
	call_expect_error(
		f, "NoSuch", "", FAILED("NoSuch") " HubException: Method does not exist.");
	call_expect_error(f, "OnConnectedAsync", "",
		FAILED("OnConnectedAsync") " HubException: Method does not exist.");
	call_expect_error(f, "LeaveRoom", "", FAILED("LeaveRoom"));
	call_expect_error(f, "LeaveRoom", "'general',1", FAILED("LeaveRoom"));
	call_expect_error(f, "leaveROOM", "3", FAILED("leaveROOM"));
	call_expect_error(f, "SendMessage", "'general'", FAILED("SendMessage"));
	call_expect_error(f, "SendMessage", "'general','a','b','c','d','e'", FAILED("SendMessage"));
	call_expect_error(f, "JoinRoom", "'general','five'", FAILED("JoinRoom"));
	client_say(f->alice,
		"{'type':4,'invocationId':'7','target':'JoinRoom','arguments':['general']}");
	hub_turn(&f->hub);
	client_expect(f->alice,
		"{'type':3,'invocationId':'7','error':'The client attempted to invoke the "
		"non-streaming `JoinRoom` method with a streaming invocation.'}");
}

static void what_cannot_be_called_in_detail(void **state)
{
	struct call_fixture *f = *state;
	call_expect_error(f, "LeaveRoom", "",
		FAILED("LeaveRoom") " InvalidDataException: Invocation provides 0 argument(s) but "
				    "target expects 1.");
	call_expect_error(f, "LeaveRoom", "3",
		FAILED("LeaveRoom") " InvalidDataException: Error binding arguments. Make sure "
				    "that "
				    "the types of the provided values match the types of the hub "
				    "method being invoked.");
	call_expect_error(
		f, "NoSuch", "", FAILED("NoSuch") " HubException: Method does not exist.");
}

static void upload_streams_are_counted(void **state)
{
	struct call_fixture *f = *state;
	client_say(f->alice, "{'type':1,'invocationId':'7','target':'LeaveRoom',"
			     "'arguments':['general'],'streamIds':['1','2']}");
	hub_turn(&f->hub);
	client_expect(f->alice,
		"{'type':3,'invocationId':'7','error':'" UNEXPECTED(
			"LeaveRoom") " HubException: Client sent 2 stream(s), Hub method expects "
				     "0.'}");
}

static void without_an_id_nothing_is_answered(void **state)
{
	struct call_fixture *f = *state;
	client_say(f->alice, "{'type':1,'target':'NoSuch','arguments':[]}");
	client_say(f->alice, "{'type':1,'target':'LeaveRoom','arguments':[]}");
	client_say(f->alice, "{'type':1,'target':'SendMessage','arguments':['general','']}");
	client_say(f->alice, "{'type':1,'target':'SendMessage','arguments':['general','yes']}");
	hub_settle(&f->hub);
	room_expect_seqs(f->alice, &f->room, "1");
	assert_null(client_next_other(f->alice));
}

static void what_belongs_to_no_stream_is_ignored(void **state)
{
	struct call_fixture *f = *state;
	client_say(f->alice, "{'type':2,'invocationId':'9','item':1}");
	client_say(f->alice, "{'type':3,'invocationId':'9','result':1}");
	client_say(f->alice, "{'type':5,'invocationId':'9'}");
	client_say(f->alice, "{'type':99}");
	client_say(f->alice, "{'type':6}");
	hub_settle(&f->hub);
	assert_null(client_next(f->alice));
	assert_non_null(client_conn(f->alice));
}

static void every_row_of_the_table_can_be_found(void **state)
{
	size_t count;
	const struct hub_method *methods = hub_methods(&count);
	(void)state;
	assert_true(count >= 7);
	for (size_t i = 0; i < count; i++) {
		const struct hub_method *found = hub_method_find(
			bytes_str(methods[i].name), (uint32_t)methods[i].param_count);
		assert_ptr_equal(found, &methods[i]);
		assert_non_null(methods[i].op->doc);
		for (size_t p = 0; p < methods[i].param_count; p++) {
			assert_non_null(methods[i].params[p].doc);
		}
	}
	assert_null(hub_method_find(BYTES_LIT("Sen"), 2));
}

/* ---- rooms that are not there, or not for the caller ---- */

static void missing_and_forbidden_are_the_same(void **state)
{
	static const char *const calls[][2] = {
		{"JoinRoom", ""},
		{"JoinRoom", ",5"},
		{"LeaveRoom", ""},
		{"SendMessage", ",'text'"},
		{"GetHistory", ",null,10"},
	};
	struct call_fixture *f = *state;
	struct uuid missing = hub_user("no room");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		char arguments[100];
		snprintf(
			arguments, sizeof(arguments), "'%s'%s", uuid_text(&f->closed), calls[i][1]);
		char *forbidden = mem_strdup(call_method(f, calls[i][0], arguments));
		snprintf(arguments, sizeof(arguments), "'%s'%s", uuid_text(&missing), calls[i][1]);
		assert_string_equal(call_method(f, calls[i][0], arguments), forbidden);
		snprintf(arguments, sizeof(arguments), "'%s'%s", "no-such-alias", calls[i][1]);
		assert_string_equal(call_method(f, calls[i][0], arguments), forbidden);
		assert_non_null(strstr(forbidden,
			" HubException: not_found: no such room, or no access to it\"}"));
		free(forbidden);
	}
	char arguments[200];
	snprintf(arguments, sizeof(arguments), "{'%s':0,'%s':0}", uuid_text(&f->closed),
		uuid_text(&missing));
	const char *answer = call_method(f, "Sync", arguments);
	char wanted[800];
	snprintf(wanted, sizeof(wanted),
		"{\"type\":3,\"invocationId\":\"7\",\"result\":{\"%s\":{\"recovered\":false,"
		"\"error\":{\"code\":\"not_found\",\"message\":\"no such room, or no access to "
		"it\"}},\"%s\":{\"recovered\":false,\"error\":{\"code\":\"not_found\",\"message\":"
		"\"no such room, or no access to it\"}}}}",
		uuid_text(&f->closed), uuid_text(&missing));
	assert_string_equal(answer, wanted);
}

static void a_public_room_may_be_seen(void **state)
{
	struct call_fixture *f = *state;
	struct uuid open = hub_room(&f->hub, 0, "open");
	call_expect_error(f, "SendMessage", "'open','text'",
		UNEXPECTED(
			"SendMessage") " HubException: not_a_member: you are not a member of this "
				       "room");
	call_expect_error(f, "LeaveRoom", "'open'",
		UNEXPECTED("LeaveRoom") " HubException: not_a_member: you are not a member of this "
					"room");
	call_expect_error(f, "GetHistory", "'open',null,null",
		UNEXPECTED(
			"GetHistory") " HubException: not_a_member: you are not a member of this "
				      "room");
	assert_non_null(strstr(call_method(f, "JoinRoom", "'open'"), uuid_text(&open)));
	assert_non_null(strstr(call_method(f, "SendMessage", "'OPEN','text'"), "\"seq\":1,"));
}

static void what_can_be_no_room(void **state)
{
	static const char *const refs[] = {"''", "'a b'", "'-x'", "'\xc3\xa4'"};
	struct call_fixture *f = *state;
	size_t finds = fake_store_calls(f->hub.store, FAKE_ROOM_FIND);
	for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
		call_expect_error(f, "JoinRoom", refs[i],
			UNEXPECTED(
				"JoinRoom") " HubException: bad_room: a room is named by its id or "
					    "its alias");
	}
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_ROOM_FIND), finds);
}

/* ---- faults of the store ---- */

static void an_internal_fault_is_not_told(void **state)
{
	struct call_fixture *f = *state;
	client_say(
		f->alice, "{'type':1,'invocationId':'7','target':'JoinRoom','arguments':['open']}");
	hub_turns(&f->hub, 3);
	fake_store_fail(f->hub.store, ERR_INTERNAL, false);
	hub_settle(&f->hub);
	client_expect(
		f->alice, "{'type':3,'invocationId':'7','error':'" UNEXPECTED("JoinRoom") "'}");
	fake_store_refuse(f->hub.store, ERR_CORRUPT);
	call_expect_error(f, "JoinRoom", "'open'", UNEXPECTED("JoinRoom"));
	fake_store_refuse(f->hub.store, ERR_UNAVAILABLE);
	call_expect_error(f, "SendMessage", "'general','text'",
		UNEXPECTED(
			"SendMessage") " HubException: unavailable: A part of the service is away; "
				       "nothing was done");
	fake_store_refuse(f->hub.store, 0);
}

static void an_internal_fault_is_told_in_detail(void **state)
{
	struct call_fixture *f = *state;
	fake_store_refuse(f->hub.store, ERR_INTERNAL);
	call_expect_error(f, "JoinRoom", "'open'",
		UNEXPECTED(
			"JoinRoom") " HubException: internal: Something failed inside the server");
	fake_store_refuse(f->hub.store, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, call_open, call_close)
#define DETAILED(name) cmocka_unit_test_setup_teardown(name, open_detailed, call_close)
	const struct CMUnitTest tests[] = {
		TEST(what_cannot_be_called),
		DETAILED(what_cannot_be_called_in_detail),
		TEST(upload_streams_are_counted),
		TEST(without_an_id_nothing_is_answered),
		TEST(what_belongs_to_no_stream_is_ignored),
		TEST(every_row_of_the_table_can_be_found),
		TEST(missing_and_forbidden_are_the_same),
		TEST(a_public_room_may_be_seen),
		TEST(what_can_be_no_room),
		TEST(an_internal_fault_is_not_told),
		DETAILED(an_internal_fault_is_told_in_detail),
	};
#undef TEST
#undef DETAILED
	return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
