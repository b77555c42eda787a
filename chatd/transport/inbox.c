#include "chatd/transport/inbox.h"

#include <stdlib.h>

#include "lib/base/err.h"

/* The owner gets a long body in pieces: he may pause between them. */
#define PIECE_MAX ((size_t)64 * 1024)

struct inbox_post {
	struct list_node node;
	struct http_exchange *exchange;
	size_t len; /* of the body, which goes with its answer */
	size_t used; /* bytes that the owner has */
};

void inbox_no_connection(struct http_exchange *exchange, const char *extra)
{
	http_respond(exchange, 404, "text/plain", extra, BYTES_LIT("No Connection with that ID"));
}

static void answer_taken(struct http_exchange *exchange, bool too_large)
{
	if (too_large) {
		http_respond(exchange, 413, "text/plain", NULL,
			BYTES_LIT("A message in it is longer than the maximum message size"));
		return;
	}
	http_respond(exchange, 200, "text/plain", NULL, BYTES_NONE);
}

static void post_free(struct inbox *inbox, struct inbox_post *post)
{
	inbox->posted -= post->len;
	list_remove(&post->node);
	free(post);
}

static void refuse_posts(struct inbox *inbox)
{
	LIST_FOREACH (&inbox->posts, node) {
		struct inbox_post *post = CONTAINER_OF(node, struct inbox_post, node);
		inbox_no_connection(post->exchange, NULL);
		post_free(inbox, post);
	}
}

/* ---- feeding ---- */

static bool may_feed(const struct inbox *inbox)
{
	return inbox->transport != NULL && !inbox->paused && !inbox->ended;
}

/* Feeds a piece of what begins at *used of all. false: the owner takes no more now. */
static bool feed(struct inbox *inbox, struct bytes all, size_t *used)
{
	while (*used < all.len) {
		if (!may_feed(inbox)) {
			return false;
		}
		size_t len = all.len - *used < PIECE_MAX ? all.len - *used : PIECE_MAX;
		struct transport *transport = inbox->transport;
		struct bytes piece = bytes_of(all.ptr + *used, len);
		*used += len;
		transport->events->on_payload(transport->ctx, piece);
	}
	return true;
}

static bool feed_buffer(struct inbox *inbox)
{
	if (!feed(inbox, buf_bytes(&inbox->buffer), &inbox->used)) {
		return false;
	}
	buf_finish(&inbox->buffer);
	inbox->used = 0;
	return true;
}

/* Whoever is fed last may end everything; the transport's memory lives on until its caller is left
 * (see the transports). */
static void feed_all(struct inbox *inbox)
{
	inbox->feeding = true;
	bool more = feed_buffer(inbox);
	while (more && !list_empty(&inbox->posts)) {
		struct inbox_post *post =
			CONTAINER_OF(list_first(&inbox->posts), struct inbox_post, node);
		more = feed(inbox, post->exchange->body, &post->used);
		if (more || inbox->ended) {
			bool begun = post->used > 0 || post->exchange->body.len == 0;
			if (begun) {
				answer_taken(post->exchange, inbox->transport->too_large);
				post_free(inbox, post);
			}
		}
	}
	inbox->feeding = false;
	if (inbox->ended) {
		refuse_posts(inbox);
		buf_finish(&inbox->buffer);
	}
}

static void go_on(void *ctx)
{
	struct inbox *inbox = ctx;
	if (!inbox->feeding && may_feed(inbox)) {
		feed_all(inbox);
	}
}

/* ---- the inbox ---- */

void inbox_init(struct inbox *inbox, struct loop *loop)
{
	*inbox = (struct inbox){.loop = loop};
	list_init(&inbox->posts);
	loop_defer_init(&inbox->go_on, go_on, inbox);
}

void inbox_finish(struct inbox *inbox)
{
	loop_defer_cancel(&inbox->go_on);
	refuse_posts(inbox);
	buf_finish(&inbox->buffer);
}

void inbox_start(struct inbox *inbox, struct transport *transport)
{
	inbox->transport = transport;
	loop_defer(inbox->loop, &inbox->go_on, LOOP_GATHER);
}

void inbox_inherit(struct inbox *inbox, struct inbox *from)
{
	inbox->buffer = from->buffer;
	buf_init(&from->buffer);
	struct list_node *node;
	while ((node = list_pop(&from->posts)) != NULL) {
		list_append(&inbox->posts, node);
	}
	inbox->posted += from->posted;
	from->posted = 0;
}

size_t inbox_held(const struct inbox *inbox)
{
	return inbox->buffer.len - inbox->used + inbox->posted;
}

static bool fits_buffer(const struct inbox *inbox, struct bytes body)
{
	return list_empty(&inbox->posts) && inbox_held(inbox) + body.len <= INBOX_MAX;
}

/* Bodies count in what all requests may hold together: one connection may not hold it all. */
static bool has_room(const struct inbox *inbox, struct bytes body)
{
	return list_empty(&inbox->posts) ||
	       (inbox->posted < INBOX_POSTS_MAX && body.len <= INBOX_POSTS_MAX - inbox->posted);
}

static void answer_full(struct http_exchange *exchange, const char *text)
{
	http_respond(exchange, 503, "text/plain", "Retry-After: 1\r\n", bytes_str(text));
}

static void post_add(struct inbox *inbox, struct http_exchange *exchange)
{
	struct inbox_post *post = mem_zalloc(sizeof(*post));
	post->exchange = exchange;
	post->len = exchange->body.len;
	inbox->posted += post->len;
	list_append(&inbox->posts, &post->node);
}

void inbox_take(struct inbox *inbox, struct http_exchange *exchange)
{
	if (inbox->ended) {
		inbox_no_connection(exchange, NULL);
		return;
	}
	bool direct = may_feed(inbox) && !inbox->feeding && list_empty(&inbox->posts) &&
		      inbox->buffer.len == 0;
	if (!direct && fits_buffer(inbox, exchange->body)) {
		buf_append_bytes(&inbox->buffer, exchange->body);
		answer_taken(exchange, false);
	} else if (!has_room(inbox, exchange->body)) {
		answer_full(exchange, "Too much of this connection is waiting");
	} else if (!direct && http_bodies_crowd(exchange)) {
		answer_full(exchange, "Too much is waiting");
	} else {
		post_add(inbox, exchange);
	}
	if (direct) {
		feed_all(inbox);
	}
}

void inbox_pause(struct inbox *inbox)
{
	inbox->paused = true;
}

void inbox_resume(struct inbox *inbox)
{
	inbox->paused = false;
	loop_defer(inbox->loop, &inbox->go_on, LOOP_GATHER);
}

void inbox_end(struct inbox *inbox)
{
	inbox->ended = true;
	loop_defer_cancel(&inbox->go_on);
	if (!inbox->feeding) {
		refuse_posts(inbox);
		buf_finish(&inbox->buffer);
	}
}

void inbox_drain(struct inbox *inbox, struct buf *out)
{
	buf_append_bytes(out, buf_bytes(&inbox->buffer));
	buf_finish(&inbox->buffer);
	LIST_FOREACH (&inbox->posts, node) {
		struct inbox_post *post = CONTAINER_OF(node, struct inbox_post, node);
		buf_append_bytes(out, post->exchange->body);
		answer_taken(post->exchange, false);
		post_free(inbox, post);
	}
}
