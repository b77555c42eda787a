#include "tests/unit/hub_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/auth/bars.h"
#include "chatd/auth/limits.h"
#include "chatd/bus/bus.h"
#include "chatd/conn/claims.h"
#include "chatd/conn/conns.h"
#include "chatd/hub/ask_ids.h"
#include "chatd/hub/hub.h"
#include "chatd/room/home.h"
#include "chatd/room/rooms.h"
#include "chatd/transport/longpoll.h"
#include "lib/base/log.h"
#include "lib/conf/load.h"
#include "lib/net/stream.h"

/* ---- workers ---- */

static struct conf *conf_of(const char *text)
{
	const struct conf_load_params params = {.default_path = "/nonexistent"};
	struct conf_report report = {0};
	struct conf *conf = NULL;
	int err = conf_load_text(&params, "test", bytes_str(text), &conf, &report);
	if (err != 0) {
		fail_msg("%s", report.count > 0 ? report.problems[0].text : "settings");
	}
	conf_report_finish(&report);
	if (strstr(text, "_rate") == NULL) {
		/* Time stands still: what is not about rates would come too fast. */
		conf->limits.user_rate = conf->limits.room_rate = 0;
	}
	return conf;
}

static void worker_open(struct hub *hub, unsigned worker)
{
	struct services *sv = &hub->sv[worker];
	*sv = (struct services){
		.worker = worker,
		.worker_count = hub->count,
		.boxes = hub->boxes,
		.peers = hub->peers,
		.loop = loop_create(),
		.clock = &fake_clock,
		.store = fake_store_base(hub->store),
		.metrics = &hub->metrics[worker],
		.limits = hub->limits,
		.bars = hub->bars,
		.asks = hub->asks,
		.codecs = &hub->codecs,
		.ops = op_list_create(),
		.conf = hub->conf,
	};
	hub->peers[worker] = sv;
	hub->boxes[worker] = mailbox_create(sv->loop);
	sv->streams = stream_pool_create(sv->loop);
	sv->rooms = rooms_create(sv);
	struct local_bus_params bus = {
		.worker = worker,
		.worker_count = hub->count,
		.boxes = hub->boxes,
		.peers = hub->buses,
		.receive = rooms_receive,
		.ctx = sv->rooms,
	};
	sv->bus = hub->buses[worker] = local_bus_create(&bus);
	sv->homes = homes_create(sv);
	sv->conns = conns_create(sv, hub_hold_over);
	sv->claims = claims_create(sv);
	const struct longpoll_params polls = {
		.poll_timeout_us = 90000000,
		.away_timeout_us = 15000000,
		.close_timeout_us = 5000000,
	};
	sv->polls = longpoll_pool_create(sv->loop, &polls);
}

void hub_open(struct hub *hub, unsigned workers, const char *conf)
{
	fake_time_freeze();
	log_set_level(LOG_OFF); /* faults are what is tested */
	*hub = (struct hub){.count = workers};
	list_init(&hub->clients);
	hub->store = fake_store_create();
	hub->conf = conf_of(conf);
	hub->limits = limits_create();
	hub->bars = bars_create();
	hub->asks = ask_ids_create();
	codecs_init(&hub->codecs, hub->conf);
	for (unsigned worker = 0; worker < workers; worker++) {
		worker_open(hub, worker);
	}
	hub_turn(hub);
}

static void worker_close(struct services *sv)
{
	assert_int_equal(op_list_count(sv->ops), 0);
	assert_int_equal(conns_count(sv->conns), 0);
	assert_int_equal(rooms_pending(sv->rooms), 0);
	assert_int_equal(homes_pending(sv->homes), 0);
	assert_int_equal(metrics_connections(sv->metrics), 0);
	conns_destroy(&sv->conns);
	longpoll_pool_destroy(&sv->polls);
	claims_destroy(&sv->claims);
	rooms_destroy(&sv->rooms);
	homes_destroy(&sv->homes);
	bus_destroy(&sv->bus);
	stream_pool_destroy(&sv->streams);
	op_list_destroy(&sv->ops);
	mailbox_destroy(&sv->boxes[sv->worker]);
	loop_destroy(&sv->loop);
}

