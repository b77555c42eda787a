/* The server that is measured, as its clients need to know it. */
#ifndef TESTS_BENCH_BENCH_TARGET_H
#define TESTS_BENCH_BENCH_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

/* A blocking socket waits no longer for an answer. */
#define BENCH_TIMEOUT_S 20

enum bench_transport {
	BENCH_WEBSOCKETS,
	BENCH_EVENTS, /* server-sent events */
	BENCH_POLLS, /* long polling */
};

enum bench_encoding {
	BENCH_JSON,
	BENCH_MESSAGEPACK,
};

/* Users and rooms are named after it: "NAME-3" in room "NAME-room-1". */
struct bench_target {
	uint16_t port; /* on 127.0.0.1 */
	const char *secret; /* tokens are signed with it (HS256) */
	const char *name;
	enum bench_transport transport; /* of the hub connections to it */
	enum bench_encoding encoding;
};

/* "websockets", "sse", "longpolling"; "json", "messagepack". False: it is none of them. */
bool bench_transport_find(const char *name, enum bench_transport *ret_transport);
bool bench_encoding_find(const char *name, enum bench_encoding *ret_encoding);

/* The name of a room of the target. */
#define BENCH_ROOM_SIZE 64
void bench_room_name(const struct bench_target *target, size_t room, char out[BENCH_ROOM_SIZE]);

/* Appends a JWT of the user, good for an hour and signed with HS256 (RFC 7519, RFC 7515). number
 * makes it another one. */
void bench_token(const struct bench_target *target, size_t user, uint64_t number, struct buf *out);

/* A blocking socket that is connected to it. Ends the program where that fails. */
int bench_connect(const struct bench_target *target);

#endif
