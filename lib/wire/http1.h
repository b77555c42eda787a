/* HTTP/1.0 and 1.1 heads (RFC 9112), strict: request heads for the server, response heads for
 * clients, and the writing of both. No I/O, no allocation: the caller gathers a head in one
 * contiguous buffer and gets views into it. Bodies are in lib/wire/http1_body.h, targets in
 * lib/wire/target.h. */
#ifndef LIB_WIRE_HTTP1_H
#define LIB_WIRE_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct buf;

#define HTTP1_HEADERS_MAX 64
/* Bodies and chunks never claim more: 2^53. */
#define HTTP1_LENGTH_MAX ((uint64_t)1 << 53)

struct http1_limits {
	size_t head_max; /* bytes of a head with its final blank line; above: 431 */
	size_t line_max; /* bytes of the request line without its CRLF; above: 414 */
	size_t headers_max; /* at most HTTP1_HEADERS_MAX; above: 431 */
};

/* 16 KiB, 8 KiB, 64. */
extern const struct http1_limits http1_limits_default;

enum http1_method {
	HTTP1_OTHER, /* a well-formed token that is none of these: 405 or 501 is the caller's */
	HTTP1_GET,
	HTTP1_HEAD,
	HTTP1_POST,
	HTTP1_PUT,
	HTTP1_DELETE,
	HTTP1_PATCH,
	HTTP1_OPTIONS,
	HTTP1_CONNECT,
	HTTP1_TRACE,
};

enum http1_framing {
	HTTP1_BODY_NONE, /* no body, or Content-Length: 0 */
	HTTP1_BODY_LENGTH, /* content_length bytes, at least 1 */
	HTTP1_BODY_CHUNKED,
	HTTP1_BODY_UNTIL_CLOSE, /* responses only */
};

struct http1_header {
	struct bytes name;
	struct bytes value; /* blanks at both ends are cut off */
};

struct http1_headers {
	size_t count;
	struct http1_header items[HTTP1_HEADERS_MAX];
};

/* All views point into the input of the parse call. */
struct http1_request {
	enum http1_method method;
	struct bytes method_text;
	struct bytes target; /* 0x21 to 0x7e only, not empty; for target_parse() */
	int minor; /* 0 or 1 */
	bool keep_alive; /* what the client offers; the server may still say close */
	bool expect_continue; /* Expect: 100-continue of a 1.1 request that has a body */
	enum http1_framing framing; /* never HTTP1_BODY_UNTIL_CLOSE */
	uint64_t content_length; /* 0 but for HTTP1_BODY_LENGTH */
	struct http1_headers headers;
};

struct http1_response {
	int status; /* 100 to 599; after 1xx other than 101 another head follows */
	struct bytes reason; /* may be empty */
	int minor;
	bool keep_alive;
	enum http1_framing framing;
	uint64_t content_length;
	struct http1_headers headers;
};

/* What is known about a head that is still incomplete, and why one was refused. All zero bytes at
 * the start; zero again after each whole head, so that it serves the next one. */
struct http1_parser {
	size_t scanned; /* bytes of the input that need no second look */
	size_t line_start; /* offset of the line that contains them */
	size_t head_start; /* behind tolerated empty lines */
	unsigned lines; /* whole lines of the head so far */
	int status; /* suggested HTTP status of a refusal, else 0 */
	const char
		*reason; /* short English text of a refusal for the body and the log, else NULL */
};

/* Looks for one whole request head at the start of input. Call again with the same bytes and more
 * behind them (the buffer may have moved) while it answers ERR_AGAIN: each byte is looked at twice
 * altogether, however it trickles in. Refuses at once when the request line, a length, or a
 * character that can be in no head shows that no request will come of it. Up to two empty lines
 * before the request are skipped (RFC 9112 section 2.2). *ret_consumed is the length of the head
 * with them; what follows is the body.
 * ERR_AGAIN; or, with parser->status and parser->reason: ERR_BAD_REQUEST (400), ERR_TOO_LARGE (413,
 * 414, 431), ERR_NOT_SUPPORTED (417, 501, 505). After a refusal the connection must be closed and
 * the parser not be called again. */
int http1_request_parse(struct http1_parser *parser, struct bytes input,
	const struct http1_limits *limits, struct http1_request *ret_request, size_t *ret_consumed);

/* The same for a response. head_request: it answers HEAD (or a 2xx answers CONNECT), so no body
 * follows whatever the headers say. line_max holds for the status line. Errors as above; status is
 * 502 then. */
int http1_response_parse(struct http1_parser *parser, struct bytes input,
	const struct http1_limits *limits, bool head_request, struct http1_response *ret_response,
	size_t *ret_consumed);

/* Value of the first header of that name (any case), or NULL. */
const struct bytes *http1_header(const struct http1_headers *headers, const char *name);
size_t http1_header_count(const struct http1_headers *headers, const char *name);
/* Whether a comma-separated member of any header of that name is exactly token, in any case: a
 * member with parameters is not. */
bool http1_header_has_token(
	const struct http1_headers *headers, const char *name, const char *token);

/* Methods are told apart by case. */
enum http1_method http1_method_find(struct bytes text);

/* Whether text is a token (RFC 9110 section 5.6.2), not empty. */
bool http1_is_token(struct bytes text);

/* The reason phrase, such as "Not Found"; for unknown numbers "Unknown". */
const char *http1_status_text(int status);

/* Writers. They append to out. Control characters in values are written as blanks, so that no value
 * splits a head; names are constants of ours. */

/* "HTTP/1.1 404 Not Found" and CRLF. */
void http1_write_status(struct buf *out, int status);
/* "GET /target HTTP/1.1" and CRLF. */
void http1_write_request_line(struct buf *out, const char *method, struct bytes target);
void http1_write_header(struct buf *out, const char *name, struct bytes value);
/* A header with a number, such as Content-Length. */
void http1_write_header_u64(struct buf *out, const char *name, uint64_t value);
/* The blank line. */
void http1_write_end(struct buf *out);
/* A whole response head: status line, the headers, blank line. */
void http1_write_head(
	struct buf *out, int status, const struct http1_header *headers, size_t count);

/* One chunk; nothing for an empty payload, because that would end the body. */
void http1_write_chunk(struct buf *out, struct bytes payload);
/* The last chunk without trailers. */
void http1_write_last_chunk(struct buf *out);

#endif
