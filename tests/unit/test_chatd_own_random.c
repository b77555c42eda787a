#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "tests/unit/own_help.h"

/* Clients that call, stream, upload, answer, cancel, leave and vanish as chance will have it. Who
 * stays to the end has one Completion for each call, and nobody has more. */

enum { ROUNDS = 60, CLIENTS = 4, ACTIONS = 120, CALLS_MAX = ACTIONS };

struct player {
	struct hub_client *client;
	int calls; /* ids are "c0", "c1", ... */
	int answers[CALLS_MAX];
	size_t read; /* records that were looked at */
	bool slow;
};

static unsigned next_random(unsigned *seed, unsigned below)
{
	*seed = *seed * 1664525U + 1013904223U;
	return (*seed >> 8) % below;
}

static void call(struct player *player, int type, const char *target, const char *arguments,
	const char *more)
{
	client_say(player->client,
		"{'type':%d,'invocationId':'c%d','target':'%s','arguments':[%s]%s}", type,
		player->calls, target, arguments, more);
	player->calls++;
}

static void call_something(struct player *player, unsigned *seed)
{
	char uploads[64];
	char number[32];
	snprintf(uploads, sizeof(uploads), ",'streamIds':['u%u']", next_random(seed, 6));
	snprintf(number, sizeof(number), "%u", 5 * next_random(seed, 8));
	switch (next_random(seed, 12)) {
	case 0:
		call(player, 1, "Slow", number, "");
		return;
	case 1:
		call(player, 1, "Commit", number, "");
		return;
	case 2:
		call(player, 4, "Flood", "200,700", "");
		return;
	case 3:
		call(player, 4, "Count", "20,5", "");
		return;
	case 4:
		call(player, 4, "FailingStream", "", "");
		return;
	case 5:
		call(player, 4, "EchoStream", "", uploads);
		return;
	case 6:
		call(player, 4, "EchoStream", "", uploads);
		return;
	case 7:
		call(player, 1, "AskText", "", "");
		return;
	case 8:
		call(player, 1, "AskWithin", number, "");
		return;
	case 9:
		call(player, 1, "Ignore", number, uploads);
		return;
	case 10:
		call(player, 1, "NoSuch", number, "");
		return;
	default:
		call(player, 1, "Echo", "'x'", "");
		return;
	}
}

static void do_something(struct player *players, unsigned at, unsigned *seed)
{
	struct player *player = &players[at];
	unsigned id = next_random(seed, 6);
	switch (next_random(seed, 16)) {
	case 0:
		client_say(player->client, "{'type':3,'invocationId':'u%u'}", id);
		return;
	case 1:
		client_say(player->client, "{'type':3,'invocationId':'u%u','error':'no'}", id);
		return;
	case 2:
	case 3:
	case 4:
		for (unsigned i = next_random(seed, 15); i-- > 0;) {
			client_say(player->client, "{'type':2,'invocationId':'u%u','item':1}", id);
		}
		return;
	case 5:
	case 6:
		client_say(player->client, "{'type':5,'invocationId':'c%u'}",
			next_random(seed, (unsigned)player->calls + 1));
		return;
	case 7:
		player->client->slow = !player->client->slow;
		return;
	default:
		if (player->calls < CALLS_MAX) {
			call_something(player, seed);
		}
		return;
	}
}

/* Answers what it is asked, mostly, and counts its Completions. */
static void listen(struct player *player, unsigned *seed)
{
	struct hub_client *client = player->client;
	for (; player->read < client->record_count; player->read++) {
		const char *record = client->records[player->read];
		int call = 0;
		unsigned question = 0;
		if (sscanf(record, "{\"type\":3,\"invocationId\":\"c%d\"", &call) == 1) {
			player->answers[call]++;
			assert_int_equal(player->answers[call], 1);
		} else if (sscanf(record, "{\"type\":2,\"invocationId\":\"c%d\"", &call) == 1) {
			assert_int_equal(player->answers[call], 0);
		} else if (sscanf(record, "{\"type\":1,\"invocationId\":\"s%u\"", &question) == 1 &&
			   next_random(seed, 8) > 0) {
			client_say(client, "{'type':3,'invocationId':'s%u','result':'%u'}",
				question, question);
		}
	}
}

static void vanish(struct player *player, unsigned how)
{
	if (how == 0) {
		client_drop(player->client);
	} else if (how == 1) {
		client_leave(player->client);
	} else if (how == 2) {
		client_say(player->client, "{'type':7}");
	} else {
		client_say(player->client, "nonsense");
	}
}

/* Whatever waits for the client is answered, ended or cancelled. */
static void finish(struct own_fixture *f, struct player *player, unsigned *seed)
{
	player->client->slow = false;
	for (int round = 0; round < 60; round++) {
		for (unsigned id = 0; id < 6; id++) {
			client_say(player->client, "{'type':3,'invocationId':'u%u'}", id);
		}
		for (size_t i = 0; i < player->client->record_count; i++) {
			unsigned question = 0;
			if (sscanf(player->client->records[i],
				    "{\"type\":1,\"invocationId\":\"s%u\"", &question) == 1) {
				client_say(player->client,
					"{'type':3,'invocationId':'s%u','result':null}", question);
			}
		}
		hub_sleep(&f->hub, 20000);
		listen(player, seed);
	}
	assert_non_null(client_conn(player->client));
	for (int i = 0; i < player->calls; i++) {
		assert_int_equal(player->answers[i], 1);
	}
	assert_int_equal(op_list_count(f->hub.sv[0].ops), 0);
	assert_int_equal(client_conn(player->client)->stalled_streams, 0);
	assert_false(player->client->paused);
}

static void play(struct own_fixture *f, unsigned seed)
{
	struct player players[CLIENTS] = {0};
	char name[32];
	for (unsigned i = 0; i < CLIENTS; i++) {
		snprintf(name, sizeof(name), "player%u", i);
		players[i].client = client_start(&f->hub, 0, name);
		players[i].read = players[i].client->record_count;
	}
	for (int action = 0; action < ACTIONS; action++) {
		unsigned at = next_random(&seed, CLIENTS);
		do_something(players, at, &seed);
		if (at > 0 && next_random(&seed, 25) == 0) {
			vanish(&players[at], next_random(&seed, 4));
		}
		if (next_random(&seed, 3) == 0) {
			fake_time_skip(5000);
		}
		hub_turn(&f->hub);
		for (unsigned i = 0; i < CLIENTS; i++) {
			listen(&players[i], &seed);
		}
	}
	for (unsigned i = 1; i < CLIENTS; i++) {
		client_drop(players[i].client);
	}
	finish(f, &players[0], &seed);
	client_drop(players[0].client);
	hub_forget(&f->hub, f->alice);
}

static void nothing_is_lost_and_nothing_comes_twice(void **state)
{
	struct own_fixture *f = *state;
	for (unsigned seed = 1; seed <= ROUNDS; seed++) {
		play(f, seed * 7919);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			nothing_is_lost_and_nothing_comes_twice, own_open, own_close),
		cmocka_unit_test_setup_teardown(
			nothing_is_lost_and_nothing_comes_twice, own_open_two, own_close),
	};
	return cmocka_run_group_tests_name("streams, at random", tests, NULL, NULL);
}
