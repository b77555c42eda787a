/* What reaches connections from outside: pushes of back ends, notices, kicks; the list of them; and
 * the node that drains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "chatd/conn/conns.h"
#include "lib/base/err.h"
#include "tests/unit/op_help.h"

static struct push_params *push(
	struct world *world, struct trying *trying, const struct op_def *def, const char *target)
{
	struct op *op = trying_create(trying, &world->hub, 0, def, "olga");
	struct push_params *params = op->params;
	params->target = op_text(op, "%s", target);
	params->method = BYTES_LIT("Hello");
	params->arguments = op_json(op, "[1,'two',{'three':null}]");
	return params;
}

static void end_expect(struct world *world, struct trying *trying, int err, const char *text)
{
	world_run(world, trying);
	trying_expect_failure(trying, err, text);
	trying_finish(trying);
}

static void end_expect_result(struct world *world, struct trying *trying, const char *text)
{
	world_run(world, trying);
	trying_expect_result(trying, text);
	trying_finish(trying);
}

#define HELLO "{'type':1,'target':'Hello','arguments':[1,'two',{'three':null}]}"

/* ---- pushes ---- */

static void a_push_reaches_all_connections_of_a_user(void **state)
{
	struct world world;
	struct trying trying;
	struct uuid bob = hub_user("bob");
	(void)state;
	world_open(&world);
	struct hub_client *other = client_start(&world.hub, 0, "bob");
	client_skip(other);
	push(&world, &trying, &op_push_user, "bob");
	end_expect_result(&world, &trying, "{'connections':2}");
	push(&world, &trying, &op_push_user, uuid_text(&bob));
	end_expect_result(&world, &trying, "{'connections':2}");
	for (int i = 0; i < 2; i++) {
		client_expect(world.bob, HELLO);
		client_expect(other, HELLO);
	}
	assert_null(client_next(world.alice));
	push(&world, &trying, &op_push_user, "nobody-is-connected");
	end_expect_result(&world, &trying, "{'connections':0}");
	push(&world, &trying, &op_push_user, "bob")->arguments = NULL;
	end_expect_result(&world, &trying, "{'connections':2}");
	client_expect(world.bob, "{'type':1,'target':'Hello','arguments':[]}");
	world_close(&world);
}

static void a_push_reaches_one_connection(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	push(&world, &trying, &op_push_connection, client_conn(world.bob)->id_text);
	end_expect_result(&world, &trying, "{'connections':1}");
	client_expect(world.bob, HELLO);
	const char *const none[] = {"", "x", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA!"};
	for (size_t i = 0; i < 4; i++) {
		push(&world, &trying, &op_push_connection, none[i]);
		end_expect(&world, &trying, ERR_NOT_FOUND, "no such connection");
	}
	world_close(&world);
}

/* A back end acts for the operator: it need be no member, and sees every room. */
static void a_push_reaches_the_members_of_a_room(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct hub_client *stranger = client_start(&world.hub, 0, "carol");
	client_skip(stranger);
	const char *const names[] = {"general", "A room", uuid_text(&world.general)};
	for (size_t i = 0; i < 3; i += 2) {
		push(&world, &trying, &op_push_room, names[i]);
		end_expect_result(&world, &trying, "null");
		client_expect(world.alice, HELLO);
		client_expect(world.bob, HELLO);
	}
	assert_null(client_next(stranger));
	push(&world, &trying, &op_push_room, uuid_text(&world.closed));
	end_expect_result(&world, &trying, "null");
	push(&world, &trying, &op_push_room, "no such one");
	end_expect(&world, &trying, ERR_NOT_FOUND, "no such room");
	world_close(&world);
}

static void methods_that_are_none(void **state)
{
	static const char *const names[] = {
		"", " ", "a b", "a\n", "\x1b", "a\x7f", "\xc2\x9b", "\xff", "a\xc3"};
	const struct op_def *const defs[] = {&op_push_user, &op_push_room, &op_push_connection};
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (size_t d = 0; d < 3; d++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			push(&world, &trying, defs[d], "general")->method = bytes_str(names[i]);
			end_expect(&world, &trying, ERR_BAD_REQUEST, "'method' must be");
		}
		struct push_params *params = push(&world, &trying, defs[d], "general");
		params->method = op_long(trying.op, 129);
		end_expect(&world, &trying, ERR_BAD_REQUEST, "1 to 128 bytes");
	}
	push(&world, &trying, &op_push_user, "\x1b[0m");
	end_expect(&world, &trying, ERR_BAD_REQUEST, "a user is named");
	assert_null(client_next(world.bob));
	world_close(&world);
}

