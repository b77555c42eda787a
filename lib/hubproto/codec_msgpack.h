/* What the two halves of the MessagePack codec share. */
#ifndef LIB_HUBPROTO_CODEC_MSGPACK_H
#define LIB_HUBPROTO_CODEC_MSGPACK_H

#include "lib/hubproto/message.h"

/* Kinds of completions. */
enum { CODEC_MSGPACK_ERROR = 1, CODEC_MSGPACK_VOID = 2, CODEC_MSGPACK_RESULT = 3 };

/* As struct hub_codec has it. plain_max: bytes that all LZ4 values of the message together may
 * hold; one that would be longer is value_unfit. */
int codec_msgpack_read(struct arena *arena, struct bytes record, size_t plain_max,
	struct hub_message *ret_message, const char **ret_why);

#endif
