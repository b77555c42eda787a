/* Messages handed to a room's home without an operation around them. */
#ifndef TESTS_UNIT_HOME_HELP_H
#define TESTS_UNIT_HOME_HELP_H

#include "chatd/room/home.h"
#include "tests/unit/hub_fixture.h"

struct sending {
	struct home_send send;
	int done, err;
	int place; /* which of all answers this was, from 1 on */
};

/* Sends text as user "alice" from a worker; *sending lives until it is answered. */
void sending_start(struct hub *hub, unsigned worker, struct sending *sending,
	const struct uuid *room, const char *text);
/* The same message again, under the same key. */
void sending_repeat(struct hub *hub, unsigned worker, struct sending *sending);
/* It was answered, once, with err and, where that is 0, with this outcome. */
void sending_expect(const struct sending *sending, int err, enum append_outcome outcome);

#endif
