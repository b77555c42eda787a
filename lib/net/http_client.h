/* Requests over HTTP to others: GET and POST on a loop, by libcurl's multi interface. libcurl is
 * loaded when the first client is made (it brings some thirty libraries along, which cost nothing
 * where they are not used); http_client.c and http_client_call.c are the only files that see it.
 *
 * Certificates and host names are verified. Redirects are not followed: a 3xx is an answer like any
 * other. Proxies, .netrc and curl's own settings in the environment do not count. Nothing is
 * decompressed. A client and its requests belong to the loop's thread. */
#ifndef LIB_NET_HTTP_CLIENT_H
#define LIB_NET_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct loop;
struct http_client;
struct http_client_call;

struct http_client_params {
	struct loop *loop; /* must outlive the client */
	const char *user_agent; /* copied */
	/* PEM certificates of the authorities that are trusted, instead of the system's; copied.
	 * Empty: the system's. */
	struct bytes ca_pem;
};

/* ERR_SYSTEM with a sentence appended to why: libcurl is not there, or too old. */
int http_client_create(
	const struct http_client_params *params, struct http_client **ret_client, struct buf *why);
/* Cancels all calls. Not from within on_head and on_body. Sets *client to NULL; NULL is accepted.
 */
void http_client_destroy(struct http_client **client);

struct http_client_header {
	struct bytes name, value; /* without line ends */
};

/* How a call ended; good while done runs. */
struct http_client_answer {
	/* 0: a whole answer came, whatever its status. ERR_UNREACHABLE: no connection, a broken
	 * one, a certificate that is not good, no HTTP; ERR_TIMEOUT: one of the deadlines;
	 * ERR_TOO_LARGE: more than max_size bytes came; or what on_body answered. */
	int err;
	int status; /* 0 where none came */
	struct bytes body; /* what was gathered; empty where there is on_body, or err */
	const char *why; /* a sentence on err for people; "" with 0 */
	const struct buf *headers; /* http_client_answer_header()'s */
};

/* A piece of the body, in its order; the status is known, on_head was called. 0, or a negative
 * error that ends the call with it. The call may be cancelled inside, and others may be started. */
typedef int (*http_client_body_fn)(void *ctx, struct bytes piece);
/* Before the first piece, once, with the final status. 0 or a negative error, as with on_body. */
typedef int (*http_client_head_fn)(void *ctx, int status);
typedef void (*http_client_done_fn)(void *ctx, const struct http_client_answer *answer);

struct http_client_request {
	const char *method; /* "GET" or "POST" */
	const char *url; /* http or https */
	const struct http_client_header *headers; /* control characters: ERR_BAD_REQUEST */
	size_t header_count;
	struct bytes body; /* of a POST */
	uint64_t connect_us; /* for resolving, connecting and TLS together */
	uint64_t total_us; /* from the start to the end of the answer; 0: no bound */
	uint64_t stall_us; /* the longest without a byte, in either direction; 0: no bound */
	size_t max_size; /* bytes of the body of the answer */
	http_client_head_fn on_head; /* NULL: not asked */
	http_client_body_fn on_body; /* NULL: the body is gathered */
	http_client_done_fn done;
	void *ctx;
};

/* Everything is copied. done runs exactly once, later, on the loop, never inside this call; it may
 * start others, and destroy the client. Nothing can fail here: a URL that is none is told by done
 * too. The answer is for http_client_cancel(), and good until done runs. */
struct http_client_call *http_client_start(
	struct http_client *client, const struct http_client_request *request);
/* done will not run. Sets *call to NULL; NULL is accepted. */
void http_client_cancel(struct http_client_call **call);

/* The value of the first header of that name (case does not matter), trimmed; BYTES_NONE where
 * there is none. */
struct bytes http_client_answer_header(const struct http_client_answer *answer, const char *name);

#endif
