/* The limits of the node (chatd/auth/limits.h) under the settings of a worker, for the doors and
 * the operations: each refusal is counted. An answer of 0 has taken one; ERR_RATE_LIMITED took
 * nothing, and brings the time in microseconds after which it may be tried again. */
#ifndef CHATD_OP_LIMITS_H
#define CHATD_OP_LIMITS_H

#include "chatd/op/services.h"

struct arena;
struct principal;

/* One call of a user, by whatever door (limits.user_rate). */
int limits_user(struct services *sv, const struct principal *principal, uint64_t *ret_retry_us);
/* One message in a room (limits.room_rate). */
int limits_room(struct services *sv, const struct uuid *room, uint64_t *ret_retry_us);
/* One connect from an address (limits.address_connects). peer: as http_exchange has it. */
int limits_connect(struct services *sv, const char *peer, uint64_t *ret_retry_us);
/* The upgrade of a connect that was negotiated, and counted there: they have the same rate once
 * more. */
int limits_upgrade(struct services *sv, const char *peer, uint64_t *ret_retry_us);
/* Another request that names no user: once more, so that neither connects nor these are hit by the
 * others. */
int limits_address(struct services *sv, const char *peer, uint64_t *ret_retry_us);
/* A token from an address was not good: counted apart, at the same rate. */
void limits_refused(struct services *sv, const char *peer);
/* Where too many were, nothing that has to be verified first is looked at: a signature costs up to
 * a third of a millisecond. ERR_RATE_LIMITED, unless token was verified before. Nothing is counted.
 */
int limits_flood(struct services *sv, const char *peer, struct bytes token, uint64_t *ret_retry_us);

/* Whether the node has a place for one more connection (server.max_connections); a refusal is
 * counted. It takes none: another may be faster. */
bool limits_has_place(struct services *sv);
/* Takes one: limits_leave() gives it back. */
bool limits_take_place(struct services *sv);

/* "too many calls, try again in 0.35 s": what, and a time that is rounded up. On the arena. */
const char *limits_text(struct arena *arena, const char *what, uint64_t retry_us);
/* The same time for Retry-After: whole seconds, at least 1. */
unsigned limits_retry_s(uint64_t retry_us);

#endif
