#include "tests/unit/call_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

int call_open_with(void **state, const char *conf)
{
	struct call_fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 2, conf);
	f->room = hub_room(&f->hub, 1, "general");
	f->closed = hub_room(&f->hub, 0, "");
	fake_store_room_visibility(f->hub.store, &f->closed, ROOM_PRIVATE);
	hub_member(&f->hub, &f->room, "alice");
	f->alice = client_start(&f->hub, 0, "alice");
	hub_sleep(&f->hub, 1500000);
	*state = f;
	return 0;
}

int call_open(void **state)
{
	return call_open_with(state, "");
}

int call_close(void **state)
{
	struct call_fixture *f = *state;
	hub_close(&f->hub);
	free(f);
	return 0;
}

const char *call_method(struct call_fixture *f, const char *method, const char *arguments)
{
	client_say(f->alice, "{'type':1,'invocationId':'7','target':'%s','arguments':[%s]}", method,
		arguments);
	hub_settle(&f->hub);
	const char *answer = client_next_other(f->alice);
	assert_non_null(answer);
	return answer;
}

static void text_of(char *out, size_t size, const char *text)
{
	snprintf(out, size, "{'type':3,'invocationId':'7','error':'%s'}", text);
	for (char *at = out; *at != '\0'; at++) {
		*at = (char)(*at == '\'' ? '"' : *at == '`' ? '\'' : *at);
	}
}

void call_expect_error(
	struct call_fixture *f, const char *method, const char *arguments, const char *error)
{
	char wanted[600];
	text_of(wanted, sizeof(wanted), error);
	assert_string_equal(call_method(f, method, arguments), wanted);
}
