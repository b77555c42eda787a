/* The hub protocols of a process: which are spoken, in which form, and which of them its
 * connections use, so that nothing is encoded for nobody. */
#ifndef CHATD_CONN_CODECS_H
#define CHATD_CONN_CODECS_H

#include <stdatomic.h>

#include "lib/hubproto/codec.h"

struct conf;

struct codecs {
	const struct hub_codec *by_id[HUB_CODEC_COUNT]; /* NULL: not spoken */
	atomic_uint used; /* set of 1 << id, JSON always: what a connection has asked for */
};

/* As the settings hub.messagepack* say. */
void codecs_init(struct codecs *codecs, const struct conf *conf);
/* The set of 1 << id of those that are spoken. */
unsigned codecs_spoken(const struct codecs *codecs);
/* Any thread. */
unsigned codecs_used(const struct codecs *codecs);
/* Any thread: a connection uses it from now on. */
void codecs_use(struct codecs *codecs, enum hub_codec_id id);

#endif
