#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/call_help.h"

#define SENT_AT "2023-11-14T22:13:20.000Z" /* of the fake store's first message */

/* ---- SendMessage ---- */

static void a_message_precedes_its_answer(void **state)
{
	struct call_fixture *f = *state;
	struct uuid id;
	char wanted[300];
	struct hub_client *other = client_start(&f->hub, 1, "alice");
	hub_sleep(&f->hub, 1500000);
	client_say(f->alice, "{'type':1,'invocationId':'7','target':'SendMessage','arguments':["
			     "'general','hello','mine']}");
	hub_settle(&f->hub);
	ident_message(&f->room, FAKE_EPOCH, 1, &id);
	struct uuid alice = hub_user("alice");
	snprintf(wanted, sizeof(wanted),
		"{'type':1,'target':'ReceiveMessage','arguments':[{'id':'%s','roomId':'%s','seq':1,"
		"'senderId':'%s','type':'Text','refSeq':null,'status':'Sent','clientMessageId':"
		"'mine',",
		uuid_text(&id), uuid_text(&f->room), uuid_text(&alice));
	char whole[600];
	snprintf(whole, sizeof(whole), "%s'sentAt':'" SENT_AT "','content':'hello'}]}", wanted);
	client_expect(f->alice, whole);
	client_expect(other, whole);
	snprintf(whole, sizeof(whole),
		"{'type':3,'invocationId':'7','result':{'id':'%s','seq':1,'sentAt':'" SENT_AT "'}}",
		uuid_text(&id));
	client_expect(f->alice, whole);
	/* The same again: the same answer, and nobody is told. */
	client_say(f->alice, "{'type':1,'invocationId':'7','target':'SendMessage','arguments':["
			     "'general','hello','mine']}");
	hub_settle(&f->hub);
	client_expect(f->alice, whole);
	assert_null(client_next(other));
	call_expect_error(f, "SendMessage", "'general','other','mine'",
		UNEXPECTED(
			"SendMessage") " HubException: conflict: clientMessageId was used before, "
				       "for message 1 with other content");
}

static void the_form_with_an_object(void **state)
{
	struct call_fixture *f = *state;
	call_method(f, "SendMessage",
		"'general',{'content':'a caption','type':'image','clientMessageId':null,"
		"'attachment':{'url':'https://x/y.png','name':'y','size':12,'evil':{}}}");
	assert_int_equal(f->alice->seen_count, 1);
	const char *message = f->alice->records[f->alice->record_count - 2];
	assert_non_null(strstr(message,
		"\"type\":\"Image\",\"refSeq\":null,\"status\":\"Sent\",\"clientMessageId\":null"));
	assert_non_null(
		strstr(message, "\"attachment\":{\"url\":\"https://x/y.png\",\"name\":\"y\","
				"\"size\":12}"));
	assert_non_null(strstr(call_method(f, "SendMessage", "'general',{'content':'plain'}"),
		"\"result\":{\"id\""));
	/* Members of other types are left out. */
	call_method(f, "SendMessage",
		"'general',{'type':'file','attachment':{'url':'HTTP://x','name':5,'size':-1}}");
	message = f->alice->records[f->alice->record_count - 2];
	assert_non_null(strstr(message, "\"attachment\":{\"url\":\"HTTP://x\"}"));
}

static void what_is_no_message(void **state)
{
	static const char *const arguments[] = {
		"'general',''",
		"'general','a\\u0000b'",
		"'general','text',''",
		"'general',{'type':'Text'}",
		"'general',{'content':5}",
		"'general',{'content':'x','colour':'red'}",
		"'general',{'content':'x','type':'System'}",
		"'general',{'content':'x','type':'Image'}",
		"'general',{'content':'x','attachment':{'url':'u'}}",
		"'general',{'content':'x','type':'File','attachment':{}}",
		"'general',{'content':'x','type':'File','attachment':{'url':''}}",
		"'general',{'type':'File','attachment':{'url':'javascript:alert(1)'}}",
		"'general',{'type':'Image','attachment':{'url':'data:text/html,x'}}",
		"'general',{'type':'File','attachment':{'url':'https://x/\\r\\nSet: a'}}",
	};
	struct call_fixture *f = *state;
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		const char *answer = call_method(f, "SendMessage", arguments[i]);
		if (strstr(answer, "HubException: bad_content: ") == NULL) {
			fail_msg("%s: %s", arguments[i], answer);
		}
	}
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 0);
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_APPEND), 0);
}

static void content_has_its_bound(void **state)
{
	enum { MAX = 65536 };
	struct call_fixture *f = *state;
	char *arguments = mem_zalloc(MAX + 100);
	size_t at = (size_t)sprintf(arguments, "'general','");
	memset(arguments + at, 'x', MAX);
	strcpy(arguments + at + MAX, "'");
	assert_non_null(strstr(call_method(f, "SendMessage", arguments), "\"seq\":1"));
	strcpy(arguments + at + MAX, "x'");
	call_expect_error(f, "SendMessage", arguments,
		UNEXPECTED("SendMessage") " HubException: bad_content: the content has 65537 "
					  "bytes, at "
					  "most 65536 are allowed");
	free(arguments);
	char id[200] = "'general','text','";
	at = strlen(id);
	memset(id + at, 'i', 129);
	strcpy(id + at + 128, "'");
	assert_non_null(strstr(call_method(f, "SendMessage", id), "\"seq\":2"));
	strcpy(id + at + 128, "i'");
	assert_non_null(strstr(call_method(f, "SendMessage", id), "bad_content: clientMessageId"));
}

