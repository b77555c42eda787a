/* Calls of hub methods, and the exact texts of their answers. */
#ifndef TESTS_UNIT_CALL_HELP_H
#define TESTS_UNIT_CALL_HELP_H

#include "tests/unit/room_help.h"

#define UNEXPECTED(method) "An unexpected error occurred invoking `" method "` on the server."
#define FAILED(method) "Failed to invoke `" method "` due to an error on the server."

/* Two workers; alice is connected to worker 0 and in the room, whose home is worker 1. */
struct call_fixture {
	struct hub hub;
	struct uuid room, closed; /* general, and one that is private and not alice's */
	struct hub_client *alice;
};

/* For cmocka; *state becomes the fixture. */
int call_open_with(void **state, const char *conf);
int call_open(void **state);
int call_close(void **state);
/* Calls with invocation id "7", and gives what comes of it but messages. */
const char *call_method(struct call_fixture *f, const char *method, const char *arguments);
/* The call is answered with exactly this error. */
void call_expect_error(
	struct call_fixture *f, const char *method, const char *arguments, const char *error);

#endif
