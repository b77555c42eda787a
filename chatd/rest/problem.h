/* Failures as clients see them: problem+json (RFC 9457), with the codes of lib/base/err.h. */
#ifndef CHATD_REST_PROBLEM_H
#define CHATD_REST_PROBLEM_H

#include <stdint.h>

#include "lib/base/bytes.h"

struct arena;

#define PROBLEM_TYPE "application/problem+json"

struct problem {
	int err; /* 0: none */
	const char *detail; /* one sentence without final stop; constant or on the arena of the
			       exchange; NULL: what err_text() says */
	const char *place; /* of the parameter that is wrong: path, query, body, header; or NULL */
	const char *name; /* of that parameter */
	const char *headers; /* whole lines that belong to it, or NULL */
	uint64_t retry_us; /* it may be tried again after so long; 0: nobody knows */
};

/* Sets the first two and gives err back: return problem_set(problem, ERR_BAD_REQUEST, "..."). */
int problem_set(struct problem *problem, int err, const char *detail);
/* The same of one parameter. */
int problem_set_at(
	struct problem *problem, const char *place, const char *name, const char *detail);

/* Appends the body. request: the exchange's id. */
void problem_write(struct buf *out, const struct problem *problem, uint64_t request);
/* The body for what the HTTP server refused with that status. */
void problem_write_plain(struct buf *out, int status, const char *detail);

#endif
