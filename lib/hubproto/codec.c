#include "lib/hubproto/codec.h"

static const struct hub_codec *const codecs[] = {
	&hub_codec_json,
};

const struct hub_codec *hub_codec_find(struct bytes name)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		if (bytes_eq_nocase(bytes_str(codecs[i]->name), name)) {
			return codecs[i];
		}
	}
	return NULL;
}
