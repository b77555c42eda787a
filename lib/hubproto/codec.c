#include "lib/hubproto/codec.h"

static bool has_name(const struct hub_codec *codec, struct bytes name)
{
	return bytes_eq_nocase(bytes_str(codec->name), name);
}

const struct hub_codec *hub_codec_find(struct bytes name)
{
	const struct hub_codec *msgpack = hub_codec_msgpack(MSGPACK_NAMES_PASCAL, MSGPACK_LZ4_NONE);
	if (has_name(&hub_codec_json, name)) {
		return &hub_codec_json;
	}
	return has_name(msgpack, name) ? msgpack : NULL;
}
