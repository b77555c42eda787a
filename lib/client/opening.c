#include "lib/client/opening.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/client/client.h"
#include "lib/client/negotiate.h"
#include "lib/wire/http1.h"
#include "lib/wire/http1_body.h"
#include "lib/wire/ws.h"

/* Bytes of an answer to negotiate. */
enum { BODY_MAX = 64 * 1024 };

enum opening_state {
	OPENING_NEGOTIATE, /* connecting or connected for negotiate; no whole head yet */
	OPENING_BODY, /* the body of negotiate's answer is read */
	OPENING_UPGRADE, /* connecting or connected for the WebSocket; no whole head yet */
};

struct opening {
	enum opening_state state;
	struct stream_pool *pool;
	opening_done_fn done;
	void *ctx;
	struct client_address address;
	char *token;
	char *id; /* negotiated, or NULL */
	struct stream_connect *connect; /* while connecting */
	struct stream *stream; /* while connected */
	struct http1_parser parser;
	struct http1_body body;
	struct buf head; /* bytes of an unfinished head, and what came with it */
	struct buf text; /* the body so far */
	char key[WS_KEY_SIZE];
};

static void free_secret(char *text)
{
	if (text != NULL) {
		mem_wipe(text, strlen(text));
		free(text);
	}
}

static void opening_free(struct opening *o)
{
	stream_connect_cancel(&o->connect);
	stream_close(&o->stream);
	client_address_finish(&o->address);
	free_secret(o->token);
	free_secret(o->id);
	buf_finish(&o->head);
	mem_wipe(o->text.data, o->text.len); /* the id is in it */
	buf_finish(&o->text);
	free(o);
}

/* Gives the result, and is gone. */
static void opening_finish(
	struct opening *o, int err, struct bytes text, struct stream *stream, struct bytes rest)
{
	o->done(o->ctx, err, text, stream, rest);
	opening_free(o);
}

static void opening_fail(struct opening *o, int err, const char *text)
{
	stream_close(&o->stream);
	opening_finish(o, err, bytes_str(text), NULL, BYTES_NONE);
}

static void opening_refused(struct opening *o, const struct http1_response *response)
{
	char text[128];
	snprintf(text, sizeof(text), "the server answered %d %s", response->status,
		http1_status_text(response->status));
	opening_fail(o, negotiate_status_err(response->status), text);
}

static void opening_send_request(struct opening *o)
{
	struct buf out = {0};
	if (o->state == OPENING_UPGRADE) {
		ws_make_key(o->key);
		upgrade_write(&out, &o->address, bytes_str(o->token), bytes_str(o->id), o->key);
	} else {
		negotiate_write(&out, &o->address, bytes_str(o->token));
	}
	stream_send_copy(o->stream, buf_bytes(&out));
	mem_wipe(out.data, out.len);
	buf_finish(&out);
}

static void on_connected(void *ctx, int err, struct stream *stream)
{
	struct opening *o = ctx;
	o->connect = NULL;
	if (err != 0) {
		opening_fail(o, ERR_UNREACHABLE, "nobody answers at that address");
		return;
	}
	o->stream = stream;
	opening_send_request(o);
}

static void on_data(void *ctx, struct bytes data);
static void on_end(void *ctx, int err);

static const struct stream_events stream_events = {.on_data = on_data, .on_end = on_end};

static int opening_connect(struct opening *o)
{
	return stream_connect_start(o->pool, bytes_str(o->address.peer), 0, &stream_events, o,
		on_connected, o, &o->connect);
}

/* The body of negotiate's answer is whole. */
static void opening_negotiated(struct opening *o)
{
	struct bytes id, text;
	struct arena *arena = arena_create(0);
	int err = negotiate_read(arena, buf_bytes(&o->text), &id, &text);
	stream_close(&o->stream);
	if (err == 0) {
		o->id = mem_dup_bytes(id);
		o->state = OPENING_UPGRADE;
		buf_clear(&o->head);
		err = opening_connect(o);
		text = BYTES_LIT("nobody answers at that address");
	}
	if (err != 0) {
		opening_finish(o, err, text, NULL, BYTES_NONE);
	}
	arena_destroy(&arena);
}

static void opening_read_body(struct opening *o, struct bytes input)
{
	struct bytes piece;
	while (!http1_body_done(&o->body)) {
		int err = http1_body_feed(&o->body, &input, &piece);
		if (err == ERR_AGAIN) {
			return;
		}
		if (err != 0 || o->text.len + piece.len > BODY_MAX) {
			opening_fail(o, ERR_UNREACHABLE, "what answers there is no SignalR server");
			return;
		}
		buf_append_bytes(&o->text, piece);
	}
	opening_negotiated(o);
}

/* A whole head other than an interim one; rest came behind it. */
static void opening_answered(
	struct opening *o, const struct http1_response *response, struct bytes rest)
{
	if (o->state == OPENING_NEGOTIATE && response->status == 200) {
		o->state = OPENING_BODY;
		http1_body_init(&o->body, response->framing, response->content_length);
		opening_read_body(o, rest);
	} else if (o->state == OPENING_UPGRADE && upgrade_accepted(response, o->key)) {
		struct stream *stream = o->stream;
		o->stream = NULL;
		opening_finish(o, 0, BYTES_NONE, stream, rest);
	} else if (response->status >= 300) {
		opening_refused(o, response);
	} else {
		opening_fail(o, ERR_UNREACHABLE, "what answers there is no SignalR server");
	}
}

static void on_data(void *ctx, struct bytes data)
{
	struct opening *o = ctx;
	struct http1_response response;
	struct bytes input;
	size_t used;
	int err;
	if (o->state == OPENING_BODY) {
		opening_read_body(o, data);
		return;
	}
	buf_append_bytes(&o->head, data);
	do {
		input = buf_bytes(&o->head);
		err = http1_response_parse(
			&o->parser, input, &http1_limits_default, false, &response, &used);
		if (err == ERR_AGAIN) {
			return;
		}
		if (err != 0) {
			opening_fail(o, ERR_UNREACHABLE, "what answers there speaks no HTTP");
			return;
		}
		if (response.status < 200 && response.status != 101) {
			buf_consume(&o->head, used);
		}
	} while (response.status < 200 && response.status != 101);
	opening_answered(o, &response, bytes_of(input.ptr + used, input.len - used));
}

static void on_end(void *ctx, int err)
{
	struct opening *o = ctx;
	if (err == 0 && o->state == OPENING_BODY && http1_body_may_close(&o->body)) {
		opening_negotiated(o);
		return;
	}
	opening_fail(o, ERR_UNREACHABLE, "the connection was lost before the server had answered");
}

int opening_start(struct stream_pool *pool, const struct client_options *options,
	opening_done_fn done, void *ctx, struct opening **ret_opening)
{
	struct opening *o = mem_zalloc(sizeof(*o));
	o->pool = pool;
	o->done = done;
	o->ctx = ctx;
	o->state = options->skip_negotiation ? OPENING_UPGRADE : OPENING_NEGOTIATE;
	o->token = mem_dup_bytes(options->token);
	int err = client_address_init(&o->address, options->url, options->unix_path);
	if (err == 0 && options->token.len > 0 && !negotiate_token_valid(options->token)) {
		err = ERR_USAGE;
	}
	if (err == 0) {
		err = opening_connect(o);
	}
	if (err != 0) {
		opening_free(o);
		return err;
	}
	*ret_opening = o;
	return 0;
}

void opening_cancel(struct opening **opening)
{
	if (*opening != NULL) {
		opening_free(*opening);
		*opening = NULL;
	}
}
