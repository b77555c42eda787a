#include "tests/unit/home_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int answers;

static void on_answer(struct home_call *call, int err)
{
	struct sending *sending =
		CONTAINER_OF(CONTAINER_OF(call, struct home_send, call), struct sending, send);
	sending->done++;
	sending->err = err;
	sending->place = ++answers;
}

void sending_start(struct hub *hub, unsigned worker, struct sending *sending,
	const struct uuid *room, const char *text)
{
	*sending = (struct sending){0};
	struct append_item *item = &sending->send.item;
	item->room = *room;
	item->sender = hub_user("alice");
	item->content = bytes_str(text);
	random_bytes(item->client_key, sizeof(item->client_key));
	store_body_hash(item, item->body_hash);
	home_send(&hub->sv[worker], &sending->send, on_answer);
	assert_int_equal(sending->done, 0);
}

void sending_repeat(struct hub *hub, unsigned worker, struct sending *sending)
{
	struct append_item item = sending->send.item;
	*sending = (struct sending){.send.item = item};
	sending->send.item.outcome = APPEND_STORED;
	sending->send.item.seq = 0;
	home_send(&hub->sv[worker], &sending->send, on_answer);
	assert_int_equal(sending->done, 0);
}

void sending_expect(const struct sending *sending, int err, enum append_outcome outcome)
{
	assert_int_equal(sending->done, 1);
	assert_int_equal(sending->err, err);
	if (err == 0) {
		assert_int_equal(sending->send.item.outcome, outcome);
	}
}
