#include <stdlib.h>

#include "chatd/net/http_internal.h"
#include "lib/base/err.h"

struct http_written {
	struct list_node node; /* on the server's list, where there is a server */
	struct loop_defer defer;
	http_written_fn fn;
	void *ctx;
};

void http_written_tell(struct http_written **written, int err)
{
	struct http_written *w = *written;
	if (w == NULL) {
		return;
	}
	http_written_fn fn = w->fn;
	void *ctx = w->ctx;
	*written = NULL;
	list_remove(&w->node);
	loop_defer_cancel(&w->defer);
	free(w);
	fn(ctx, err);
}

static void tell_lost(void *ctx)
{
	struct http_written *w = ctx;
	http_written_tell(&w, ERR_CLOSED);
}

struct http_written *http_written_create(struct http_server *server, http_written_fn fn, void *ctx)
{
	if (fn == NULL) {
		return NULL;
	}
	struct http_written *w = mem_zalloc(sizeof(*w));
	w->fn = fn;
	w->ctx = ctx;
	loop_defer_init(&w->defer, tell_lost, w);
	if (server != NULL) {
		list_append(&server->written, &w->node);
	}
	return w;
}

void http_written_lost(struct http_written **written, struct loop *loop)
{
	if (*written != NULL) {
		loop_defer(loop, &(*written)->defer, LOOP_GATHER);
		*written = NULL;
	}
}

void http_written_lose_all(struct http_server *server)
{
	struct list_node *node;
	while ((node = list_first(&server->written)) != NULL) {
		struct http_written *w = CONTAINER_OF(node, struct http_written, node);
		http_written_tell(&w, ERR_CLOSED);
	}
}