static void client_free(struct hub_client *client)
{
	for (size_t i = 0; i < client->chunk_count; i++) {
		chunk_unref(client->chunks[i]);
	}
	for (size_t i = 0; i < client->record_count; i++) {
		free(client->records[i]);
	}
	principal_unref(&client->principal);
	buf_finish(&client->inbox);
	free(client->chunks);
	free(client->records);
	free(client->seen);
	free(client);
}

void hub_close(struct hub *hub)
{
	struct list_node *node;
	fake_store_refuse(hub->store, 0);
	hub_settle(hub);
	LIST_FOREACH (&hub->clients, each) {
		client_drop(CONTAINER_OF(each, struct hub_client, in_hub));
	}
	hub_settle(hub);
	hub_sleep(hub, 1000000); /* what waits to try again, does */
	while ((node = list_pop(&hub->clients)) != NULL) {
		client_free(CONTAINER_OF(node, struct hub_client, in_hub));
	}
	for (unsigned worker = 0; worker < hub->count; worker++) {
		worker_close(&hub->sv[worker]);
	}
	assert_int_equal(limits_connections(hub->limits), 0);
	limits_destroy(&hub->limits);
	bars_destroy(&hub->bars);
	ask_ids_destroy(&hub->asks);
	fake_store_destroy(&hub->store);
	conf_unref(&hub->conf);
}

void hub_forget(struct hub *hub, const struct hub_client *kept)
{
	LIST_FOREACH (&hub->clients, node) {
		struct hub_client *client = CONTAINER_OF(node, struct hub_client, in_hub);
		if (client != kept && client_conn(client) == NULL) {
			list_remove(node);
			client_free(client);
		}
	}
}

void hub_turn(struct hub *hub)
{
	for (unsigned worker = 0; worker < hub->count; worker++) {
		loop_turn(hub->sv[worker].loop, 0);
	}
	LIST_FOREACH (&hub->clients, node) {
		struct hub_client *client = CONTAINER_OF(node, struct hub_client, in_hub);
		if (!client->slow) {
			client_take(client, SIZE_MAX);
		}
	}
}

void hub_turns(struct hub *hub, int count)
{
	for (int i = 0; i < count; i++) {
		hub_turn(hub);
	}
}

/* A message goes through at most four mailboxes before it asks the store again. */
void hub_settle(struct hub *hub)
{
	int quiet = 0;
	for (int rounds = 0; quiet < 8; rounds++) {
		assert_true(rounds < 100000);
		hub_turn(hub);
		quiet = fake_store_held(hub->store) == 0 ? quiet + 1 : 0;
		fake_store_answer_all(hub->store);
	}
}

void hub_sleep(struct hub *hub, uint64_t us)
{
	for (uint64_t slept = 0; slept < us; slept += 5000) {
		fake_time_skip(5000);
		hub_turn(hub);
		fake_store_answer_all(hub->store);
	}
	hub_settle(hub);
}

/* ---- contents ---- */

struct uuid hub_room(struct hub *hub, unsigned worker, const char *alias)
{
	struct uuid id;
	do {
		uuid_random(&id);
	} while (services_home_of(&hub->sv[0], &id) != worker);
	fake_store_room(hub->store, &id, alias, ROOM_PUBLIC);
	return id;
}

struct uuid hub_user(const char *name)
{
	struct uuid id;
	ident_user(bytes_str(name), &id);
	return id;
}

void hub_member(struct hub *hub, const struct uuid *room, const char *name)
{
	struct uuid user = hub_user(name);
	fake_store_member(hub->store, room, &user);
}

uint64_t hub_message(struct hub *hub, const struct uuid *room)
{
	struct uuid user = hub_user("somebody");
	return fake_store_message(hub->store, room, &user, "text");
}

const char *uuid_text(const struct uuid *id)
{
	static char texts[4][UUID_TEXT_SIZE];
	static unsigned at;
	char *text = texts[at++ % 4];
	uuid_format(id, text);
	return text;
}
