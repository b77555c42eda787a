#include "tests/unit/op_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/value/json.h"

/* ---- the caller ---- */

static char *json_of(const struct value *value)
{
	struct buf out = {0};
	json_write(&out, value);
	char *text = mem_strdup(buf_cstr(&out));
	buf_finish(&out);
	return text;
}

static void on_done(struct op_caller *caller, struct op *op, int err)
{
	struct trying *trying = CONTAINER_OF(caller, struct trying, caller);
	trying->done++;
	trying->err = err;
	trying->op = NULL;
	trying->result = json_of(&op->result);
	trying->version = op->version;
	trying->created = op->created;
	snprintf(trying->message, sizeof(trying->message), "%s",
		op->message != NULL ? op->message : "");
}

static void on_emit(struct op_caller *caller, struct op *op, const struct value *item)
{
	struct trying *trying = CONTAINER_OF(caller, struct trying, caller);
	(void)op;
	assert_true(trying->item_count < OP_ITEMS_MAX);
	trying->items[trying->item_count++] = json_of(item);
}

static bool on_congested(struct op_caller *caller, struct op *op)
{
	struct trying *trying = CONTAINER_OF(caller, struct trying, caller);
	assert_null(trying->congested);
	trying->congested = trying->is_congested ? op : NULL;
	return trying->is_congested;
}

static const struct op_caller_events trying_events = {
	.done = on_done,
	.emit = on_emit,
	.congested = on_congested,
};

struct op *trying_create(struct trying *trying, struct hub *hub, unsigned worker,
	const struct op_def *def, const char *user)
{
	*trying = (struct trying){0};
	op_caller_init(&trying->caller, &trying_events);
	if (user != NULL) {
		const struct principal from = {
			.identity = bytes_str(user), .expires_ms = INT64_MAX, .issued_ms = 1};
		trying->principal = principal_create(&from);
	}
	trying->op = op_create(&hub->sv[worker], def, NULL);
	return trying->op;
}

void trying_start(struct trying *trying)
{
	op_start(trying->op, &trying->caller, trying->principal, NULL);
}

void trying_leave(struct trying *trying)
{
	struct op *congested = trying->congested;
	op_caller_gone(&trying->caller);
	trying->op = NULL;
	trying->congested = NULL;
	if (congested != NULL) {
		op_resume(congested, ERR_CLOSED);
	}
}

void trying_drain(struct trying *trying)
{
	struct op *congested = trying->congested;
	assert_non_null(congested);
	trying->congested = NULL;
	op_resume(congested, 0);
}

void trying_finish(struct trying *trying)
{
	assert_true(list_empty(&trying->caller.ops));
	principal_unref(&trying->principal);
	free(trying->result);
	for (size_t i = 0; i < trying->item_count; i++) {
		free(trying->items[i]);
	}
}

/* ---- what came of it ---- */

void trying_expect(const struct trying *trying, int err)
{
	assert_int_equal(trying->done, 1);
	if (trying->err != err) {
		fail_msg("%d (%s) instead of %d", trying->err, trying->message, err);
	}
}

void trying_expect_failure(const struct trying *trying, int err, const char *text)
{
	trying_expect(trying, err);
	if (strstr(trying->message, text) == NULL) {
		fail_msg("\"%s\" has no \"%s\"", trying->message, text);
	}
}

static char *quoted(const char *text)
{
	char *out = mem_strdup(text);
	for (char *at = out; *at != '\0'; at++) {
		*at = (char)(*at == '\'' ? '"' : *at);
	}
	return out;
}

void trying_expect_result(const struct trying *trying, const char *text)
{
	char *wanted = quoted(text);
	trying_expect(trying, 0);
	assert_string_equal(trying->result, wanted);
	free(wanted);
}

const char *trying_member(const struct trying *trying, const char *name)
{
	static char text[4096];
	struct arena *arena = arena_create(0);
	struct value result;
	assert_int_equal(json_read(arena, bytes_str(trying->result), &result, NULL), 0);
	const struct value *member = value_get(&result, name);
	char *json = member != NULL ? json_of(member) : mem_strdup("");
	snprintf(text, sizeof(text), "%s", json);
	free(json);
	arena_destroy(&arena);
	return text;
}

/* ---- parameters ---- */

struct bytes op_text(struct op *op, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *text = arena_vprintf(op->arena, fmt, ap);
	va_end(ap);
	return bytes_str(text);
}

struct bytes op_id(struct op *op, const struct uuid *id)
{
	return op_text(op, "%s", uuid_text(id));
}

struct bytes op_long(struct op *op, size_t len)
{
	char *text = arena_alloc(op->arena, len + 1);
	memset(text, 'x', len);
	return bytes_of(text, len);
}

const struct value *op_json(struct op *op, const char *text)
{
	char *json = quoted(text);
	struct value *value = arena_alloc(op->arena, sizeof(*value));
	assert_int_equal(json_read(op->arena, bytes_str(json), value, NULL), 0);
	free(json);
	return value;
}

/* ---- the world ---- */

static bool is_stopping(void *server)
{
	return ((struct world *)server)->stopping;
}

static struct hub_client *live(struct hub *hub, unsigned worker, const char *user)
{
	struct hub_client *client = client_start(hub, worker, user);
	hub_sleep(hub, 1500000); /* what it is held for */
	client_skip(client);
	return client;
}

static void add_role(
	struct world *world, const struct uuid *room, const char *name, enum member_role role)
{
	struct uuid user = hub_user(name);
	fake_store_user(world->hub.store, &user, name);
	fake_store_role(world->hub.store, room, &user, role);
}

void world_open(struct world *world)
{
	struct hub *hub = &world->hub;
	struct uuid bob = hub_user("bob");
	*world = (struct world){.stopping = false};
	hub_open(hub, 2, "");
	world->control = (struct server_control){.server = world, .stopping = is_stopping};
	for (unsigned i = 0; i < hub->count; i++) {
		hub->sv[i].control = &world->control;
	}
	world->general = hub_room(hub, 1, "general");
	world->closed = hub_room(hub, 0, "closed");
	world->direct = hub_room(hub, 0, "");
	fake_store_room_visibility(hub->store, &world->closed, ROOM_PRIVATE);
	add_role(world, &world->general, "olga", ROLE_OWNER);
	add_role(world, &world->general, "alice", ROLE_ADMIN);
	add_role(world, &world->general, "bob", ROLE_MEMBER);
	add_role(world, &world->closed, "olga", ROLE_OWNER);
	fake_store_room_direct(hub->store, &world->direct);
	add_role(world, &world->direct, "alice", ROLE_MEMBER);
	add_role(world, &world->direct, "bob", ROLE_MEMBER);
	for (int i = 0; i < 5; i++) {
		fake_store_message(hub->store, &world->general, &bob, "text");
	}
	const struct message_row third = {.room = world->general, .seq = 3};
	store_message_id(fake_store_base(hub->store), &third, &world->message);
	world->alice = live(hub, 0, "alice");
	world->bob = live(hub, 1, "bob");
	client_skip(world->alice);
}

void world_close(struct world *world)
{
	for (unsigned i = 0; i < world->hub.count; i++) {
		world->hub.sv[i].draining = false;
	}
	hub_close(&world->hub);
}

void world_run(struct world *world, struct trying *trying)
{
	trying_start(trying);
	hub_settle(&world->hub);
	if (trying->done == 0) {
		hub_sleep(&world->hub, 200000); /* what it pauses between two pages */
	}
}
