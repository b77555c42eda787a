/* WebSocket frames (RFC 6455), either role: bytes in, events out. Payload of data frames is handed
 * on as it arrives and never held back. Also the parts of the opening handshake. */
#ifndef LIB_WIRE_WS_H
#define LIB_WIRE_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/utf8.h"

#define WS_CONTROL_MAX 125
#define WS_HEADER_MAX 14
#define WS_KEY_SIZE 25 /* 24 characters and NUL */
#define WS_ACCEPT_SIZE 29 /* 28 characters and NUL */

enum ws_role {
	WS_SERVER, /* frames that are read must be masked */
	WS_CLIENT, /* frames that are read must not be masked */
};

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

/* Close codes (RFC 6455 section 7.4.1). */
enum ws_close_code {
	WS_CODE_NORMAL = 1000,
	WS_CODE_GOING_AWAY = 1001,
	WS_CODE_PROTOCOL_ERROR = 1002,
	WS_CODE_UNSUPPORTED = 1003,
	WS_CODE_NONE = 1005, /* never sent: a Close without a code came */
	WS_CODE_BAD_DATA = 1007,
	WS_CODE_POLICY = 1008,
	WS_CODE_TOO_BIG = 1009,
	WS_CODE_INTERNAL = 1011,
};

enum ws_event_type {
	WS_EVENT_DATA, /* a piece of a text or binary message */
	WS_EVENT_PING, /* answer with a Pong of the same payload */
	WS_EVENT_PONG,
	WS_EVENT_CLOSE, /* the peer's Close, valid; nothing follows */
	WS_EVENT_ERROR, /* the peer breaks the protocol: send Close with code and reason, then end
			 */
};

struct ws_event {
	enum ws_event_type type;
	enum ws_opcode opcode; /* DATA: WS_TEXT or WS_BINARY, for continuation frames too; ERROR:
				* WS_CLOSE where the payload of a Close was at fault, its header
				* being lawful */
	bool frame_end; /* DATA: the last piece of its frame */
	bool message_end; /* DATA: and that was the last frame of the message */
	uint16_t code; /* CLOSE: as it came, WS_CODE_NONE for none; ERROR: 1002, 1007 or 1009 */
	/* DATA: unmasked bytes, a view of the input, empty only with frame_end. PING, PONG: at most
	 * 125 bytes. CLOSE: the reason, UTF-8. ERROR: a constant English text. Valid until the next
	 * call on the reader, and as long as the input. */
	struct bytes payload;
};

/* Embedded. The fields are the reader's own business. */
struct ws_reader {
	char *control; /* a control frame's payload when it came in pieces, else NULL */
	uint64_t max_frame;
	uint64_t left; /* payload bytes of the frame still to come; while its length is read: what
			  came of it */
	uint8_t mask[4]; /* turned so that mask[0] is for the next byte */
	uint8_t header_have; /* bytes of the extended length and mask so far */
	uint8_t control_len; /* bytes in control */
	uint8_t state; /* enum reader_state in ws.c */
	uint8_t role;
	uint8_t first; /* first byte of the frame: FIN and opcode */
	uint8_t length; /* second byte of the frame without the mask bit */
	uint8_t message; /* opcode of the message under way, 0 between messages */
	struct utf8_state utf8; /* of the text message under way; zero at the end of each */
};

/* max_frame: longest payload of one frame in bytes; a longer one is refused (1009) by its header
 * alone. */
void ws_reader_init(struct ws_reader *reader, enum ws_role role, uint64_t max_frame);
void ws_reader_finish(struct ws_reader *reader);

/* Takes bytes off the front of (*data, *len), which must be writable by the caller, unmasks payload
 * in place, and gives the next event. Text messages are checked as UTF-8 across pieces and
 * fragments and fail at the first bad byte. 0: an event; ERR_AGAIN: all input is used up;
 * ERR_CLOSED: a Close or an error came before, the rest of the input is dropped. */
int ws_reader_next(struct ws_reader *reader, char **data, size_t *len, struct ws_event *ret_event);

/* True between messages: nothing of a frame or message is outstanding. */
bool ws_reader_idle(const struct ws_reader *reader);

/* XORs data with the mask; offset: how many bytes of the payload went before (RFC 6455 section
 * 5.3). */
void ws_mask(char *data, size_t len, const uint8_t mask[4], size_t offset);

/* Writes a frame header for len payload bytes (below 2^63) and answers its size, 2 to 14. mask:
 * NULL for the server; for a client 4 unpredictable bytes, the payload is then to be masked with
 * ws_mask(). */
size_t ws_write_header(char out[WS_HEADER_MAX], enum ws_opcode opcode, bool fin, uint64_t len,
	const uint8_t *mask);
/* The size that ws_write_header() would answer. */
size_t ws_header_size(uint64_t len, bool masked);

/* Writes the payload of a Close frame and answers its length, 2 to 125: a longer reason is cut at
 * the end of a character. code must be one that may be sent. */
size_t ws_write_close(char out[WS_CONTROL_MAX], uint16_t code, struct bytes reason);
/* Whether a code may stand in a Close frame: 1000 to 1003, 1007 to 1014, 3000 to 4999. */
bool ws_close_code_valid(uint16_t code);

/* Whether Sec-WebSocket-Key is base64 of 16 bytes. */
bool ws_key_valid(struct bytes key);
/* Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2), NUL-terminated. */
void ws_accept_key(struct bytes key, char out[WS_ACCEPT_SIZE]);
/* A fresh random key for a client, NUL-terminated. */
void ws_make_key(char out[WS_KEY_SIZE]);

#endif
