/* Client connections of the benchmark that are kept alive and ask one thing at a time over HTTP. */
#ifndef TESTS_BENCH_BENCH_HTTP_H
#define TESTS_BENCH_BENCH_HTTP_H

#include "lib/base/bytes.h"
#include "tests/bench/bench_target.h"

struct bench_http {
	const struct bench_target *target;
	int fd; /* -1: not connected */
	unsigned waiting; /* requests without an answer yet */
	struct buf head; /* what all its requests have in common: host and token */
	struct buf input; /* of answers that are not whole */
};

/* Connects as a user; number makes its token another one. Ends the program if that fails. */
void bench_http_open(
	struct bench_http *http, const struct bench_target *target, size_t user, uint64_t number);
/* Ends the connection, once all answers are there; the next request makes a new one. */
void bench_http_hang_up(struct bench_http *http);
/* Ends the connection at once and frees everything. */
void bench_http_close(struct bench_http *http);

/* Appends a whole request. type NULL: no body. */
void bench_http_write(const struct bench_http *http, const char *method, const char *path,
	const char *type, struct bytes body, struct buf *out);
/* Sends one. */
void bench_http_send(struct bench_http *http, const char *method, const char *path,
	const char *type, struct bytes body);

/* Takes the next answer that has come, reading once if need be (a blocking socket: waits for it).
 * Answers its status once all of it is there, with its body in *ret_body (appended), and 0 before.
 * Ends the program if the connection has ended. */
int bench_http_read(struct bench_http *http, struct buf *ret_body);

/* Takes the answers that have come, without waiting for any. Ends the program if one is no 200. */
void bench_http_drain(struct bench_http *http);
/* Waits for the answers that have not come, and takes them all alike. */
void bench_http_drain_all(struct bench_http *http);

#endif
