/* What a link's owner does inside of its callbacks, in the wrong moment, or without a loop. */
#include "tests/unit/pg_link_help.h"

static struct side *of_test;

/* ---- inside of done ---- */

static void destroy_inside(struct ask *ask)
{
	pg_link_destroy(&ask->side->link);
}

/* The others are answered before pg_link_destroy() returns. */
static void destroyed_inside(void **state)
{
	struct side side;
	struct ask asks[4] = {0};
	(void)state;
	side_connect(&side, NULL);
	asks[1].then = destroy_inside;
	for (int i = 0; i < 4; i++) {
		ask_begin(&asks[i], &side);
		ask_add(&asks[i], ADD_ONE, i);
		ask_add(&asks[i], ROWS, 10);
		ask_end(&asks[i]);
	}
	ask_wait(&asks[1]);
	assert_null(side.link);
	assert_int_equal(asks[0].fault, PG_OK);
	assert_int_equal(asks[1].fault, PG_OK);
	assert_int_equal(asks[2].fault, PG_LOST);
	assert_int_equal(asks[3].fault, PG_LOST);
	assert_int_equal(asks[3].number, 4);
	assert_int_equal(side.closed, 0);
	side_finish(&side);
}

/* While it is told that all is lost. */
static void destroyed_while_it_is_lost(void **state)
{
	struct side side, other;
	struct ask asks[4] = {0}, kill = {0}, pid = {0};
	(void)state;
	side_connect(&side, NULL);
	side_connect(&other, NULL);
	ask_one(&pid, &side, MY_PID, 0);
	asks[1].then = destroy_inside;
	for (int i = 0; i < 4; i++) {
		ask_begin(&asks[i], &side);
		ask_add(&asks[i], SLEEP, 20);
		ask_end(&asks[i]);
	}
	ask_one(&kill, &other, KILL, pid.first[0]);
	ask_wait(&asks[0]);
	ask_wait(&asks[3]);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(asks[i].fault, PG_LOST);
		assert_int_equal(asks[i].calls, 1);
	}
	assert_null(side.link);
	assert_int_equal(side.closed, 0);
	side_finish(&side);
	side_finish(&other);
}

static void close_and_open_inside(struct ask *ask)
{
	pg_link_close(ask->side->link);
	assert_int_equal(pg_link_busy(ask->side->link), 0);
	pg_link_open(ask->side->link, 10 * SECOND, NULL);
}

static void opened_again_inside(void **state)
{
	struct side side;
	struct ask asks[3] = {0};
	(void)state;
	side_connect(&side, NULL);
	asks[0].then = close_and_open_inside;
	for (int i = 0; i < 3; i++) {
		ask_begin(&asks[i], &side);
		ask_add(&asks[i], ADD_ONE, i);
		ask_end(&asks[i]);
	}
	while (side.ready + side.closed < 2) {
		loop_turn(loop, 1000);
	}
	assert_int_equal(side.ready, 2);
	assert_int_equal(side.closed, 0);
	assert_int_equal(asks[0].fault, PG_OK);
	assert_int_equal(asks[2].fault, PG_LOST);
	assert_int_equal(asks[2].calls, 1);
	assert_one(&side, ADD_ONE, 1, 2);
	side_finish(&side);
}

static struct ask chain[50];

static void ask_next(struct ask *ask)
{
	size_t next = (size_t)(ask - chain) + 1;
	if (next < sizeof(chain) / sizeof(chain[0])) {
		chain[next].then = ask_next;
		ask_begin(&chain[next], ask->side);
		ask_add(&chain[next], ADD_ONE, (int64_t)next);
		ask_end(&chain[next]);
	}
}

static void one_after_the_other(void **state)
{
	struct side side;
	(void)state;
	side_connect(&side, NULL);
	chain[0].then = ask_next;
	ask_begin(&chain[0], &side);
	ask_add(&chain[0], ADD_ONE, 0);
	ask_end(&chain[0]);
	ask_wait(&chain[49]);
	assert_int_equal(chain[49].number, 50);
	assert_int_equal(chain[49].first[0], 50);
	side_finish(&side);
}

static void script_inside(struct ask *ask)
{
	ask->then = NULL;
	ask->calls = 0;
	pg_link_script(ask->side->link, &ask->exchange, 10 * SECOND, "SELECT 1", on_done);
}

