#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chatd/conn/outmsg.h"
#include "chatd/room/event.h"
#include "chatd/transport/ws.h"
#include "lib/loop/thread.h"

#define PING "{\"type\":6}\x1e"

static struct hub_message ping(void)
{
	return (struct hub_message){.type = HUB_PING};
}

static struct outmsg *pings(uint32_t count)
{
	struct outmsg_builder builder;
	struct hub_message message = ping();
	outmsg_begin_single(&builder, &hub_codec_json);
	for (uint32_t i = 0; i < count; i++) {
		outmsg_add(&builder, &message);
	}
	return outmsg_end(&builder);
}

static void assert_chunk(const struct chunk *chunk, const char *text, size_t len)
{
	assert_int_equal(chunk->len, len);
	assert_memory_equal(chunk->data, text, len);
}

static void has_a_form_for_each_way(void **state)
{
	struct outmsg *msg = pings(1);
	struct outmsg_local *local = outmsg_local_create(msg);
	(void)state;
	assert_chunk(outmsg_chunk(local, &hub_codec_json, FRAMING_RAW), PING, 11);
	/* RFC 6455, section 5.2: a final text frame of 11 bytes, not masked. */
	assert_chunk(outmsg_chunk(local, &hub_codec_json, FRAMING_WS), "\x81\x0b" PING, 13);
	const struct chunk *event = outmsg_chunk(local, &hub_codec_json, FRAMING_SSE);
	assert_chunk(event, "data: " PING "\r\n\r\n", 21);
	assert_ptr_equal(outmsg_chunk(local, &hub_codec_json, FRAMING_SSE), event);
	const struct hub_codec *other = hub_codec_msgpack(MSGPACK_NAMES_PASCAL, MSGPACK_LZ4_NONE);
	assert_null(outmsg_chunk(local, other, FRAMING_WS));
	assert_int_equal(outmsg_local_count(local), 1);
	outmsg_local_done(&local);
	assert_null(local);
	outmsg_unref(&msg);
	assert_null(msg);
}

static void goes_alone_in_each_way(void **state)
{
	static const struct {
		enum transport_framing framing;
		const char *text;
		size_t len;
	} ways[] = {
		{FRAMING_RAW, PING, 11},
		{FRAMING_WS, "\x81\x0b" PING, 13},
		{FRAMING_SSE, "data: " PING "\r\n\r\n", 21},
	};
	const struct hub_message message = ping();
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct chunk *chunk = outmsg_alone(&hub_codec_json, &message, ways[i].framing);
		assert_chunk(chunk, ways[i].text, ways[i].len);
		assert_int_equal(chunk->refs, 1);
		chunk_unref(chunk);
	}
	const struct hub_codec *packed = hub_codec_msgpack(MSGPACK_NAMES_PASCAL, MSGPACK_LZ4_NONE);
	struct chunk *chunk = outmsg_alone(packed, &message, FRAMING_WS);
	assert_chunk(chunk, "\x82\x03\x02\x91\x06", 5);
	chunk_unref(chunk);
}

static void frames_of_all_lengths(void **state)
{
	static const struct {
		uint32_t pings;
		const char *header;
		size_t len;
	} cases[] = {
		{11, "\x81\x79", 2}, /* 121 bytes */
		{12, "\x81\x7e\x00\x84", 4}, /* 132 */
		{5957, "\x81\x7e\xff\xf7", 4}, /* 65527 */
		{5958, "\x81\x7f\0\0\0\0\0\1\0\2", 10}, /* 65538 */
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outmsg *msg = pings(cases[i].pings);
		struct outmsg_local *local = outmsg_local_create(msg);
		const struct chunk *frame = outmsg_chunk(local, &hub_codec_json, FRAMING_WS);
		size_t payload = cases[i].pings * 11;
		assert_int_equal(frame->len, cases[i].len + payload);
		assert_memory_equal(frame->data, cases[i].header, cases[i].len);
		assert_memory_equal(frame->data + cases[i].len, PING, 11);
		assert_int_equal(outmsg_count(msg), cases[i].pings);
		outmsg_local_done(&local);
		outmsg_unref(&msg);
	}
}

