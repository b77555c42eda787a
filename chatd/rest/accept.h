/* What a client offers and wants, by its headers (RFC 9110 section 12). */
#ifndef CHATD_REST_ACCEPT_H
#define CHATD_REST_ACCEPT_H

#include <stdbool.h>

#include "lib/wire/http1.h"

/* One walk over the members of a comma-separated header, all its lines: a comma in quotes cuts
 * nothing. Zeroed but for headers and name. */
struct header_walk {
	const struct http1_headers *headers;
	const char *name;
	size_t line; /* that comes next */
	struct bytes rest; /* of the line before it */
};

/* The next member that is not empty, without blanks around it. */
bool header_walk_next(struct header_walk *walk, struct bytes *ret_member);

/* Whether an answer may be application/json or application/problem+json: no Accept, or one of them,
 * or a range that they are in, with a weight above 0. The nearest range decides. */
bool accept_takes_json(const struct http1_headers *headers);
/* Whether gzip is wanted, and not less than no coding. */
bool accept_takes_gzip(const struct http1_headers *headers);
/* Whether a body is JSON in UTF-8: application/json, or a type that ends in +json, with no charset
 * but utf-8 and no Content-Encoding. */
bool accept_is_json(const struct http1_headers *headers);

#endif
