/* Operations run by themselves on a worker of the hub's fixture, for a caller that the test is. */
#ifndef TESTS_UNIT_OP_HELP_H
#define TESTS_UNIT_OP_HELP_H

#include "chatd/auth/principal.h"
#include "chatd/op/op.h"
#include "chatd/op/server_control.h"
#include "chatd/ops/ops.h"
#include "tests/unit/room_help.h"

#define OP_ITEMS_MAX 512

struct trying {
	struct op_caller caller;
	struct op *op; /* NULL once it was answered or its caller has gone */
	struct principal *principal;
	int done, err;
	char message[512]; /* of a failure */
	char *result; /* JSON */
	uint64_t version;
	bool created;
	char *items[OP_ITEMS_MAX]; /* JSON */
	size_t item_count;
	bool is_congested; /* what the operation is told */
	struct op *congested; /* it waits for op_resume() */
};

/* user NULL: the operator. Its parameters are to be filled before it is started. */
struct op *trying_create(struct trying *trying, struct hub *hub, unsigned worker,
	const struct op_def *def, const char *user);
void trying_start(struct trying *trying);
/* The caller goes, as a door's connections go. */
void trying_leave(struct trying *trying);
/* There is room again for what is emitted. */
void trying_drain(struct trying *trying);
void trying_finish(struct trying *trying);

/* It was answered, once, with err. */
void trying_expect(const struct trying *trying, int err);
/* The same, and its message contains text. */
void trying_expect_failure(const struct trying *trying, int err, const char *text);
/* It succeeded with this; ' in the text become ". */
void trying_expect_result(const struct trying *trying, const char *text);
/* A member of the result as JSON, or "" where there is none; good until the next call. */
const char *trying_member(const struct trying *trying, const char *name);

/* Text that lives as long as the operation. */
struct bytes op_text(struct op *op, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct bytes op_id(struct op *op, const struct uuid *id);
/* So many bytes of "x". */
struct bytes op_long(struct op *op, size_t len);
/* A value from JSON; ' in the text become ". */
const struct value *op_json(struct op *op, const char *text);

/* Rooms and people to work on: two workers; "general" (home on worker 1): olga is Owner, alice
 * Admin, bob Member, five messages of bob. "closed": Private, olga alone. A Direct room of alice
 * and bob. alice (worker 0) and bob (worker 1) are connected and live. */
struct world {
	struct hub hub;
	struct uuid general, closed, direct;
	struct uuid message; /* the third one of bob, by its id */
	struct hub_client *alice, *bob;
	struct server_control control;
	bool stopping; /* what the control says */
};

void world_open(struct world *world);
void world_close(struct world *world);
/* Creates and fills nothing; runs to the end, with all answers of the store. */
void world_run(struct world *world, struct trying *trying);

#endif