static void a_script_inside(void **state)
{
	struct side side;
	struct ask ask = {.then = script_inside};
	(void)state;
	side_connect(&side, NULL);
	ask_begin(&ask, &side);
	ask_add(&ask, ADD_ONE, 1);
	ask_end(&ask);
	while (ask.then != NULL || ask.calls == 0) {
		loop_turn(loop, 1000);
	}
	assert_int_equal(ask.fault, PG_OK);
	assert_int_equal(ask.number, 2);
	assert_one(&side, ADD_ONE, 1, 2);
	side_finish(&side);
}

/* Lost, and answered with another try, which is refused rather than forgotten. */
static void try_again(struct ask *ask)
{
	static struct ask again;
	ask->then = NULL;
	assert_false(pg_link_ready(ask->side->link));
	ask_begin(&again, ask->side);
	ask_add(&again, ADD_ONE, 1);
	ask_end(&again);
	of_test->err = again.calls == 0 ? 0 : -1;
}

static void begun_on_a_closed_link(void **state)
{
	struct side side;
	struct ask ask = {0}, script = {0};
	(void)state;
	of_test = &side;
	side_init(&side, getenv("CHATD_TEST_POSTGRES"));
	ask.then = try_again;
	ask_begin(&ask, &side);
	ask_add(&ask, ADD_ONE, 1);
	ask_end(&ask);
	ask_wait(&ask);
	assert_int_equal(ask.fault, PG_LOST);
	assert_int_equal(side.err, 0);
	assert_int_equal(answered, 2);
	assert_int_equal(pg_link_busy(side.link), 0);
	run_script(&script, &side, "SELECT 1");
	assert_int_equal(script.fault, PG_LOST);
	/* While it connects. */
	pg_link_open(side.link, 10 * SECOND, NULL);
	assert_int_equal(pg_link_state(side.link), PG_LINK_CONNECTING);
	ask_begin(&ask, &side);
	ask_add(&ask, ADD_ONE, 1);
	ask_end(&ask);
	while (side.ready == 0) {
		loop_turn(loop, 1000);
	}
	assert_int_equal(ask.fault, PG_LOST);
	assert_int_equal(ask.calls, 1);
	assert_one(&side, ADD_ONE, 1, 2);
	side_finish(&side);
}

static void closed_by_its_owner(void **state)
{
	struct side side;
	struct ask ask = {0};
	(void)state;
	side_connect(&side, NULL);
	ask_begin(&ask, &side);
	ask_add(&ask, SLEEP, 20);
	ask_end(&ask);
	pg_link_close(side.link);
	assert_int_equal(ask.calls, 1);
	assert_int_equal(ask.fault, PG_LOST);
	assert_int_equal(pg_link_state(side.link), PG_LINK_CLOSED);
	assert_int_equal(pg_link_server_version(side.link), 0);
	pg_link_close(side.link);
	/* While it connects, and then once more. */
	pg_link_open(side.link, 10 * SECOND, NULL);
	pg_link_close(side.link);
	side_open(&side, 10 * SECOND, NULL);
	assert_int_equal(side.ready, 2);
	assert_int_equal(side.closed, 0);
	ask_begin(&ask, &side);
	ask_add(&ask, SLEEP, 20);
	ask_end(&ask);
	side_finish(&side);
	assert_int_equal(ask.calls, 1);
	assert_int_equal(ask.fault, PG_LOST);
	loop_turn(loop, 0);
	assert_int_equal(side.closed, 0);
	pg_link_destroy(&side.link);
}

/* ---- inside of the events ---- */

static void destroy_on_ready(void *ctx, struct pg_link *link)
{
	struct side *side = ctx;
	assert_ptr_equal(link, side->link);
	side->ready++;
	pg_link_destroy(&side->link);
}

static void open_on_closed(void *ctx, struct pg_link *link, int err, const char *why)
{
	struct side *side = ctx;
	on_closed(ctx, link, err, why);
	if (side->closed < 3) {
		pg_link_open(link, SECOND, NULL);
	} else {
		pg_link_destroy(&side->link);
	}
}

static void inside_of_events(void **state)
{
	static const struct pg_link_events destroying = {destroy_on_ready, open_on_closed};
	struct side side;
	struct pg_url url;
	(void)state;
	for (int i = 0; i < 2; i++) {
		side_init(&side, getenv("CHATD_TEST_POSTGRES"));
		pg_link_destroy(&side.link);
		side.link = pg_link_create(loop, &side.url, &destroying, &side);
		pg_link_open(side.link, 10 * SECOND, i == 0 ? NULL : "SELECT 1");
		while (side.link != NULL) {
			loop_turn(loop, 1000);
		}
		assert_int_equal(side.ready, 1);
		side_finish(&side);
	}
	side_init(&side, getenv("CHATD_TEST_POSTGRES"));
	assert_int_equal(pg_url_with_database(&side.url, "no_such_database", &url), 0);
	pg_link_destroy(&side.link);
	pg_url_finish(&side.url);
	side.url = url;
	side.link = pg_link_create(loop, &side.url, &destroying, &side);
	pg_link_open(side.link, 10 * SECOND, NULL);
	while (side.link != NULL) {
		loop_turn(loop, 1000);
	}
	assert_int_equal(side.closed, 3);
	side_finish(&side);
}

