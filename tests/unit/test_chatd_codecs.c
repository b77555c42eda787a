/* Which codecs a message is encoded for, how often, and what becomes of receivers for whom it was
 * not. */
#include "chatd/conn/codecs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chatd/conn/outmsg.h"
#include "lib/conf/conf.h"
#include "tests/unit/room_help.h"

#define BOTH ((1U << HUB_CODEC_JSON) | (1U << HUB_CODEC_MSGPACK))

/* Codecs that count what they write of rooms' messages; the second one goes by the other's name and
 * is JSON all the same, so that clients of tests can read it. */
static unsigned json_writes, other_writes;

static bool is_message(const struct hub_message *message)
{
	return bytes_eq(message->target, BYTES_LIT("ReceiveMessage"));
}

static void json_write(struct buf *out, const struct hub_message *message)
{
	json_writes += is_message(message) ? 1 : 0;
	hub_codec_json.write(out, message);
}

static void other_write(struct buf *out, const struct hub_message *message)
{
	other_writes += is_message(message) ? 1 : 0;
	hub_codec_json.write(out, message);
}

struct fixture {
	struct hub hub;
	struct hub_codec json, other;
	struct uuid room;
};

static int open_fixture(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	hub_open(&f->hub, 2, "");
	f->json = f->other = hub_codec_json;
	f->json.write = json_write;
	f->other.write = other_write;
	f->other.id = HUB_CODEC_MSGPACK;
	f->other.binary = true;
	f->hub.codecs.by_id[HUB_CODEC_JSON] = &f->json;
	f->hub.codecs.by_id[HUB_CODEC_MSGPACK] = &f->other;
	f->room = hub_room(&f->hub, 1, "general");
	hub_member(&f->hub, &f->room, "alice");
	hub_member(&f->hub, &f->room, "bob");
	json_writes = other_writes = 0;
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	hub_close(&f->hub);
	free(f);
	return 0;
}

/* One of bob's connections, in the room. */
static struct hub_client *receiver(struct fixture *f, unsigned worker, bool other)
{
	struct hub_client *client = client_open(&f->hub, worker, "bob");
	client_say(client, "{'protocol':'%s','version':1}", other ? "messagepack" : "json");
	hub_settle(&f->hub);
	client_expect(client, "{}");
	room_join(client, &f->room, "");
	hub_settle(&f->hub);
	client_skip(client);
	return client;
}

/* ---- the table ---- */

static void what_is_spoken(void **state)
{
	struct fixture *f = *state;
	struct codecs codecs;
	codecs_init(&codecs, f->hub.conf);
	assert_ptr_equal(codecs.by_id[HUB_CODEC_JSON], &hub_codec_json);
	assert_ptr_equal(codecs.by_id[HUB_CODEC_MSGPACK],
		hub_codec_msgpack((enum msgpack_names)f->hub.conf->hub.messagepack_names,
			(enum msgpack_lz4)f->hub.conf->hub.messagepack_lz4));
	assert_int_equal(codecs_spoken(&codecs), BOTH);
	assert_int_equal(codecs_used(&codecs), 1U << HUB_CODEC_JSON);
	codecs_use(&codecs, HUB_CODEC_MSGPACK);
	codecs_use(&codecs, HUB_CODEC_MSGPACK);
	assert_int_equal(codecs_used(&codecs), BOTH);
	struct conf without = *f->hub.conf;
	without.hub.messagepack = false;
	codecs_init(&codecs, &without);
	assert_int_equal(codecs_spoken(&codecs), 1U << HUB_CODEC_JSON);
	assert_null(codecs.by_id[HUB_CODEC_MSGPACK]);
}

/* ---- encoded once ---- */

static void once_whatever_the_receivers(void **state)
{
	struct fixture *f = *state;
	struct hub_client *clients[8];
	for (unsigned i = 0; i < 8; i++) {
		clients[i] = receiver(f, i % 2, i % 4 >= 2);
	}
	assert_int_equal(codecs_used(&f->hub.codecs), BOTH);
	room_send(&f->hub, &f->room, 3);
	assert_int_equal(json_writes, 3);
	assert_int_equal(other_writes, 3);
	for (unsigned i = 0; i < 8; i++) {
		room_expect_seqs(clients[i], &f->room, "1 2 3");
	}
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_PAGE), 0);
}

