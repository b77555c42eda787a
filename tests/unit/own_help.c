#include "tests/unit/own_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

int own_open_with(void **state, const char *conf)
{
	struct own_fixture *f = mem_zalloc(sizeof(*f));
	char text[512];
	snprintf(text, sizeof(text), "[limits]\nsend_queue = 64KiB\n%s", conf);
	hub_open(&f->hub, 2, text);
	f->alice = client_start(&f->hub, 0, "alice");
	f->bob = client_start(&f->hub, 1, "bob");
	*state = f;
	return 0;
}

int own_open(void **state)
{
	return own_open_with(state, "");
}

int own_open_detailed(void **state)
{
	return own_open_with(
		state, "[server]\nenvironment = Development\n[hub]\ndetailed_errors = true\n");
}

int own_open_two(void **state)
{
	return own_open_with(state, "[hub]\nmax_parallel_invocations = 2\n");
}

int own_close(void **state)
{
	struct own_fixture *f = *state;
	hub_close(&f->hub);
	free(f);
	return 0;
}

void own_call(struct own_fixture *f, const char *id, const char *target, const char *arguments)
{
	client_say(f->alice, "{'type':1,'invocationId':'%s','target':'%s','arguments':[%s]}", id,
		target, arguments);
	hub_turns(&f->hub, 2);
}

void own_stream(struct own_fixture *f, const char *id, const char *target, const char *arguments)
{
	client_say(f->alice, "{'type':4,'invocationId':'%s','target':'%s','arguments':[%s]}", id,
		target, arguments);
	hub_turns(&f->hub, 2);
}

void own_upload(struct own_fixture *f, const char *id, const char *target, const char *arguments,
	const char *stream_ids)
{
	client_say(f->alice,
		"{'type':1,'invocationId':'%s','target':'%s','arguments':[%s],'streamIds':[%s]}",
		id, target, arguments, stream_ids);
	hub_turns(&f->hub, 2);
}

void own_expect(struct own_fixture *f, ...)
{
	va_list ap;
	hub_turns(&f->hub, 4);
	va_start(ap, f);
	for (const char *text; (text = va_arg(ap, const char *)) != NULL;) {
		client_expect(f->alice, text);
	}
	va_end(ap);
	const char *more = client_next(f->alice);
	if (more != NULL) {
		fail_msg("this came too: %s", more);
	}
}

void own_expect_alive(struct own_fixture *f)
{
	own_call(f, "probe", "Echo", "'yes'");
	own_expect(f, OWN_RESULT("probe", "'yes'"), NULL);
}
