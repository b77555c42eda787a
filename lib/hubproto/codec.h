/* A hub protocol: records in, messages out, and back. */
#ifndef LIB_HUBPROTO_CODEC_H
#define LIB_HUBPROTO_CODEC_H

#include "lib/hubproto/message.h"
#include "lib/value/lz4.h"

/* Bytes that LZ4 values of a message may hold where its reader sets no bound. */
#define HUB_PLAIN_MAX (128 * 1024)

enum hub_codec_id { HUB_CODEC_JSON, HUB_CODEC_MSGPACK, HUB_CODEC_COUNT };

struct hub_codec {
	enum hub_codec_id id;
	const char *name; /* as in the handshake */
	bool binary; /* WebSocket frame type towards clients */
	int max_version;

	/* Cuts the next whole record off *input (advancing it). 0; ERR_AGAIN where it is not whole
	 * yet (then *input is left alone); ERR_TOO_LARGE where it is, or will be, longer than max
	 * bytes with its framing; ERR_BAD_REQUEST. *ret_record views the input without framing.
	 * scanned: bytes at the start of *input that were looked at before without finding the end
	 * (0 at first); updated, so that a record that trickles in is not scanned again and again.
	 */
	int (*next_record)(
		struct bytes *input, size_t max, size_t *scanned, struct bytes *ret_record);
	/* Reads one record. ERR_BAD_REQUEST: malformed; *ret_why is then the inner text that
	 * ASP.NET Core gives with detailed errors
	 * ("Missing required property 'type'."), on the arena. */
	int (*read)(struct arena *arena, struct bytes record, struct hub_message *ret_message,
		const char **ret_why);
	/* The same with a bound of the caller's for what LZ4 values (MessagePack) hold when they
	 * are plain, in bytes of all of the message together, where read() takes HUB_PLAIN_MAX.
	 * Values beyond it bind to nothing. */
	int (*read_bounded)(struct arena *arena, struct bytes record, size_t plain_max,
		struct hub_message *ret_message, const char **ret_why);
	/* Appends one whole record with its framing, as the server writes it. */
	void (*write)(struct buf *out, const struct hub_message *message);
};

extern const struct hub_codec hub_codec_json;

/* By handshake name without regard to case; NULL where there is none. "messagepack" gives the form
 * with names in PascalCase and without LZ4. */
const struct hub_codec *hub_codec_find(struct bytes name);

/* The MessagePack hub protocol (HubProtocol.md, "MessagePack Encoding") with that way of writing
 * values (an argument, an item, a result); all have the id HUB_CODEC_MSGPACK, and all read every
 * spelling and form. Constant, never NULL. */
const struct hub_codec *hub_codec_msgpack(enum msgpack_names names, enum msgpack_lz4 lz4);

#endif
