#include "chatd/conn/codecs.h"

#include "lib/conf/conf.h"

void codecs_init(struct codecs *codecs, const struct conf *conf)
{
	codecs->by_id[HUB_CODEC_JSON] = &hub_codec_json;
	codecs->by_id[HUB_CODEC_MSGPACK] =
		conf->hub.messagepack
			? hub_codec_msgpack((enum msgpack_names)conf->hub.messagepack_names,
				  (enum msgpack_lz4)conf->hub.messagepack_lz4)
			: NULL;
	atomic_init(&codecs->used, 1U << HUB_CODEC_JSON);
}

unsigned codecs_spoken(const struct codecs *codecs)
{
	unsigned spoken = 0;
	for (unsigned id = 0; id < HUB_CODEC_COUNT; id++) {
		spoken |= codecs->by_id[id] != NULL ? 1U << id : 0;
	}
	return spoken;
}

unsigned codecs_used(const struct codecs *codecs)
{
	return atomic_load_explicit(&codecs->used, memory_order_relaxed);
}

void codecs_use(struct codecs *codecs, enum hub_codec_id id)
{
	if ((codecs_used(codecs) & (1U << id)) == 0) {
		atomic_fetch_or_explicit(&codecs->used, 1U << id, memory_order_relaxed);
	}
}
