/* Entity tags, and requests that are conditional on them (RFC 9110 sections 8.8.3 and 13). A tag is
 * "VERSION-HASH", or "HASH" of what has no version: 16 hexadecimal digits of the body's SHA-256,
 * with "-gzip" behind it where the body is compressed. */
#ifndef CHATD_REST_ETAG_H
#define CHATD_REST_ETAG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/wire/http1.h"

#define ETAG_SIZE 56 /* of the longest one, with its quotes and NUL */

/* version 0: it has none. body: before it is compressed. */
void etag_write(uint64_t version, struct bytes body, bool gzip, char out[ETAG_SIZE]);

/* Whether If-None-Match is there and names the tag, "*", or the same body coded otherwise (weak
 * comparison). */
bool etag_none_match(const struct http1_headers *headers, const char *tag);
/* Whether If-Match is not there, or names the tag, or "*" (strong comparison). */
bool etag_matches(const struct http1_headers *headers, const char *tag);

/* What If-Match demands of a resource that is to be changed. */
enum etag_demand {
	ETAG_ANY, /* it is not there, or "*" */
	ETAG_VERSION, /* just one version */
	ETAG_IMPOSSIBLE, /* no version of ours, or several */
};
enum etag_demand etag_read_match(const struct http1_headers *headers, uint64_t *ret_version);

#endif
