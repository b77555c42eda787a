#include "chatd/conn/queues.h"

#include <stdlib.h>

#include "chatd/conn/conns.h"
#include "chatd/op/services.h"
#include "chatd/transport/longpoll.h"
#include "chatd/transport/ws.h"
#include "lib/conf/conf.h"
#include "lib/net/stream.h"

#define LOOK_US 10000

struct queues {
	struct services *sv;
	struct loop_timer *timer; /* while something of weight waits */
};

struct largest {
	struct conn *conn; /* NULL where all are empty */
	size_t most; /* bytes that it has */
	size_t total; /* bytes that all have */
};

static void visit_weigh(struct conn *conn, void *ctx)
{
	struct largest *largest = ctx;
	size_t queued = conn_queued(conn);
	largest->total += queued;
	if (queued > largest->most) {
		largest->most = queued;
		largest->conn = conn;
	}
}

static size_t queues_max(const struct services *sv)
{
	return sv->conf->limits.send_memory / sv->worker_count;
}

static size_t queues_excess(const struct services *sv)
{
	size_t max = queues_max(sv);
	size_t queued = stream_pool_queued(sv->streams) + longpoll_pool_queued(sv->polls);
	return queued > max ? queued - max : 0;
}

/* Without a Close, which would wait behind the very queue that has to go. */
static void drop_largest(struct services *sv)
{
	size_t max = queues_max(sv);
	for (;;) {
		struct largest largest = {NULL, 0, 0};
		conns_each(sv->conns, visit_weigh, &largest);
		if (largest.total <= max) {
			return;
		}
		conn_drop_greedy(largest.conn);
	}
}

void queues_bound(struct queues *queues)
{
	struct services *sv = queues->sv;
	if (queues_excess(sv) == 0) {
		return;
	}
	ws_pool_drop_closing(sv->sockets, queues_excess(sv));
	stream_pool_drop_lingering(sv->streams, queues_excess(sv));
	longpoll_pool_drop_closing(sv->polls, queues_excess(sv));
	drop_largest(sv);
}

static void look(void *ctx)
{
	queues_bound(ctx);
}

void queues_look_soon(struct queues *queues)
{
	if (!loop_timer_armed(queues->timer)) {
		loop_timer_set(queues->timer, LOOK_US);
	}
}

struct queues *queues_create(struct services *sv)
{
	struct queues *queues = mem_zalloc(sizeof(*queues));
	queues->sv = sv;
	queues->timer = loop_timer_create(sv->loop, look, queues);
	return queues;
}

void queues_destroy(struct queues **queues)
{
	if (*queues == NULL) {
		return;
	}
	loop_timer_destroy(&(*queues)->timer);
	free(*queues);
	*queues = NULL;
}