static void a_notice_reaches_everybody(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 1, &op_notify_send, NULL);
	((struct notify_params *)op->params)->text = BYTES_LIT("down at noon");
	end_expect_result(&world, &trying, "{'connections':2}");
	const char *const wanted =
		"{\"type\":1,\"target\":\"ServerNotification\",\"arguments\":[\"down at noon\",\"";
	assert_int_equal(strncmp(client_next(world.alice), wanted, strlen(wanted)), 0);
	assert_int_equal(strncmp(client_next(world.bob), wanted, strlen(wanted)), 0);
	world_close(&world);
}

/* What has not shaken hands yet, or has ended, gets nothing and is not counted. */
static void only_open_connections_count(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct hub_client *young = client_open(&world.hub, 0, "bob");
	client_drop(world.bob);
	push(&world, &trying, &op_push_user, "bob");
	end_expect_result(&world, &trying, "{'connections':0}");
	assert_null(client_next(young));
	world_close(&world);
}

/* ---- the list ---- */

static void list(struct world *world, struct trying *trying, const char *user)
{
	struct op *op = trying_create(trying, &world->hub, 0, &op_conn_list, NULL);
	((struct conn_list_params *)op->params)->user = user != NULL ? bytes_str(user) : BYTES_NONE;
	world_run(world, trying);
}

static void connections_are_listed(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	client_open(&world.hub, 0, "carol");
	list(&world, &trying, NULL);
	trying_expect_result(&trying, "null");
	assert_int_equal(trying.item_count, 3);
	trying_finish(&trying);
	list(&world, &trying, "bob");
	assert_int_equal(trying.item_count, 1);
	assert_non_null(strstr(trying.items[0], "\"identity\":\"bob\""));
	assert_non_null(strstr(trying.items[0], "\"state\":\"Open\""));
	assert_non_null(strstr(trying.items[0], "\"rooms\":2"));
	assert_non_null(strstr(trying.items[0], "\"worker\":1"));
	trying_finish(&trying);
	list(&world, &trying, "carol");
	assert_non_null(strstr(trying.items[0], "\"state\":\"Handshake\""));
	assert_non_null(strstr(trying.items[0], "\"protocol\":null"));
	trying_finish(&trying);
	list(&world, &trying, "nobody");
	assert_int_equal(trying.item_count, 0);
	trying_finish(&trying);
	list(&world, &trying, "\x1b");
	trying_expect(&trying, ERR_BAD_REQUEST);
	trying_finish(&trying);
	world_close(&world);
}

static void a_long_list_waits_for_its_reader(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	for (int i = 0; i < 248; i++) {
		client_open(&world.hub, (unsigned)i % 2, "carol");
	}
	trying_create(&trying, &world.hub, 0, &op_conn_list, NULL);
	trying.is_congested = true;
	trying_start(&trying);
	hub_settle(&world.hub);
	size_t seen = 0;
	while (trying.done == 0) {
		assert_in_range(trying.item_count - seen, 1, 100);
		seen = trying.item_count;
		trying_drain(&trying);
		hub_settle(&world.hub);
	}
	trying_expect(&trying, 0);
	assert_int_equal(trying.item_count, 250);
	trying_finish(&trying);
	world_close(&world);
}

static struct conn_params *conn_op(
	struct world *world, struct trying *trying, const struct op_def *def)
{
	return trying_create(trying, &world->hub, 0, def, NULL)->params;
}

static void one_is_shown(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	conn_op(&world, &trying, &op_conn_show)->connection =
		bytes_str(client_conn(world.bob)->id_text);
	world_run(&world, &trying);
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "identity"), "\"bob\"");
	trying_finish(&trying);
	const char *const none[] = {"", "x", "AAAAAAAAAAAAAAAAAAAAAA"};
	for (size_t i = 0; i < 3; i++) {
		conn_op(&world, &trying, &op_conn_show)->connection = bytes_str(none[i]);
		end_expect(&world, &trying, ERR_NOT_FOUND, "no such connection");
	}
	world_close(&world);
}

/* ---- kicks ---- */

