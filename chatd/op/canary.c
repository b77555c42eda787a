#include "chatd/op/canary.h"

#include <stdlib.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/net/stream.h"

#define CONNECT_US 1000000
#define ANSWER_US 1000000
/* An answer is good for so long. */
#define FRESH_US 1000000

static const char request[] =
	"GET /health/live HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n";

struct canary {
	struct services *main;
	char *address;
	struct list waiting; /* canary_ask */
	struct stream_connect *connecting;
	struct stream *stream;
	struct loop_timer *deadline;
	struct buf answer;
	uint64_t answered_us; /* 0: never */
	int err;
	bool under_way;
	bool stopped;
};

static void ask_return(struct mail *mail)
{
	struct canary_ask *ask = CONTAINER_OF(mail, struct canary_ask, mail);
	ask->done(ask);
}

static void ask_answer(struct canary_ask *ask, int err)
{
	ask->err = err;
	mailbox_post(services_mailbox(ask->from), &ask->mail, ask_return);
}

static void canary_end(struct canary *canary, int err)
{
	canary->err = err;
	canary->answered_us = loop_now_us(canary->main->loop);
	canary->under_way = false;
	loop_timer_cancel(canary->deadline);
	stream_close(&canary->stream);
	buf_finish(&canary->answer);
	struct list_node *node;
	while ((node = list_pop(&canary->waiting)) != NULL) {
		ask_answer(CONTAINER_OF(node, struct canary_ask, node), err);
	}
}

/* Where others of this machine ask too often, so does the canary: that it is told so is an answer
 * as well. */
static bool is_well(struct bytes answer)
{
	return bytes_starts(answer, BYTES_LIT("HTTP/1.1 200 ")) ||
	       bytes_starts(answer, BYTES_LIT("HTTP/1.1 429 "));
}

static void on_data(void *ctx, struct bytes data)
{
	struct canary *canary = ctx;
	buf_append_bytes(&canary->answer, data);
	if (canary->answer.len >= sizeof("HTTP/1.1 200 ") - 1) {
		bool well = is_well(buf_bytes(&canary->answer));
		canary_end(canary, well ? 0 : ERR_BAD_REQUEST);
	}
}

static void on_end(void *ctx, int err)
{
	(void)err;
	canary_end(ctx, ERR_CLOSED);
}

static const struct stream_events events = {.on_data = on_data, .on_end = on_end};

static void on_connected(void *ctx, int err, struct stream *stream)
{
	struct canary *canary = ctx;
	canary->connecting = NULL;
	if (err != 0) {
		canary_end(canary, err);
		return;
	}
	canary->stream = stream;
	stream_send_copy(stream, BYTES_LIT(request));
	loop_timer_set(canary->deadline, ANSWER_US);
}

static void on_deadline(void *ctx)
{
	canary_end(ctx, ERR_TIMEOUT);
}

static void canary_fly(struct canary *canary)
{
	canary->under_way = true;
	int err = stream_connect_start(canary->main->streams, bytes_str(canary->address),
		CONNECT_US, &events, canary, on_connected, canary, &canary->connecting);
	if (err != 0) {
		canary_end(canary, err);
	}
}

static void ask_take(struct mail *mail)
{
	struct canary_ask *ask = CONTAINER_OF(mail, struct canary_ask, mail);
	struct canary *canary = ask->from->canary;
	uint64_t now = loop_now_us(canary->main->loop);
	bool fresh = canary->answered_us != 0 && now - canary->answered_us < FRESH_US;
	if (fresh && !canary->under_way) {
		ask_answer(ask, canary->err);
		return;
	}
	if (canary->stopped) {
		ask_answer(ask, ERR_CLOSED);
		return;
	}
	list_append(&canary->waiting, &ask->node);
	if (!canary->under_way) {
		canary_fly(canary);
	}
}

void canary_ask(struct canary *canary, struct services *sv, struct canary_ask *ask,
	void (*done)(struct canary_ask *ask))
{
	ask->from = sv;
	ask->done = done;
	mailbox_post(services_mailbox(canary->main), &ask->mail, ask_take);
}

struct canary *canary_create(struct services *main, const char *address)
{
	struct canary *canary = mem_zalloc(sizeof(*canary));
	canary->main = main;
	canary->address = mem_strdup(address);
	list_init(&canary->waiting);
	canary->deadline = loop_timer_create(main->loop, on_deadline, canary);
	return canary;
}

void canary_stop(struct canary *canary)
{
	if (canary == NULL) {
		return;
	}
	canary->stopped = true;
	if (canary->connecting != NULL) {
		stream_connect_cancel(&canary->connecting);
	}
	canary_end(canary, ERR_CLOSED);
}

void canary_destroy(struct canary **canary)
{
	struct canary *gone = *canary;
	*canary = NULL;
	if (gone == NULL) {
		return;
	}
	loop_timer_destroy(&gone->deadline);
	free(gone->address);
	free(gone);
}
