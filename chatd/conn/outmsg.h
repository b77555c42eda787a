/* A message on its way to many connections: encoded once for each codec the node has connections
 * for, shared by all receivers. */
#ifndef CHATD_CONN_OUTMSG_H
#define CHATD_CONN_OUTMSG_H

#include <stdatomic.h>

#include "chatd/conn/codecs.h"
#include "chatd/transport/transport.h"

/* Immutable once it is shared; one atomic reference per worker (or other holder). */
struct outmsg;

/* Collects whole hub messages. */
struct outmsg_builder {
	struct buf forms[HUB_CODEC_COUNT]; /* WS_HEADROOM free bytes, then records */
	const struct hub_codec *codecs[HUB_CODEC_COUNT]; /* NULL: not wanted */
	uint32_t count; /* messages so far */
};

/* For all codecs that the node's connections use. */
void outmsg_begin(struct outmsg_builder *builder, const struct codecs *codecs);
/* For one. */
void outmsg_begin_single(struct outmsg_builder *builder, const struct hub_codec *codec);
void outmsg_add(struct outmsg_builder *builder, const struct hub_message *message);
/* Bytes of the largest form so far. */
size_t outmsg_size(const struct outmsg_builder *builder);
/* One reference for the caller; the builder is empty afterwards. */
struct outmsg *outmsg_end(struct outmsg_builder *builder);
/* A single message for one codec, for several receivers or for later. */
struct outmsg *outmsg_single(const struct hub_codec *codec, const struct hub_message *message);

/* A single message for one receiver: one reference to just the bytes that it is on its way. */
struct chunk *outmsg_alone(const struct hub_codec *codec, const struct hub_message *message,
	enum transport_framing framing);

/* The handshake's answer, which is text before any codec: one record of JSON. error: NULL for none.
 * One reference. */
struct chunk *outmsg_handshake(const char *error, enum transport_framing framing);

struct outmsg *outmsg_ref(struct outmsg *msg);
void outmsg_unref(struct outmsg **msg);
/* Hub messages inside. */
uint32_t outmsg_count(const struct outmsg *msg);

/* A worker's view of a message: plain counters inside, one atomic reference outside. */
struct outmsg_local;
struct outmsg_local *outmsg_local_create(struct outmsg *msg);
/* The creator's part ends; what is queued lives on. */
void outmsg_local_done(struct outmsg_local **local);
/* The form for a codec and framing, borrowed; made once for all who ask. NULL where it was not
 * encoded for that codec: it was under way already when the node's first connection with it came.
 */
struct chunk *outmsg_chunk(
	struct outmsg_local *local, const struct hub_codec *codec, enum transport_framing framing);
uint32_t outmsg_local_count(const struct outmsg_local *local);

#endif
