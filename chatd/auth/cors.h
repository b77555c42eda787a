/* Calls of pages that another origin served (CORS,
 * https://fetch.spec.whatwg.org/#http-cors-protocol): which they are is chatd/auth/origin.h's. */
#ifndef CHATD_AUTH_CORS_H
#define CHATD_AUTH_CORS_H

#include <stdbool.h>

#include "lib/wire/http1.h"

struct conf;

/* Appends what an answer must say so that the page may read it, whole lines; nothing where no
 * Origin was sent, or one that is not allowed. */
void cors_write_answer(
	const struct conf *conf, const struct http1_headers *headers, struct buf *out);

/* Whether the browser asks beforehand. */
bool cors_is_preflight(const struct http1_request *request);
/* Appends the answer's header lines; methods: "GET, POST". ERR_FORBIDDEN: the origin is not
 * allowed. */
int cors_write_preflight(const struct conf *conf, const struct http1_headers *headers,
	const char *methods, struct buf *out);

#endif