static void kicked_connections_are_told_why(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	char id[64];
	snprintf(id, sizeof(id), "%s", client_conn(world.bob)->id_text);
	struct conn_params *params = conn_op(&world, &trying, &op_conn_kick);
	params->connection = bytes_str(id);
	params->reason = BYTES_LIT("enough");
	end_expect_result(&world, &trying, "{'closed':1}");
	client_expect(world.bob, "{'type':7,'error':'enough'}");
	assert_true(world.bob->closed);
	conn_op(&world, &trying, &op_conn_kick)->connection = bytes_str(id);
	end_expect(&world, &trying, ERR_NOT_FOUND, "no such connection");

	client_start(&world.hub, 1, "alice");
	params = conn_op(&world, &trying, &op_conn_kick);
	params->user = BYTES_LIT("alice");
	params->reconnect = true;
	end_expect_result(&world, &trying, "{'closed':2}");
	client_expect(world.alice,
		"{'type':7,'error':'Connection closed by the operator.','allowReconnect':true}");
	params = conn_op(&world, &trying, &op_conn_kick);
	params->user = BYTES_LIT("alice");
	end_expect_result(&world, &trying, "{'closed':0}");
	conn_op(&world, &trying, &op_conn_kick);
	end_expect(&world, &trying, ERR_USAGE, "name a connection");
	conn_op(&world, &trying, &op_conn_kick)->user = BYTES_LIT("a\x1b");
	end_expect(&world, &trying, ERR_BAD_REQUEST, "a user is named");
	world_close(&world);
}

/* ---- the node ---- */

static void a_node_drains_and_serves_again(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_node_drain, NULL);
	struct node_drain_params *params = op->params;
	params->spread_ms = 1000;
	params->spread_given = PARAM_PRESENT;
	trying_start(&trying);
	hub_turns(&world.hub, 6);
	trying_expect(&trying, 0);
	assert_string_equal(trying_member(&trying, "draining"), "true");
	trying_finish(&trying);
	assert_true(world.hub.sv[0].draining && world.hub.sv[1].draining);
	hub_sleep(&world.hub, 1500000);
	assert_true(world.alice->closed && world.bob->closed);
	trying_create(&trying, &world.hub, 0, &op_node_undrain, NULL);
	end_expect_result(&world, &trying, "{'draining':false,'connections':0}");
	assert_false(world.hub.sv[0].draining || world.hub.sv[1].draining);
	world_close(&world);
}

/* Those that were not closed yet stay. */
static void undraining_keeps_who_is_left(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	struct op *op = trying_create(&trying, &world.hub, 0, &op_node_drain, NULL);
	struct node_drain_params *params = op->params;
	params->spread_ms = 3600000;
	params->spread_given = PARAM_PRESENT;
	trying_start(&trying);
	hub_turns(&world.hub, 6);
	trying_finish(&trying);
	trying_create(&trying, &world.hub, 0, &op_node_undrain, NULL);
	world_run(&world, &trying);
	trying_expect(&trying, 0);
	const char *left = trying_member(&trying, "connections");
	int open = (world.alice->closed ? 0 : 1) + (world.bob->closed ? 0 : 1);
	assert_int_equal(left[0] - '0', open);
	trying_finish(&trying);
	hub_sleep(&world.hub, 2000000);
	assert_int_equal((world.alice->closed ? 0 : 1) + (world.bob->closed ? 0 : 1), open);
	world_close(&world);
}

static void a_node_that_ends_is_not_drained(void **state)
{
	struct world world;
	struct trying trying;
	(void)state;
	world_open(&world);
	world.stopping = true;
	trying_create(&trying, &world.hub, 0, &op_node_drain, NULL);
	end_expect(&world, &trying, ERR_CONFLICT, "the daemon is ending");
	trying_create(&trying, &world.hub, 0, &op_node_undrain, NULL);
	end_expect(&world, &trying, ERR_CONFLICT, "the daemon is ending");
	assert_false(world.hub.sv[0].draining || world.alice->closed);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_push_reaches_all_connections_of_a_user),
		cmocka_unit_test(a_push_reaches_one_connection),
		cmocka_unit_test(a_push_reaches_the_members_of_a_room),
		cmocka_unit_test(methods_that_are_none),
		cmocka_unit_test(a_notice_reaches_everybody),
		cmocka_unit_test(only_open_connections_count),
		cmocka_unit_test(connections_are_listed),
		cmocka_unit_test(a_long_list_waits_for_its_reader),
		cmocka_unit_test(one_is_shown),
		cmocka_unit_test(kicked_connections_are_told_why),
		cmocka_unit_test(a_node_drains_and_serves_again),
		cmocka_unit_test(undraining_keeps_who_is_left),
		cmocka_unit_test(a_node_that_ends_is_not_drained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
