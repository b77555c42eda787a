/* Counters of one worker. Plain memory of its thread; read by others only through the worker itself
 * (workers_gather). */
#ifndef LIB_METRICS_METRICS_H
#define LIB_METRICS_METRICS_H

#include <stdint.h>

/* Hub connections of a transport; no protocol before the handshake. */
#define METRICS_CONNECTIONS(X, transport, label) \
	X(transport##_none, "connections{transport=\"" label "\",protocol=\"none\"}", GAUGE, \
		"Hub connections that are open") \
	X(transport##_json, "connections{transport=\"" label "\",protocol=\"json\"}", GAUGE, \
		"Hub connections that are open") \
	X(transport##_messagepack, \
		"connections{transport=\"" label "\",protocol=\"messagepack\"}", GAUGE, \
		"Hub connections that are open")

/* THE table of counters: X(field, prometheus name, kind, help). Rows of one name that differ in
 * their labels stand together. */
#define METRICS_TABLE(X) \
	METRICS_CONNECTIONS(X, ws, "WebSockets") \
	METRICS_CONNECTIONS(X, sse, "ServerSentEvents") \
	METRICS_CONNECTIONS(X, poll, "LongPolling") \
	X(connections_opened, "connections_opened_total", COUNTER, "Hub connections opened") \
	X(http_requests, "http_requests_total", COUNTER, "HTTP requests answered") \
	X(messages_in, "messages_in_total", COUNTER, "Hub messages received") \
	X(messages_out, "messages_out_total", COUNTER, "Hub messages queued for sending") \
	X(messages_stored, "messages_stored_total", COUNTER, \
		"Chat messages committed to the store") \
	X(deliveries, "deliveries_total", COUNTER, "Chat messages queued to members") \
	X(send_queue_bytes, "send_queue_bytes", GAUGE, "Bytes that wait in send queues") \
	X(slow_clients_dropped, "slow_clients_dropped_total", COUNTER, \
		"Connections closed as slow readers: limits.send_queue, limits.send_stall") \
	X(send_memory_dropped, "send_memory_dropped_total", COUNTER, \
		"Connections closed for the memory of all send queues: limits.send_memory") \
	X(rate_limited_user, "rate_limited_user_total", COUNTER, \
		"Calls refused: over limits.user_rate") \
	X(rate_limited_room, "rate_limited_room_total", COUNTER, \
		"Messages refused: over limits.room_rate") \
	X(rate_limited_address, "rate_limited_address_total", COUNTER, \
		"Connects refused: over limits.address_connects") \
	X(rate_limit_keys, "rate_limit_keys", GAUGE, \
		"Users, rooms and addresses whose rates are kept account of") \
	X(connections_refused, "connections_refused_total", COUNTER, \
		"Connects refused: over server.max_connections") \
	X(ops_started, "ops_started_total", COUNTER, "Operations started") \
	X(ops_failed, "ops_failed_total", COUNTER, "Operations that ended with an error") \
	X(store_batches, "store_batches_total", COUNTER, "Groups of messages committed together") \
	X(gap_recoveries, "gap_recoveries_total", COUNTER, \
		"Holes in a room's feed read from the store") \
	X(auth_failures, "auth_failures_total", COUNTER, "Requests refused for their token")

struct metrics {
#define X(field, name, kind, help) uint64_t field;
	METRICS_TABLE(X)
#undef X
};

/* Adds every counter of from to into. */
void metrics_add(struct metrics *into, const struct metrics *from);

/* All hub connections. */
uint64_t metrics_connections(const struct metrics *m);

/* Visits each row of the table with the value in m. kind is "counter" or "gauge"; name has no
 * prefix, and its labels behind it where it has some. */
void metrics_each(const struct metrics *m,
	void (*visit)(
		void *ctx, const char *name, const char *kind, const char *help, uint64_t value),
	void *ctx);

#endif