/* ---- without the loop ---- */

static void pump_until(struct side *side, const unsigned *counter, unsigned wanted)
{
	for (int i = 0; i < 1000 && *counter < wanted && side->link != NULL; i++) {
		pg_link_pump(side->link, 20);
	}
	assert_int_equal(*counter, wanted);
}

static void pumped(void **state)
{
	struct side side;
	struct ask ask = {0}, slow = {0};
	(void)state;
	side_init(&side, getenv("CHATD_TEST_POSTGRES"));
	pg_link_open(side.link, 10 * SECOND, tables);
	pump_until(&side, &side.ready, 1);
	ask_begin(&ask, &side);
	ask_add(&ask, ROWS, 50000);
	ask_end(&ask);
	pump_until(&side, &ask.calls, 1);
	assert_int_equal(ask.fault, PG_OK);
	ask = (struct ask){.side = &side};
	pg_link_script(side.link, &ask.exchange, SECOND, "SELECT 1", on_done);
	pump_until(&side, &ask.calls, 1);
	assert_int_equal(ask.fault, PG_OK);
	/* Deadlines hold as well, though the loop's time stands still. */
	uint64_t start = clock_mono_us(&clock_system);
	slow.side = &side;
	pg_link_begin(side.link, &slow.exchange, SECOND / 4, on_done);
	ask_add(&slow, SLEEP, 20);
	ask_end(&slow);
	pump_until(&side, &slow.calls, 1);
	assert_int_equal(slow.fault, PG_LOST);
	assert_in_range(clock_mono_us(&clock_system) - start, SECOND / 5, 3 * SECOND);
	assert_int_equal(side.closed, 1);
	pg_link_pump(side.link, 20);
	ask_begin(&ask, &side);
	ask_add(&ask, ADD_ONE, 1);
	ask_end(&ask);
	pump_until(&side, &ask.calls, 1);
	assert_int_equal(ask.fault, PG_LOST);
	side_finish(&side);
}

static void pumped_until_it_is_destroyed(void **state)
{
	struct side side;
	struct ask ask = {.then = destroy_inside};
	(void)state;
	side_connect(&side, NULL);
	ask_begin(&ask, &side);
	ask_add(&ask, ADD_ONE, 1);
	ask_end(&ask);
	pump_until(&side, &ask.calls, 1);
	assert_null(side.link);
	side_finish(&side);
}

/* ---- with TLS ---- */

static void look_at_rows(struct ask *ask)
{
	assert_int_equal(pg_rows(ask->exchange.results[0]), ask->number);
}

/* Records end anywhere in what is read: whatever the sizes, nothing stays behind unseen. */
static void over_tls(void **state)
{
	struct side side;
	struct ask ask = {.then = look_at_rows};
	struct buf url = {0};
	const char *plain = getenv("CHATD_TEST_POSTGRES");
	(void)state;
	buf_printf(&url, "%s%csslmode=require", plain, strchr(plain, '?') != NULL ? '&' : '?');
	side_init(&side, buf_cstr(&url));
	buf_finish(&url);
	side_open(&side, 10 * SECOND, tables);
	if (side.ready == 0 && strstr(side.why, "does not support SSL") != NULL) {
		assert_int_equal(side.err, ERR_CONFIG);
		side_finish(&side);
		skip();
	}
	assert_int_equal(side.ready, 1);
	for (int64_t n = 1; n < 400; n++) {
		ask_one(&ask, &side, ROWS, n);
		assert_int_equal(ask.fault, PG_OK);
	}
	ask.then = NULL;
	ask_one(&ask, &side, ROWS, 100000);
	assert_int_equal(ask.fault, PG_OK);
	side_finish(&side);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)
	const struct CMUnitTest tests[] = {
		TEST(destroyed_inside),
		TEST(destroyed_while_it_is_lost),
		TEST(opened_again_inside),
		TEST(one_after_the_other),
		TEST(a_script_inside),
		TEST(begun_on_a_closed_link),
		TEST(closed_by_its_owner),
		TEST(inside_of_events),
		TEST(pumped),
		TEST(pumped_until_it_is_destroyed),
		TEST(over_tls),
	};
#undef TEST
	return have_server() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
