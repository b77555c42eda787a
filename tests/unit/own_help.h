/* Connections that call methods of the test hub (tests/own). */
#ifndef TESTS_UNIT_OWN_HELP_H
#define TESTS_UNIT_OWN_HELP_H

#include "tests/unit/hub_fixture.h"

/* Two workers; alice is on worker 0, bob on worker 1. */
struct own_fixture {
	struct hub hub;
	struct hub_client *alice, *bob;
};

#define OWN_SEND_QUEUE ((size_t)64 * 1024)

/* For cmocka; *state becomes the fixture. conf follows "[limits]\nsend_queue = 64KiB\n". */
int own_open_with(void **state, const char *conf);
int own_open(void **state);
/* With detailed errors. */
int own_open_detailed(void **state);
/* With two permits. */
int own_open_two(void **state);
int own_close(void **state);

/* Calls a method with an id, and turns. */
void own_call(struct own_fixture *f, const char *id, const char *target, const char *arguments);
/* The same as a stream. */
void own_stream(struct own_fixture *f, const char *id, const char *target, const char *arguments);
/* The same with upload streams: "'9','10'". */
void own_upload(struct own_fixture *f, const char *id, const char *target, const char *arguments,
	const char *stream_ids);
/* Turns; then this must have come to alice, and nothing else: texts, the last one NULL. */
void own_expect(struct own_fixture *f, ...) __attribute__((sentinel));
/* That the connection serves. */
void own_expect_alive(struct own_fixture *f);

#define OWN_RESULT(id, value) "{'type':3,'invocationId':'" id "','result':" value "}"
#define OWN_ERROR(id, text) "{'type':3,'invocationId':'" id "','error':'" text "'}"
#define OWN_ITEM(id, value) "{'type':2,'invocationId':'" id "','item':" value "}"
#define OWN_END(id) "{'type':3,'invocationId':'" id "'}"
#define OWN_CANCEL(id) "{'type':5,'invocationId':'" id "'}"
#define OWN_UNEXPECTED(method) "An unexpected error occurred invoking `" method "` on the server."

#endif