static void closed_rooms_take_nothing(void **state)
{
	struct call_fixture *f = *state;
	struct uuid sealed = hub_room(&f->hub, 0, "sealed");
	struct uuid kept = hub_room(&f->hub, 0, "kept");
	hub_member(&f->hub, &sealed, "alice");
	hub_member(&f->hub, &kept, "alice");
	fake_store_room_flags(f->hub.store, &sealed, true, false);
	fake_store_room_flags(f->hub.store, &kept, false, true);
	call_expect_error(f, "SendMessage", "'sealed','text'",
		UNEXPECTED("SendMessage") " HubException: bad_content: the room is encrypted: "
					  "plaintext is refused");
	call_expect_error(f, "SendMessage", "'kept','text'",
		UNEXPECTED("SendMessage") " HubException: archived: the room is archived");
	/* Archived since it was read: the store says so. */
	fake_store_room_flags(f->hub.store, &f->room, false, true);
	call_expect_error(f, "SendMessage", "'general','text'",
		UNEXPECTED("SendMessage") " HubException: archived: the room is archived");
	assert_int_equal(fake_store_head(f->hub.store, &f->room), 0);
}

/* ---- GetHistory ---- */

static void history_is_read_in_pages(void **state)
{
	static const struct {
		const char *arguments;
		uint64_t first, last;
	} cases[] = {
		{"'general',null,null", 21, 70},
		{"'general',null,5", 66, 70},
		{"'general',10,200", 1, 9},
		{"'general',10,3", 7, 9},
		{"'general',1,3", 1, 0},
	};
	struct call_fixture *f = *state;
	for (int i = 0; i < 70; i++) {
		hub_message(&f->hub, &f->room);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at = call_method(f, "GetHistory", cases[i].arguments);
		for (uint64_t seq = cases[i].first; seq <= cases[i].last; seq++) {
			char wanted[40];
			snprintf(wanted, sizeof(wanted), "\"seq\":%llu,", (unsigned long long)seq);
			at = strstr(at, "\"seq\":");
			assert_non_null(at);
			assert_memory_equal(at, wanted, strlen(wanted));
			at++;
		}
		assert_null(strstr(at, "\"seq\":"));
	}
	assert_non_null(strstr(call_method(f, "GetHistory", "'general',0,5"), "bad_request"));
	assert_non_null(strstr(call_method(f, "GetHistory", "'general',null,201"), "bad_request"));
}

/* ---- Sync ---- */

static void several_rooms_are_caught_up_in_one_call(void **state)
{
	struct call_fixture *f = *state;
	struct uuid other = hub_room(&f->hub, 0, "other");
	hub_member(&f->hub, &other, "alice");
	for (int i = 0; i < 4; i++) {
		hub_message(&f->hub, &f->room);
		hub_message(&f->hub, &other);
	}
	struct hub_client *alice = client_start(&f->hub, 1, "alice");
	client_say(alice,
		"{'type':1,'invocationId':'1','target':'Sync','arguments':[{'General':{'seq':2,"
		"'epoch':'" FAKE_EPOCH "'},'%s':1,'nowhere':null}]}",
		uuid_text(&other));
	hub_settle(&f->hub);
	room_expect_seqs(alice, &f->room, "3 4");
	room_expect_seqs(alice, &other, "2 3 4");
	char wanted[1200];
	size_t at = (size_t)snprintf(wanted, sizeof(wanted),
		"{\"type\":3,\"invocationId\":\"1\",\"result\":{\"General\":%s",
		room_answer_text(
			&f->room, &(struct room_answer){.last_seq = 4, .from = 3, .to = 4}));
	snprintf(wanted + at, sizeof(wanted) - at,
		",\"%s\":%s,\"nowhere\":{\"recovered\":false,\"error\":{\"code\":\"not_found\","
		"\"message\":\"no such room, or no access to it\"}}}}",
		uuid_text(&other),
		room_answer_text(&other, &(struct room_answer){.last_seq = 4, .from = 2, .to = 4}));
	assert_string_equal(client_next_other(alice), wanted);
	assert_int_equal(room_records_before_answer(alice), 6);
}

static void what_cannot_be_synced(void **state)
{
	static const char *const bad[] = {
		"{'general':'2'}", "{'general':-1}", "{'general':1.5}", "{'general':[1]}"};
	struct call_fixture *f = *state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		call_expect_error(f, "Sync", bad[i],
			UNEXPECTED(
				"Sync") " HubException: bad_request: `general` must be a sequence "
					"number, {seq, epoch}, or null");
	}
	call_expect_error(f, "Sync", "[]", FAILED("Sync"));
	assert_non_null(strstr(call_method(f, "Sync", "{}"), "\"result\":{}"));
	struct buf many = {0};
	for (int i = 0; i < 1001; i++) {
		buf_printf(&many, "%s'room%d':0", i == 0 ? "{" : ",", i);
	}
	buf_append_char(&many, '}');
	call_expect_error(f, "Sync", buf_cstr(&many),
		UNEXPECTED("Sync") " HubException: too_large: at most 1000 rooms in one call");
	buf_finish(&many);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, call_open, call_close)
	const struct CMUnitTest tests[] = {
		TEST(a_message_precedes_its_answer),
		TEST(the_form_with_an_object),
		TEST(what_is_no_message),
		TEST(content_has_its_bound),
		TEST(closed_rooms_take_nothing),
		TEST(history_is_read_in_pages),
		TEST(several_rooms_are_caught_up_in_one_call),
		TEST(what_cannot_be_synced),
	};
#undef TEST
	return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}
