/* Client connections of the benchmark that are kept alive and ask one thing at a time over HTTP. */
#ifndef TESTS_BENCH_BENCH_HTTP_H
#define TESTS_BENCH_BENCH_HTTP_H

#include "lib/base/bytes.h"
#include "tests/bench/bench_target.h"

struct bench_http {
	int fd;
	struct buf head; /* what all its requests have in common: host and token */
	struct buf input; /* of the present answer */
};

/* Connects as a user. Ends the program if that fails. */
void bench_http_open(struct bench_http *http, const struct bench_target *target, size_t user);
void bench_http_close(struct bench_http *http);

/* Sends a request; body NULL: none, else it is JSON. The last answer must have been read. */
void bench_http_send(
	struct bench_http *http, const char *method, const char *path, const char *body);

/* Reads once what is there (a blocking socket: waits for it). Answers the status of the answer once
 * all of it is there, with its body in *ret_body (appended), and 0 before. Ends the program if the
 * connection has ended. */
int bench_http_read(struct bench_http *http, struct buf *ret_body);

#endif
