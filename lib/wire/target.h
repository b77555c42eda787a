/* Request targets (RFC 9112 section 3.2, RFC 3986): path and query as ASP.NET Core reads them. */
#ifndef LIB_WIRE_TARGET_H
#define LIB_WIRE_TARGET_H

#include <stddef.h>

#include "lib/base/bytes.h"

struct arena;

struct target {
	struct bytes path; /* decoded, on the arena, NUL-terminated; starts with '/', or is "*" */
	struct bytes
		query; /* as it came, without '?'; a view of the input; for target_query_get() */
	struct bytes authority; /* of an absolute-form target, a view of the input; else empty */
};

/* Splits origin-form, absolute-form (http and https) and "*". The path is percent-decoded once,
 * then dot segments are resolved (never above the root). "%2F" stays as it is written, so that
 * decoding never makes a segment; doubled slashes stay. ERR_BAD_REQUEST: another form (CONNECT's
 * too), an incomplete or non-hex percent sequence in the path, "%00", a path that is not UTF-8 when
 * decoded,
 * '#', a blank or control character, user information or nothing in the authority. */
int target_parse(struct bytes raw, struct arena *arena, struct target *ret_target);

/* Value of the key name (ASCII letters in any case). Names and values are decoded: '+' is a blank,
 * percent sequences that are malformed or give no UTF-8 stay as they are written. A key without '='
 * has the empty value. The values of a repeated key are joined with commas, in order.
 * *ret_value: on the arena, NUL-terminated, but may hold NUL inside. *ret_count (may be NULL): how
 * often the key occurs. 0 or ERR_NOT_FOUND. */
int target_query_get(struct bytes query, const char *name, struct arena *arena,
	struct bytes *ret_value, size_t *ret_count);

/* Cuts the next name and value, not decoded, off the front of *query; empty pairs are skipped. 0,
 * or ERR_NOT_FOUND at the end. */
int target_query_next(struct bytes *query, struct bytes *ret_name, struct bytes *ret_value);

/* Decodes a name or value as target_query_get() does; on the arena, NUL-terminated. */
struct bytes target_query_decode(struct bytes text, struct arena *arena);

/* The raw target for a log line: the values of id and access_token, which are secrets, become
 * "***"; user information of an absolute form likewise. On the arena, NUL-terminated. */
struct bytes target_for_log(struct bytes raw, struct arena *arena);

struct buf;

/* Appends text percent-encoded, all but the unreserved characters of RFC 3986 (A-Z a-z 0-9 - . _
 * ~), so that it can stand as one path segment, query name or query value. */
void target_encode(struct buf *out, struct bytes text);

#endif
