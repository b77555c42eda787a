#include "chatd/run/metrics_door.h"

#include <stdlib.h>

#include "chatd/net/http_conn.h"
#include "chatd/net/listener.h"
#include "chatd/rest/metrics.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/conf/load.h"

struct metrics_door {
	struct http_server *http;
	struct listener *listener;
};

static void on_accept(void *ctx, int fd, const char *peer)
{
	struct metrics_door *door = ctx;
	http_server_adopt(door->http, fd, peer);
}

/* The default is not worth failing for: another chatd of this machine may have it. */
static bool is_asked_for(const struct conf *conf)
{
	const struct conf_key *key = conf_key_find(BYTES_LIT("metrics"), BYTES_LIT("listen"));
	return conf_origin_of(conf, key)->kind != CONF_FROM_DEFAULT;
}

int metrics_door_open(struct services *sv, struct metrics_door **ret_door, struct buf *why)
{
	const struct conf_list *listen = &sv->conf->metrics.listen;
	if (listen->count == 0) {
		return 0;
	}
	struct buf addresses = {0};
	for (size_t i = 0; i < listen->count; i++) {
		buf_printf(&addresses, "%s%s", i > 0 ? "," : "", listen->items[i]);
	}
	struct metrics_door *door = mem_zalloc(sizeof(*door));
	struct http_server_params params = {
		.loop = sv->loop,
		.pool = sv->streams,
		.clock = sv->clock,
		.number = sv->worker,
		.handler = &metrics_handler,
		.ctx = sv,
	};
	char text[LISTENER_WHY_SIZE];
	int err = listener_open(
		sv->loop, buf_bytes(&addresses), on_accept, door, &door->listener, text);
	buf_finish(&addresses);
	if (err != 0) {
		free(door);
		if (!is_asked_for(sv->conf)) {
			log_event(LOG_WARN, "no metrics", LOG_STR("why", text));
			return 0;
		}
		buf_printf(why, "metrics.listen: %s", text);
		return err;
	}
	door->http = http_server_create(&params);
	*ret_door = door;
	return 0;
}

void metrics_door_close(struct metrics_door **door)
{
	if (*door != NULL) {
		listener_close(&(*door)->listener);
		http_server_destroy(&(*door)->http);
		free(*door);
		*door = NULL;
	}
}

const char *metrics_door_address(const struct metrics_door *door)
{
	return door != NULL ? listener_address(door->listener, 0) : "off";
}