static void not_for_a_codec_that_nobody_uses(void **state)
{
	struct fixture *f = *state;
	struct hub_client *client = receiver(f, 0, false);
	room_send(&f->hub, &f->room, 2);
	assert_int_equal(json_writes, 2);
	assert_int_equal(other_writes, 0);
	room_expect_seqs(client, &f->room, "1 2");
}

/* The same forms for each worker: their chunks are made once for all who ask, and need no codec. */
static void forms_are_made_once(void **state)
{
	struct fixture *f = *state;
	struct hub_message message = {
		.type = HUB_INVOCATION,
		.target = BYTES_LIT("ReceiveMessage"),
		.arguments = {.kind = VALUE_ARRAY},
	};
	struct outmsg_builder builder;
	codecs_use(&f->hub.codecs, HUB_CODEC_MSGPACK);
	outmsg_begin(&builder, &f->hub.codecs);
	outmsg_add(&builder, &message);
	struct outmsg *msg = outmsg_end(&builder);
	for (unsigned worker = 0; worker < 2; worker++) {
		struct outmsg_local *local = outmsg_local_create(msg);
		for (unsigned framing = 0; framing < FRAMING_COUNT; framing++) {
			struct chunk *chunk = outmsg_chunk(local, &f->json, framing);
			assert_non_null(chunk);
			assert_ptr_equal(outmsg_chunk(local, &f->json, framing), chunk);
		}
		assert_int_equal(outmsg_chunk(local, &f->json, FRAMING_WS)->data[0], (char)0x81);
		struct chunk *frame = outmsg_chunk(local, &f->other, FRAMING_WS);
		assert_int_equal(frame->data[0], (char)0x82); /* RFC 6455: a binary frame */
		struct chunk *raw = outmsg_chunk(local, &f->other, FRAMING_RAW);
		assert_ptr_equal(frame->data + frame->len, raw->data + raw->len);
		outmsg_local_done(&local);
	}
	outmsg_unref(&msg);
	assert_int_equal(json_writes, 1);
	assert_int_equal(other_writes, 1);
}

/* ---- under way before the first connection of a codec ---- */

/* As if the room's home had not seen yet that somebody uses it. */
static void forget_use(struct fixture *f)
{
	atomic_store(&f->hub.codecs.used, 1U << HUB_CODEC_JSON);
}

static void who_was_missed_reads_the_store(void **state)
{
	struct fixture *f = *state;
	struct hub_client *json = receiver(f, 0, false);
	struct hub_client *other = receiver(f, 0, true);
	room_send(&f->hub, &f->room, 1);
	forget_use(f);
	room_send(&f->hub, &f->room, 2);
	size_t pages = fake_store_calls(f->hub.store, FAKE_PAGE);
	assert_in_range(pages, 1, 2);
	room_expect_seqs(json, &f->room, "1 2 3");
	room_expect_seqs(other, &f->room, "1 2 3");
	assert_int_equal(client_conn(other)->catching_up, 0);
	codecs_use(&f->hub.codecs, HUB_CODEC_MSGPACK);
	room_send(&f->hub, &f->room, 2);
	room_expect_seqs(other, &f->room, "1 2 3 4 5");
	assert_int_equal(fake_store_calls(f->hub.store, FAKE_PAGE), pages); /* it is live again */
	room_expect_seqs(json, &f->room, "1 2 3 4 5");
}

/* What is live meanwhile waits behind what is being read. */
static void what_comes_meanwhile_does_not_overtake(void **state)
{
	struct fixture *f = *state;
	struct hub_client *other = receiver(f, 1, true);
	for (int i = 0; i < 3; i++) {
		if (i % 2 == 0) {
			forget_use(f);
		} else {
			codecs_use(&f->hub.codecs, HUB_CODEC_MSGPACK);
		}
		room_send(&f->hub, &f->room, 1);
	}
	room_expect_seqs(other, &f->room, "1 2 3");
	assert_int_equal(client_conn(other)->catching_up, 0);
}

#define HUB(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HUB(what_is_spoken),
		HUB(once_whatever_the_receivers),
		HUB(not_for_a_codec_that_nobody_uses),
		HUB(forms_are_made_once),
		HUB(who_was_missed_reads_the_store),
		HUB(what_comes_meanwhile_does_not_overtake),
	};
	return cmocka_run_group_tests_name("codecs", tests, NULL, NULL);
}
