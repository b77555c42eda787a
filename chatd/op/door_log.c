#include "chatd/op/door_log.h"

#include "lib/loop/loop.h"
#include "lib/metrics/metrics.h"

void door_log_refused(struct services *sv, const struct http_exchange *exchange, const char *why)
{
	uint64_t more;
	sv->metrics->auth_failures++;
	if (!log_enabled(LOG_INFO) ||
		!log_rate_allows(&sv->refused, loop_now_us(sv->loop), &more)) {
		return;
	}
	char id[HTTP_ID_SIZE];
	http_id_format(exchange->id, id);
	log_event(LOG_INFO, "token refused", LOG_STR("why", why), LOG_STR("peer", exchange->peer),
		LOG_BYTES("path", exchange->path), LOG_STR("request", id), LOG_INT("more", more));
}
