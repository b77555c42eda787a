#include "chatd/conn/conn_log.h"

#include "chatd/conn/conn.h"
#include "chatd/net/http_conn.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"

static const char *user_text(const struct conn *conn, char out[UUID_TEXT_SIZE])
{
	uuid_format(&conn->principal->user_id, out);
	return out;
}

void conn_log_opened(const struct conn *conn, uint64_t request, const char *peer)
{
	char user[UUID_TEXT_SIZE];
	char id[HTTP_ID_SIZE];
	if (log_enabled(LOG_DEBUG)) {
		http_id_format(request, id);
		log_event(LOG_DEBUG, "connected", LOG_STR("connection", conn->id_text),
			LOG_STR("user", user_text(conn, user)), LOG_STR("peer", peer),
			LOG_STR("request", id));
	}
}

void conn_log_ended(const struct conn *conn, const char *why)
{
	char user[UUID_TEXT_SIZE];
	if (log_enabled(LOG_DEBUG)) {
		uint64_t lasted_us = loop_now_us(conn->sv->loop) - conn->opened_us;
		log_event(LOG_DEBUG, "disconnected", LOG_STR("connection", conn->id_text),
			LOG_STR("user", user_text(conn, user)), LOG_INT("ms", lasted_us / 1000),
			LOG_STR("why", why != NULL ? why : "-"));
	}
}

void conn_log_failed(const struct conn *conn, const char *detail)
{
	char user[UUID_TEXT_SIZE];
	log_event(LOG_DEBUG, "connection failed", LOG_STR("connection", conn->id_text),
		LOG_STR("user", user_text(conn, user)),
		LOG_STR("why", detail != NULL ? detail : "-"));
}

void conn_log_slow(const struct conn *conn, const char *limit)
{
	char user[UUID_TEXT_SIZE];
	log_event(LOG_INFO, "slow client dropped", LOG_STR("connection", conn->id_text),
		LOG_STR("user", user_text(conn, user)), LOG_INT("queued", conn_queued(conn)),
		LOG_STR("limit", limit));
}
