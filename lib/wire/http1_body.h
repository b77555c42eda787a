/* HTTP/1.1 bodies (RFC 9112 section 6 and 7): bytes of the connection in, pieces of payload out.
 * Incremental, without a copy and without memory of its own. */
#ifndef LIB_WIRE_HTTP1_BODY_H
#define LIB_WIRE_HTTP1_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/wire/http1.h"

/* Bytes of one chunk's size line, of all chunk extensions of a body, and of all its trailers. */
#define HTTP1_CHUNK_LINE_MAX 256
#define HTTP1_CHUNK_EXTENSIONS_MAX 4096
#define HTTP1_TRAILERS_MAX 8192

/* Embedded; no finish needed. */
struct http1_body {
	uint64_t left; /* payload bytes to come, of the body or the chunk */
	const char *reason; /* short English text of a refusal, else NULL */
	uint16_t line; /* bytes of the present chunk line */
	uint16_t extensions; /* bytes of extensions so far */
	uint16_t trailers; /* bytes of trailers so far */
	uint8_t state; /* enum body_state in http1_body.c */
};

/* framing and content_length as in the parsed head. */
void http1_body_init(struct http1_body *body, enum http1_framing framing, uint64_t content_length);

/* Takes bytes off the front of *input and gives the next piece of payload, a view into it. 0: a
 * piece, empty only where the body has just ended; ERR_AGAIN: all input is used up and more is
 * needed; ERR_BAD_REQUEST with body->reason (400 and close, for it can not be known where the next
 * message starts). Must not be called when http1_body_done(). Loop:
 *
 *	while (!http1_body_done(&body)) {
 *		err = http1_body_feed(&body, &input, &piece);
 *		if (err != 0) { break; }
 *		... use piece ...
 *	}
 *
 * What is left in input then belongs to the next message. */
int http1_body_feed(struct http1_body *body, struct bytes *input, struct bytes *ret_piece);

/* The whole body has been read. Never true for HTTP1_BODY_UNTIL_CLOSE. */
bool http1_body_done(const struct http1_body *body);

/* Whether the end of the connection is a proper end of the body here: done, or until close. */
bool http1_body_may_close(const struct http1_body *body);

#endif
