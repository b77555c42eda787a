/* Where a client goes, and what each of its requests says: negotiate, and those of the transports
 * (TransportProtocols.md). */
#ifndef LIB_CLIENT_DESTINATION_H
#define LIB_CLIENT_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/client/address.h"

struct buf;
struct client_options;
struct stream_pool;

/* Shared by an opening and the carrier that comes of it. */
struct destination {
	uint32_t refs;
	struct stream_pool *pool;
	struct client_address address;
	char *token; /* may be empty */
	char *id; /* negotiated, or NULL */
	bool binary; /* what records of the hub are */
	size_t max_queued;
	size_t max_event; /* bytes of one server-sent event */
	uint64_t request_timeout_us;
};

/* No number of the options is zero. ERR_USAGE and ERR_NOT_SUPPORTED as client_open(). */
int destination_create(struct stream_pool *pool, const struct client_options *options,
	struct destination **ret_destination);
struct destination *destination_ref(struct destination *destination);
void destination_unref(struct destination **destination);
/* Copies. */
void destination_set_token(struct destination *destination, struct bytes token);
void destination_set_id(struct destination *destination, struct bytes id);

/* A whole POST path/negotiate?query&negotiateVersion=1 with an empty body; the connection is not
 * kept. */
void destination_write_negotiate(const struct destination *destination, struct buf *out);
/* METHOD path?query&id=id, Host and Authorization; the caller adds headers and ends it. number: 0,
 * or what makes it differ from others for caches, as _=number. The buffer then holds secrets. */
void destination_write_request(const struct destination *destination, struct buf *out,
	const char *method, uint64_t number);

/* Wipes and frees what such a request was written to. */
void destination_wipe(struct buf *out);

#endif