static void the_builder_tells_its_size(void **state)
{
	struct outmsg_builder builder;
	struct hub_message message = ping();
	(void)state;
	outmsg_begin_single(&builder, &hub_codec_json);
	assert_int_equal(outmsg_size(&builder), 0);
	outmsg_add(&builder, &message);
	assert_int_equal(outmsg_size(&builder), WS_HEADROOM + 11);
	outmsg_add(&builder, &message);
	assert_int_equal(outmsg_size(&builder), WS_HEADROOM + 22);
	assert_int_equal(builder.count, 2);
	struct outmsg *msg = outmsg_end(&builder);
	assert_int_equal(builder.count, 0);
	assert_int_equal(outmsg_size(&builder), 0);
	outmsg_unref(&msg);
}

/* Two workers, three receivers each: the bytes live as long as the last queue holds them. */
static void is_shared_by_workers_and_receivers(void **state)
{
	struct outmsg *msg = pings(2);
	struct outmsg_local *locals[2];
	struct chunk *queued[2][3];
	(void)state;
	for (int w = 0; w < 2; w++) {
		locals[w] = outmsg_local_create(msg);
		for (int i = 0; i < 3; i++) {
			queued[w][i] = chunk_ref(outmsg_chunk(
				locals[w], &hub_codec_json, i == 2 ? FRAMING_WS : FRAMING_RAW));
		}
		assert_ptr_equal(queued[w][0], queued[w][1]);
		assert_int_equal(queued[w][0]->refs, 3); /* and the creator's */
		assert_int_equal(queued[w][2]->refs, 2);
	}
	assert_ptr_not_equal(queued[0][0], queued[1][0]); /* counters of their own */
	assert_ptr_equal(queued[0][0]->data, queued[1][0]->data); /* on the same bytes */
	outmsg_unref(&msg);
	outmsg_local_done(&locals[0]);
	chunk_unref(queued[0][0]);
	chunk_unref(queued[0][2]);
	chunk_unref(queued[1][0]);
	chunk_unref(queued[1][1]);
	chunk_unref(queued[1][2]); /* the creator is still there */
	assert_chunk(queued[0][1], PING PING, 22);
	assert_chunk(outmsg_chunk(locals[1], &hub_codec_json, FRAMING_RAW), PING PING, 22);
	chunk_unref(queued[0][1]);
	outmsg_local_done(&locals[1]);
}

/* One worker: its part of the message ends while the others have theirs. */
static void *worker_main(void *arg)
{
	struct outmsg *msg = arg;
	for (int i = 0; i < 1000; i++) {
		struct outmsg_local *local = outmsg_local_create(msg);
		struct chunk *queued = chunk_ref(outmsg_chunk(local, &hub_codec_json, FRAMING_WS));
		outmsg_local_done(&local);
		chunk_unref(queued);
	}
	outmsg_unref(&msg);
	return NULL;
}

static void workers_let_go_of_it_in_any_order(void **state)
{
	struct outmsg *msg = pings(1);
	pthread_t threads[4];
	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(
			thread_start(&threads[i], "worker", worker_main, outmsg_ref(msg)), 0);
	}
	outmsg_unref(&msg);
	for (int i = 0; i < 4; i++) {
		thread_join(threads[i]);
	}
}

static void without_receivers_nothing_remains(void **state)
{
	struct outmsg *msg = pings(1);
	struct outmsg_local *local = outmsg_local_create(outmsg_ref(msg));
	struct outmsg *second = msg;
	(void)state;
	outmsg_unref(&msg);
	outmsg_unref(&second);
	outmsg_local_done(&local);
	outmsg_local_done(&local); /* NULL is accepted */
	outmsg_unref(&msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_a_form_for_each_way),
		cmocka_unit_test(goes_alone_in_each_way),
		cmocka_unit_test(frames_of_all_lengths),
		cmocka_unit_test(the_builder_tells_its_size),
		cmocka_unit_test(is_shared_by_workers_and_receivers),
		cmocka_unit_test(workers_let_go_of_it_in_any_order),
		cmocka_unit_test(without_receivers_nothing_remains),
	};
	return cmocka_run_group_tests_name("outmsg", tests, NULL, NULL);
}
