/* Users who are kept out: banned, or with tokens that were revoked. One table for the process, a
 * copy of what the store says: read at the start, then changed by who changes the store. Any
 * thread. */
#ifndef CHATD_AUTH_BARS_H
#define CHATD_AUTH_BARS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/ident.h"

struct bars;
struct principal;

#define BARS_WHY_SIZE 320

struct bars *bars_create(void);
void bars_destroy(struct bars **bars);
/* What holds for a user from now on. banned_ms 0 and tokens_from_ms 0: nothing does, he is
 * forgotten. reason (at most 256 bytes are kept) is what he is told of a ban, or len 0. */
void bars_set(struct bars *bars, const struct uuid *user, int64_t banned_ms, struct bytes reason,
	int64_t tokens_from_ms);
/* 0, or with a sentence in why (BARS_WHY_SIZE bytes) ERR_FORBIDDEN (banned) or ERR_UNAUTHORIZED
 * (the token was issued before tokens_from_ms, or does not say when). Cheap where nobody is barred.
 */
int bars_check(struct bars *bars, const struct principal *principal, char *why);
size_t bars_count(struct bars *bars);

#endif
