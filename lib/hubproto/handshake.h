/* The handshake of the hub protocol: one JSON record and 0x1E in each direction, whatever the
 * codec. */
#ifndef LIB_HUBPROTO_HANDSHAKE_H
#define LIB_HUBPROTO_HANDSHAKE_H

#include "lib/hubproto/codec.h"

struct handshake_request {
	const struct hub_codec *codec;
	int version;
};

/* Reads the record (without 0x1E). On failure ERR_BAD_REQUEST and in *ret_error the text for the
 * client, as ASP.NET Core gives it, with its detail where detailed is set; on the arena. codecs:
 * those that are spoken, a set of 1 << enum hub_codec_id. binary_ok: the transport can carry
 * binary.
 */
int handshake_read(struct arena *arena, struct bytes record, unsigned codecs, bool binary_ok,
	bool detailed, struct handshake_request *ret_request, const char **ret_error);
/* "{}" and 0x1E, or the error form where error is not NULL. */
void handshake_write_response(struct buf *out, const char *error);
/* For clients. */
void handshake_write_request(struct buf *out, const struct hub_codec *codec, int version);
/* For clients: reads the response record; ERR_UNAVAILABLE with the server's text where it refused.
 */
int handshake_read_response(struct arena *arena, struct bytes record, const char **ret_error);

#endif
