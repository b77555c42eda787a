/* What users, rooms and addresses may do on this node: how often, and how many connections there
 * may be. One for the process, shared by all workers; every function is thread-safe.
 *
 * Rates are kept by GCRA (ITU-T I.371, the virtual scheduling algorithm): for each key the one
 * number «theoretical arrival time», which each event moves on by 1/rate, and which may be ahead of
 * now by LIMITS_BURST_S at most. So two seconds' worth may come at once, and a key whose time has
 * passed is exactly one that was never seen.
 *
 * Memory is fixed (1 MiB, of which only what is used is touched) and nothing is allocated after
 * limits_create(): keys are 64 bits of keyed hash (two keys that meet in all of them share one
 * account: one pair in 2^64), in LIMITS_KEYS places, each open to eight of them. A place whose key
 * has become idle is free. Where all eight are busy, the key that has used the least of its burst
 * is forgotten, and starts anew: the table never refuses somebody because of others, and those who
 * are at their limit stay there. */
#ifndef CHATD_AUTH_LIMITS_H
#define CHATD_AUTH_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

#define LIMITS_BURST_S 2 /* of the rate may come at once */
#define LIMITS_KEYS 65536 /* busy ones at one time */
#define LIMITS_RATE_MAX UINT64_C(1000000) /* per second */

/* Each has accounts of its own. */
enum limit_kind {
	LIMIT_USER, /* calls of a user; key: the 16 bytes of his id */
	LIMIT_ROOM, /* messages in a room; key: the 16 bytes of its id */
	LIMIT_CONNECT, /* connects from an address; key: limits_address_key() */
	/* The second request of a connect that was negotiated, counted apart, so that a connect
	 * counts once; key as above. */
	LIMIT_UPGRADE,
	LIMIT_REFUSED, /* tokens from an address that were not good; key as above */
	LIMIT_ADDRESS, /* other requests from an address that name no user; key as above */
};

struct limits;

struct limits *limits_create(void);
/* Nobody uses it any more. NULL is accepted. */
void limits_destroy(struct limits **limits);

/* One event of key (1 to 64 bytes) at now_us (of the monotonic clock; workers' clocks may be a turn
 * apart), where rate events per second (1 to LIMITS_RATE_MAX) are allowed; 0: no limit. Answers 0,
 * or ERR_RATE_LIMITED with the time in microseconds (at least 1) after which it would be 0 if
 * nobody else takes; a refused event counts nothing. The rate may be another at each call. */
int limits_take(struct limits *limits, enum limit_kind kind, struct bytes key, uint64_t now_us,
	uint64_t rate, uint64_t *ret_retry_us);

/* What limits_take() would answer; nothing is counted. */
int limits_look(struct limits *limits, enum limit_kind kind, struct bytes key, uint64_t now_us,
	uint64_t rate, uint64_t *ret_retry_us);

/* Keys that are kept at now_us, of all kinds. */
size_t limits_keys(struct limits *limits, uint64_t now_us);

/* What counts as one address, from a peer's text (chatd/net/address.h): the four bytes of an IPv4
 * address, the first eight of an IPv6 one (a customer has a /64), or the text itself where it is
 * neither. Answers a view into out, or into peer; BYTES_NONE for Unix sockets, whose peers are not
 * limited by address. */
#define LIMITS_ADDRESS_SIZE 16
struct bytes limits_address_key(const char *peer, char out[LIMITS_ADDRESS_SIZE]);

/* A place for one connection: false where max are taken. max 0: no bound, but it is counted. */
bool limits_enter(struct limits *limits, uint64_t max);
/* Gives it back. */
void limits_leave(struct limits *limits);
/* Places that are taken. */
uint64_t limits_connections(const struct limits *limits);

#endif
