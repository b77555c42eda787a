#include "chatd/op/limits.h"

#include "chatd/auth/limits.h"
#include "chatd/auth/principal.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/conf/conf.h"
#include "lib/loop/loop.h"
#include "lib/metrics/metrics.h"

int limits_user(struct services *sv, const struct principal *principal, uint64_t *ret_retry_us)
{
	int err = limits_take(sv->limits, LIMIT_USER, uuid_bytes(&principal->user_id),
		loop_now_us(sv->loop), sv->conf->limits.user_rate, ret_retry_us);
	sv->metrics->rate_limited_user += err != 0;
	return err;
}

int limits_room(struct services *sv, const struct uuid *room, uint64_t *ret_retry_us)
{
	int err = limits_take(sv->limits, LIMIT_ROOM, uuid_bytes(room), loop_now_us(sv->loop),
		sv->conf->limits.room_rate, ret_retry_us);
	sv->metrics->rate_limited_room += err != 0;
	return err;
}

typedef int (*limits_fn)(struct limits *limits, enum limit_kind kind, struct bytes key,
	uint64_t now_us, uint64_t rate, uint64_t *ret_retry_us);

static int ask_address(struct services *sv, limits_fn ask, enum limit_kind kind, const char *peer,
	uint64_t *ret_retry_us)
{
	char text[LIMITS_ADDRESS_SIZE];
	struct bytes key = limits_address_key(peer, text);
	return key.len == 0 ? 0
			    : ask(sv->limits, kind, key, loop_now_us(sv->loop),
				      sv->conf->limits.address_connects, ret_retry_us);
}

static int take_address(
	struct services *sv, enum limit_kind kind, const char *peer, uint64_t *ret_retry_us)
{
	int err = ask_address(sv, limits_take, kind, peer, ret_retry_us);
	sv->metrics->rate_limited_address += err != 0;
	return err;
}

int limits_connect(struct services *sv, const char *peer, uint64_t *ret_retry_us)
{
	return take_address(sv, LIMIT_CONNECT, peer, ret_retry_us);
}

int limits_upgrade(struct services *sv, const char *peer, uint64_t *ret_retry_us)
{
	return take_address(sv, LIMIT_UPGRADE, peer, ret_retry_us);
}

int limits_address(struct services *sv, const char *peer, uint64_t *ret_retry_us)
{
	return take_address(sv, LIMIT_ADDRESS, peer, ret_retry_us);
}

void limits_refused(struct services *sv, const char *peer)
{
	uint64_t retry_us;
	ask_address(sv, limits_take, LIMIT_REFUSED, peer, &retry_us);
}

int limits_flood(struct services *sv, const char *peer, struct bytes token, uint64_t *ret_retry_us)
{
	int err = ask_address(sv, limits_look, LIMIT_REFUSED, peer, ret_retry_us);
	bool known = err != 0 && principal_cache_has(sv->principals, sv->verifier, token,
					 clock_wall_ms(sv->clock));
	return known ? 0 : err;
}

bool limits_has_place(struct services *sv)
{
	uint64_t max = sv->conf->server.max_connections;
	bool room = max == 0 || limits_connections(sv->limits) < max;
	sv->metrics->connections_refused += !room;
	return room;
}

bool limits_take_place(struct services *sv)
{
	bool taken = limits_enter(sv->limits, sv->conf->server.max_connections);
	sv->metrics->connections_refused += !taken;
	return taken;
}

const char *limits_text(struct arena *arena, const char *what, uint64_t retry_us)
{
	unsigned long long hundredths = (retry_us + 9999) / 10000;
	return arena_printf(
		arena, "%s, try again in %llu.%02llu s", what, hundredths / 100, hundredths % 100);
}

unsigned limits_retry_s(uint64_t retry_us)
{
	uint64_t seconds = (retry_us + 999999) / 1000000;
	return seconds > 0 ? (unsigned)seconds : 1;
}
