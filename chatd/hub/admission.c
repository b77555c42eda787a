#include "chatd/hub/admission.h"

#include "chatd/op/limits.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/metrics/metrics.h"

static void respond_limited(
	struct http_exchange *exchange, int err, const char *what, uint64_t retry_us)
{
	const char *text = arena_printf(exchange->arena, "%s: %s", err_code(err),
		limits_text(exchange->arena, what, retry_us));
	const char *extra =
		arena_printf(exchange->arena, "Retry-After: %u\r\n", limits_retry_s(retry_us));
	http_respond(exchange, err_http_status(err), "text/plain", extra, bytes_str(text));
}

bool admission_is_early(struct services *sv, struct http_exchange *exchange, bool negotiated)
{
	uint64_t retry_us;
	int err = negotiated ? limits_upgrade(sv, exchange->peer, &retry_us)
			     : limits_connect(sv, exchange->peer, &retry_us);
	if (err != 0) {
		respond_limited(exchange, err, "too many connects from this address", retry_us);
	}
	return err != 0;
}

bool admission_is_flood(struct services *sv, struct http_exchange *exchange, struct bytes token)
{
	uint64_t retry_us;
	int err = limits_flood(sv, exchange->peer, token, &retry_us);
	if (err != 0) {
		sv->metrics->rate_limited_address++;
		respond_limited(exchange, err, "too many requests from this address", retry_us);
	}
	return err != 0;
}

static void respond_full(struct http_exchange *exchange)
{
	http_respond(exchange, 503, "text/plain", "Retry-After: 5\r\n",
		BYTES_LIT("Too many connections (server.max_connections)"));
}

bool admission_is_draining(const struct services *sv, struct http_exchange *exchange)
{
	if (sv->draining) {
		http_respond(exchange, 503, "text/plain", "Retry-After: 1\r\n",
			BYTES_LIT("The server is shutting down"));
	}
	return sv->draining;
}

bool admission_is_full(struct services *sv, struct http_exchange *exchange)
{
	bool full = !limits_has_place(sv);
	if (full) {
		respond_full(exchange);
	}
	return full;
}

bool admission_enter(struct services *sv, struct http_exchange *exchange)
{
	bool entered = limits_take_place(sv);
	if (!entered) {
		respond_full(exchange);
	}
	return entered;
}
