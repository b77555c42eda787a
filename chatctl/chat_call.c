#include "chatctl/chat_call.h"

#include <stdlib.h>

#include "chatctl/chat_item.h"
#include "lib/base/err.h"
#include "lib/ctl/frames.h"
#include "lib/value/tree.h"

#define REQUEST_ID 1
/* Bytes of answers that are held. */
#define ANSWERS_MAX ((size_t)32 * 1024 * 1024)

struct answer_item {
	struct list_node node;
	struct value value;
};

struct chat_call {
	struct stream_pool *pool;
	const struct locate *locate;
	size_t tried; /* places so far */
	struct buf request;
	struct stream_connect *connect; /* while connecting */
	struct stream *stream; /* while connected */
	struct loop_timer *timer; /* of the whole; or at once, for what failed inside the start */
	int failed; /* what the timer tells */
	struct buf in; /* an unfinished frame */
	size_t taken; /* bytes of items */
	struct arena *arena; /* of the items */
	struct list items;
	uint32_t count;
	chat_call_fn done;
	void *ctx;
};

static void call_free(struct chat_call *call)
{
	stream_connect_cancel(&call->connect);
	stream_close(&call->stream);
	loop_timer_destroy(&call->timer);
	if (call->request.data != NULL) {
		mem_wipe(call->request.data, call->request.cap);
	}
	buf_finish(&call->request);
	if (call->in.data != NULL) {
		mem_wipe(call->in.data, call->in.cap); /* tokens come this way */
	}
	buf_finish(&call->in);
	arena_destroy(&call->arena);
	free(call);
}

/* Gives the result, and is gone. */
static void call_finish(struct chat_call *call, int err, struct bytes message)
{
	struct value items = value_array(call->arena, err == 0 ? call->count : 0);
	LIST_FOREACH (&call->items, node) {
		if (err == 0) {
			value_add(&items, CONTAINER_OF(node, struct answer_item, node)->value);
		}
	}
	/* No callback comes any more, whatever the receiver does. */
	stream_connect_cancel(&call->connect);
	stream_close(&call->stream);
	loop_timer_cancel(call->timer);
	call->done(call->ctx, err, message, &items);
	call_free(call);
}

static void call_fail(struct chat_call *call, int err, const char *message)
{
	call_finish(call, err, bytes_str(message));
}

static void add_item(struct chat_call *call, const struct value *value)
{
	struct answer_item *item = arena_alloc(call->arena, sizeof(*item));
	item->value = value_copy(call->arena, value);
	list_append(&call->items, &item->node);
	call->count++;
}

/* One answer. true: it was the last one, and the call is gone. */
static bool take_answer(struct chat_call *call, struct bytes json)
{
	struct arena *arena = arena_create(0);
	struct ctl_answer answer;
	const char *why = NULL;
	int err = ctl_answer_read(arena, json, &answer, &why);
	bool last = true;
	if (err < 0) {
		call_fail(call, err, why);
	} else if (answer.kind == CTL_ITEM) {
		call->taken += json.len;
		add_item(call, &answer.item);
		last = call->taken > ANSWERS_MAX;
		if (last) {
			call_fail(call, ERR_TOO_LARGE, "chatd answers with too much");
		}
	} else if (answer.has_error) {
		/* The code came as a view of the frame, and codes are short. */
		err = err_from_code(arena_dup(arena, answer.code).ptr);
		call_finish(call, err, answer.message);
	} else if (answer.exit != 0) {
		call_fail(call, ERR_INTERNAL, "chatd failed and did not say why");
	} else {
		call_finish(call, 0, BYTES_NONE);
	}
	arena_destroy(&arena);
	return last;
}

static void on_data(void *ctx, struct bytes data)
{
	struct chat_call *call = ctx;
	buf_append_bytes(&call->in, data);
	struct bytes input = buf_bytes(&call->in);
	struct bytes json;
	int err;
	while ((err = ctl_frame_next(&input, &json)) == 0) {
		if (take_answer(call, json)) {
			return;
		}
	}
	if (err != ERR_AGAIN) {
		call_fail(call, err, "what answers there is not chatd");
		return;
	}
	buf_consume(&call->in, call->in.len - input.len);
}

static void on_end(void *ctx, int err)
{
	(void)err;
	call_fail(ctx, ERR_CLOSED, "chatd closed the connection amid the answer");
}

static const struct stream_events stream_events = {.on_data = on_data, .on_end = on_end};

static void on_connected(void *ctx, int err, struct stream *stream);

/* ERR_UNREACHABLE where no place is left. */
static int connect_next(struct chat_call *call)
{
	while (call->tried < call->locate->count) {
		struct buf address = {0};
		buf_printf(&address, "unix:%s", call->locate->paths[call->tried++]);
		int err = stream_connect_start(call->pool, buf_bytes(&address), 0, &stream_events,
			call, on_connected, call, &call->connect);
		buf_finish(&address);
		if (err == 0) {
			return 0;
		}
	}
	return ERR_UNREACHABLE;
}

static void on_connected(void *ctx, int err, struct stream *stream)
{
	struct chat_call *call = ctx;
	call->connect = NULL;
	if (err != 0) {
		if (connect_next(call) != 0) {
			call_fail(call, ERR_UNREACHABLE, "chatd cannot be reached");
		}
		return;
	}
	call->stream = stream;
	stream_send_copy(stream, buf_bytes(&call->request));
}

static void on_timer(void *ctx)
{
	struct chat_call *call = ctx;
	if (call->failed != 0) {
		call_fail(call, call->failed, err_text(call->failed));
	} else {
		call_fail(call, ERR_TIMEOUT, "chatd does not answer");
	}
}

struct chat_call *chat_call_start(struct stream_pool *pool, const struct locate *locate,
	const char *command, const struct value *args, uint64_t timeout_us, chat_call_fn done,
	void *ctx)
{
	struct chat_call *call = mem_zalloc(sizeof(*call));
	call->pool = pool;
	call->locate = locate;
	call->arena = arena_create(0);
	call->done = done;
	call->ctx = ctx;
	list_init(&call->items);
	call->timer = loop_timer_create(stream_pool_loop(pool), on_timer, call);
	const struct ctl_request request = {
		.id = REQUEST_ID, .command = bytes_str(command), .args = *args};
	call->failed = ctl_request_write(&call->request, &request);
	if (call->failed == 0) {
		call->failed = connect_next(call);
	}
	loop_timer_set(call->timer, call->failed != 0 ? 0 : timeout_us);
	return call;
}

void chat_call_cancel(struct chat_call **call)
{
	if (*call != NULL) {
		call_free(*call);
		*call = NULL;
	}
}
