#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chatd/conn/claims.h"
#include "tests/unit/hub_fixture.h"

#define KEEP_US 15000000

struct asked {
	int answers;
	enum claim_answer answer;
	int early;
};

static void on_answer(void *ctx, enum claim_answer answer, struct buf *early)
{
	struct asked *asked = ctx;
	asked->answers++;
	asked->answer = answer;
	asked->early = (int)early->len;
}

/* Worker from asks worker at, and gets an answer that it did not get inside. */
static enum claim_answer ask(
	struct hub *hub, unsigned from, unsigned at, const struct uuid *id, bool fresh)
{
	struct asked asked = {0};
	claims_ask(&hub->sv[from], at, id, fresh, on_answer, &asked);
	assert_int_equal(asked.answers, 0);
	hub_turns(hub, 4);
	assert_int_equal(asked.answers, 1);
	return asked.answer;
}

static struct uuid any_id(void)
{
	struct uuid id;
	uuid_random(&id);
	return id;
}

static void an_id_lives_once(void **state)
{
	struct hub hub;
	struct uuid id = any_id();
	(void)state;
	hub_open(&hub, 2, "");
	assert_int_equal(ask(&hub, 0, 0, &id, true), CLAIM_GRANTED);
	assert_int_equal(ask(&hub, 0, 0, &id, true), CLAIM_LIVE);
	assert_int_equal(ask(&hub, 1, 0, &id, true), CLAIM_LIVE);
	/* Its age does not matter while it lives. */
	assert_int_equal(ask(&hub, 1, 0, &id, false), CLAIM_LIVE);
	claims_end(&hub.sv[0], 0, &id, KEEP_US);
	assert_int_equal(ask(&hub, 1, 0, &id, true), CLAIM_GONE);
	hub_close(&hub);
}

static void of_two_at_once_one_wins(void **state)
{
	struct hub hub;
	struct uuid id = any_id();
	struct asked here = {0};
	struct asked there = {0};
	(void)state;
	hub_open(&hub, 2, "");
	claims_ask(&hub.sv[0], 1, &id, true, on_answer, &here);
	claims_ask(&hub.sv[1], 1, &id, true, on_answer, &there);
	hub_turns(&hub, 4);
	assert_int_equal(here.answers, 1);
	assert_int_equal(there.answers, 1);
	bool one = (here.answer == CLAIM_GRANTED) != (there.answer == CLAIM_GRANTED);
	assert_true(one);
	assert_true(here.answer == CLAIM_LIVE || there.answer == CLAIM_LIVE);
	claims_end(&hub.sv[0], 1, &id, KEEP_US); /* from the other worker */
	hub_turns(&hub, 2);
	assert_int_equal(ask(&hub, 1, 1, &id, true), CLAIM_GONE);
	hub_close(&hub);
}

static void an_old_token_makes_nothing(void **state)
{
	struct hub hub;
	struct uuid id = any_id();
	(void)state;
	hub_open(&hub, 1, "");
	assert_int_equal(ask(&hub, 0, 0, &id, false), CLAIM_GONE);
	/* Nothing was noted by that. */
	assert_int_equal(ask(&hub, 0, 0, &id, true), CLAIM_GRANTED);
	hub_close(&hub);
}

static void what_ended_is_forgotten_in_time(void **state)
{
	struct hub hub;
	struct uuid ids[3] = {any_id(), any_id(), any_id()};
	(void)state;
	hub_open(&hub, 1, "");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&hub, 0, 0, &ids[i], true), CLAIM_GRANTED);
	}
	claims_end(&hub.sv[0], 0, &ids[0], KEEP_US);
	claims_end(&hub.sv[0], 0, &ids[1], KEEP_US);
	claims_end(&hub.sv[0], 0, &ids[1], KEEP_US); /* said twice */
	fake_time_skip(KEEP_US - 1000);
	assert_int_equal(ask(&hub, 0, 0, &ids[0], true), CLAIM_GONE);
	fake_time_skip(1000);
	/* By now its token is too old, and would be refused; the table itself is empty again. */
	assert_int_equal(ask(&hub, 0, 0, &ids[0], true), CLAIM_GRANTED);
	assert_int_equal(ask(&hub, 0, 0, &ids[1], true), CLAIM_GRANTED);
	assert_int_equal(ask(&hub, 0, 0, &ids[2], true), CLAIM_LIVE);
	/* The end of one that nobody knows is nothing. */
	struct uuid stranger = any_id();
	claims_end(&hub.sv[0], 0, &stranger, KEEP_US);
	hub_close(&hub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_lives_once),
		cmocka_unit_test(of_two_at_once_one_wins),
		cmocka_unit_test(an_old_token_makes_nothing),
		cmocka_unit_test(what_ended_is_forgotten_in_time),
	};
	return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
