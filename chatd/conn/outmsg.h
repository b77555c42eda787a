/* A message on its way to many connections: encoded once for each codec the node has connections
 * for, shared by all receivers. */
#ifndef CHATD_CONN_OUTMSG_H
#define CHATD_CONN_OUTMSG_H

#include <stdatomic.h>

#include "lib/hubproto/codec.h"
#include "lib/net/chunk.h"

/* Immutable once it is shared; one atomic reference per worker (or other holder). */
struct outmsg;

/* Collects whole hub messages. */
struct outmsg_builder {
	struct buf forms[HUB_CODEC_COUNT]; /* WS_HEADROOM free bytes, then records */
	unsigned codecs; /* bit n: codec n is wanted */
	uint32_t count; /* messages so far */
};

/* codecs: a set of 1 << enum hub_codec_id. */
void outmsg_begin(struct outmsg_builder *builder, unsigned codecs);
void outmsg_add(struct outmsg_builder *builder, const struct hub_message *message);
/* Bytes of the largest form so far. */
size_t outmsg_size(const struct outmsg_builder *builder);
/* One reference for the caller; the builder is empty afterwards. */
struct outmsg *outmsg_end(struct outmsg_builder *builder);
/* A single message for one codec. */
struct outmsg *outmsg_single(const struct hub_codec *codec, const struct hub_message *message);

struct outmsg *outmsg_ref(struct outmsg *msg);
void outmsg_unref(struct outmsg **msg);
/* Hub messages inside. */
uint32_t outmsg_count(const struct outmsg *msg);

/* A worker's view of a message: plain counters inside, one atomic reference outside. */
struct outmsg_local;
struct outmsg_local *outmsg_local_create(struct outmsg *msg);
/* The creator's part ends; what is queued lives on. */
void outmsg_local_done(struct outmsg_local **local);
/* The form for a codec and framing (ws: a whole frame), borrowed; NULL where it was not encoded for
 * that codec. */
struct chunk *outmsg_chunk(struct outmsg_local *local, enum hub_codec_id codec, bool ws);
uint32_t outmsg_local_count(const struct outmsg_local *local);

#endif
