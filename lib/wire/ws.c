#include "lib/wire/ws.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/ident.h"
#include "lib/base/utf8.h"

#define FIRST_FIN 0x80
#define FIRST_RSV 0x70
#define FIRST_OPCODE 0x0f
#define SECOND_MASKED 0x80
#define LENGTH_16 126
#define LENGTH_64 127

enum reader_state {
	READ_FIRST, /* the next byte is the first of a frame */
	READ_LENGTH, /* the second */
	READ_EXTENDED, /* extended length and mask; header_have of them are there */
	READ_DATA, /* left bytes of a text, binary or continuation frame */
	READ_CONTROL, /* left bytes of a Close, Ping or Pong; control_len are in control */
	READ_ENDED, /* a Close or an error came: nothing is read any more */
};

_Static_assert(sizeof(struct ws_reader) <= 64, "one reader per connection: keep it small");

static void fail(
	struct ws_reader *reader, struct ws_event *event, uint16_t code, const char *reason)
{
	/* Of all payloads of control frames only that of a Close can be at fault. */
	bool in_close = reader->state == READ_CONTROL;

	reader->state = READ_ENDED;
	*event = (struct ws_event){
		.type = WS_EVENT_ERROR,
		.opcode = in_close ? WS_CLOSE : WS_CONTINUATION,
		.code = code,
		.payload = bytes_str(reason),
	};
}

static bool opcode_is_control(unsigned opcode)
{
	return (opcode & 0x8) != 0;
}

/* Why the first byte of a frame can not stand here, or NULL. */
static const char *first_byte_problem(const struct ws_reader *reader, uint8_t byte)
{
	unsigned opcode = byte & FIRST_OPCODE;

	if ((byte & FIRST_RSV) != 0) {
		return "reserved bit set";
	}
	if (opcode_is_control(opcode)) {
		if (opcode > WS_PONG) {
			return "reserved opcode";
		}
		return (byte & FIRST_FIN) == 0 ? "fragmented control frame" : NULL;
	}
	if (opcode > WS_BINARY) {
		return "reserved opcode";
	}
	if (opcode == WS_CONTINUATION) {
		return reader->message == 0 ? "continuation without a message" : NULL;
	}
	return reader->message != 0 ? "new message inside a fragmented one" : NULL;
}

static const char *second_byte_problem(const struct ws_reader *reader, uint8_t byte)
{
	bool masked = (byte & SECOND_MASKED) != 0;

	if (reader->role == WS_SERVER && !masked) {
		return "frame is not masked";
	}
	if (reader->role == WS_CLIENT && masked) {
		return "frame is masked";
	}
	if (opcode_is_control(reader->first & FIRST_OPCODE) &&
		(byte & ~SECOND_MASKED) > WS_CONTROL_MAX) {
		return "control frame longer than 125 bytes";
	}
	return NULL;
}

static size_t extended_size(uint8_t length)
{
	if (length == LENGTH_64) {
		return 8;
	}
	return length == LENGTH_16 ? 2 : 0;
}

static void payload_begin(struct ws_reader *reader)
{
	unsigned opcode = reader->first & FIRST_OPCODE;

	reader->control_len = 0;
	if (opcode_is_control(opcode)) {
		reader->state = READ_CONTROL;
		return;
	}
	reader->state = READ_DATA;
	if (opcode != WS_CONTINUATION) {
		reader->message = (uint8_t)opcode;
	}
}

/* Judges a length by itself, before any of the payload is there. */
static bool length_set(struct ws_reader *reader, uint64_t length, struct ws_event *event)
{
	if (length >> 63 != 0) {
		fail(reader, event, WS_CODE_PROTOCOL_ERROR, "length with the highest bit set");
		return false;
	}
	if (length > reader->max_frame && !opcode_is_control(reader->first & FIRST_OPCODE)) {
		fail(reader, event, WS_CODE_TOO_BIG, "frame too long");
		return false;
	}
	reader->left = length;
	return true;
}

static bool second_byte(struct ws_reader *reader, uint8_t byte, struct ws_event *event)
{
	const char *problem = second_byte_problem(reader, byte);

	if (problem != NULL) {
		fail(reader, event, WS_CODE_PROTOCOL_ERROR, problem);
		return false;
	}
	reader->length = (uint8_t)(byte & ~SECOND_MASKED);
	reader->header_have = 0;
	reader->state = READ_EXTENDED;
	if (extended_size(reader->length) > 0) {
		return true;
	}
	if (!length_set(reader, reader->length, event)) {
		return false;
	}
	if (reader->role == WS_CLIENT) {
		payload_begin(reader);
	}
	return true;
}

static bool extended_byte(struct ws_reader *reader, uint8_t byte, struct ws_event *event)
{
	size_t extended = extended_size(reader->length);
	size_t have = reader->header_have++;

	if (have >= extended) {
		reader->mask[have - extended] = byte;
	} else {
		reader->left = have == 0 ? byte : reader->left << 8 | byte;
		if (have + 1 == extended && !length_set(reader, reader->left, event)) {
			return false;
		}
	}
	if (have + 1 == extended + (reader->role == WS_SERVER ? 4 : 0)) {
		payload_begin(reader);
	}
	return true;
}

/* One byte of a frame's header. false: an error, event is filled. */
static bool header_byte(struct ws_reader *reader, uint8_t byte, struct ws_event *event)
{
	const char *problem;

	if (reader->state == READ_LENGTH) {
		return second_byte(reader, byte, event);
	}
	if (reader->state == READ_EXTENDED) {
		return extended_byte(reader, byte, event);
	}
	problem = first_byte_problem(reader, byte);
	if (problem != NULL) {
		fail(reader, event, WS_CODE_PROTOCOL_ERROR, problem);
		return false;
	}
	reader->first = byte;
	reader->state = READ_LENGTH;
	return true;
}

/* Takes the part of the frame's payload that is there, unmasked. */
static struct bytes payload_take(struct ws_reader *reader, char **data, size_t *len)
{
	size_t n = *len < reader->left ? *len : (size_t)reader->left;
	struct bytes piece = bytes_of(*data, n);
	uint8_t mask[4];

	if (reader->role == WS_SERVER && n > 0) {
		ws_mask(*data, n, reader->mask, 0);
		memcpy(mask, reader->mask, sizeof(mask));
		for (size_t i = 0; i < sizeof(mask); i++) {
			reader->mask[i] = mask[(i + n) & 3];
		}
	}
	reader->left -= n;
	if (n > 0) {
		*data += n;
		*len -= n;
	}
	return piece;
}

static void data_event(struct ws_reader *reader, struct bytes piece, struct ws_event *event)
{
	bool frame_end = reader->left == 0;
	bool message_end = frame_end && (reader->first & FIRST_FIN) != 0;

	if (reader->message == WS_TEXT) {
		if (!utf8_feed(&reader->utf8, piece)) {
			fail(reader, event, WS_CODE_BAD_DATA, "text is not UTF-8");
			return;
		}
		if (message_end && !utf8_complete(&reader->utf8)) {
			fail(reader, event, WS_CODE_BAD_DATA, "text ends inside a character");
			return;
		}
	}
	*event = (struct ws_event){
		.type = WS_EVENT_DATA,
		.opcode = (enum ws_opcode)reader->message,
		.frame_end = frame_end,
		.message_end = message_end,
		.payload = piece,
	};
	if (frame_end) {
		reader->state = READ_FIRST;
	}
	if (message_end) {
		reader->message = 0;
	}
}

static void close_event(struct ws_reader *reader, struct bytes payload, struct ws_event *event)
{
	struct bytes reason = BYTES_NONE;
	uint16_t code = WS_CODE_NONE;

	if (payload.len == 1) {
		fail(reader, event, WS_CODE_PROTOCOL_ERROR, "Close with half a code");
		return;
	}
	if (payload.len >= 2) {
		code = (uint16_t)((uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1]);
		reason = bytes_of(payload.ptr + 2, payload.len - 2);
		if (!ws_close_code_valid(code)) {
			fail(reader, event, WS_CODE_PROTOCOL_ERROR, "forbidden close code");
			return;
		}
	}
	if (!utf8_valid(reason)) {
		fail(reader, event, WS_CODE_PROTOCOL_ERROR, "close reason is not UTF-8");
		return;
	}
	reader->state = READ_ENDED;
	*event = (struct ws_event){.type = WS_EVENT_CLOSE, .code = code, .payload = reason};
}

static void control_event(struct ws_reader *reader, struct bytes payload, struct ws_event *event)
{
	unsigned opcode = reader->first & FIRST_OPCODE;

	if (opcode == WS_CLOSE) {
		close_event(reader, payload, event);
		return;
	}
	reader->state = READ_FIRST;
	*event = (struct ws_event){
		.type = opcode == WS_PING ? WS_EVENT_PING : WS_EVENT_PONG,
		.payload = payload,
	};
}

/* A control frame that is there as a whole is handed on in place; only one that came in pieces is
 * gathered. */
static int control_take(
	struct ws_reader *reader, char **data, size_t *len, struct ws_event *ret_event)
{
	struct bytes piece = payload_take(reader, data, len);

	if (reader->left > 0 || reader->control_len > 0) {
		if (reader->control == NULL) {
			reader->control = mem_alloc(WS_CONTROL_MAX);
		}
		memcpy(reader->control + reader->control_len, piece.ptr, piece.len);
		reader->control_len = (uint8_t)(reader->control_len + piece.len);
		if (reader->left > 0) {
			return ERR_AGAIN;
		}
		piece = bytes_of(reader->control, reader->control_len);
	}
	control_event(reader, piece, ret_event);
	return 0;
}

void ws_reader_init(struct ws_reader *reader, enum ws_role role, uint64_t max_frame)
{
	*reader = (struct ws_reader){
		.state = READ_FIRST,
		.role = (uint8_t)role,
		.max_frame = max_frame,
	};
}

void ws_reader_finish(struct ws_reader *reader)
{
	free(reader->control);
	reader->control = NULL;
	reader->state = READ_ENDED;
}

int ws_reader_next(struct ws_reader *reader, char **data, size_t *len, struct ws_event *ret_event)
{
	uint8_t byte;

	if (reader->control != NULL && reader->state != READ_CONTROL) {
		free(reader->control);
		reader->control = NULL;
	}
	if (reader->state == READ_ENDED) {
		if (*len > 0) {
			*data += *len;
			*len = 0;
		}
		return ERR_CLOSED;
	}
	while (reader->state < READ_DATA) {
		if (*len == 0) {
			return ERR_AGAIN;
		}
		byte = (uint8_t) * *data;
		(*data)++;
		(*len)--;
		if (!header_byte(reader, byte, ret_event)) {
			return 0;
		}
	}
	if (*len == 0 && reader->left > 0) {
		return ERR_AGAIN;
	}
	if (reader->state == READ_CONTROL) {
		return control_take(reader, data, len, ret_event);
	}
	data_event(reader, payload_take(reader, data, len), ret_event);
	return 0;
}

bool ws_reader_idle(const struct ws_reader *reader)
{
	return reader->state == READ_FIRST && reader->message == 0;
}

void ws_mask(char *data, size_t len, const uint8_t mask[4], size_t offset)
{
	uint8_t pattern[8];
	uint64_t mask8, word;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(pattern); k++) {
		pattern[k] = mask[(offset + k) & 3];
	}
	memcpy(&mask8, pattern, sizeof(mask8));
	for (; len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, data + i, sizeof(word));
		word ^= mask8;
		memcpy(data + i, &word, sizeof(word));
	}
	for (; i < len; i++) {
		data[i] = (char)((uint8_t)data[i] ^ pattern[i & 7]);
	}
}

size_t ws_header_size(uint64_t len, bool masked)
{
	size_t size = masked ? 6 : 2;

	if (len > UINT16_MAX) {
		return size + 8;
	}
	return len > WS_CONTROL_MAX ? size + 2 : size;
}

size_t ws_write_header(
	char out[WS_HEADER_MAX], enum ws_opcode opcode, bool fin, uint64_t len, const uint8_t *mask)
{
	size_t size = ws_header_size(len, false);
	unsigned length = (unsigned)len;

	assert(len >> 63 == 0);
	assert(!opcode_is_control(opcode) || (fin && len <= WS_CONTROL_MAX));
	if (size > 2) {
		length = size == 4 ? LENGTH_16 : LENGTH_64;
	}
	out[0] = (char)((fin ? FIRST_FIN : 0) | opcode);
	out[1] = (char)((mask != NULL ? SECOND_MASKED : 0) | length);
	for (size_t i = size; i > 2; i--) {
		out[i - 1] = (char)(len & 0xff);
		len >>= 8;
	}
	if (mask != NULL) {
		memcpy(out + size, mask, 4);
		size += 4;
	}
	return size;
}

size_t ws_write_close(char out[WS_CONTROL_MAX], uint16_t code, struct bytes reason)
{
	size_t n = reason.len;

	assert(ws_close_code_valid(code));
	if (n > WS_CONTROL_MAX - 2) {
		n = WS_CONTROL_MAX - 2;
		while (n > 0 && ((uint8_t)reason.ptr[n] & 0xc0) == 0x80) {
			n--;
		}
	}
	out[0] = (char)(code >> 8);
	out[1] = (char)(code & 0xff);
	if (n > 0) {
		memcpy(out + 2, reason.ptr, n);
	}
	return n + 2;
}

bool ws_close_code_valid(uint16_t code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/';
}

/* Only the form counts. The four bits behind the last byte may be set, as they are in the RFC's own
 * example in section 4.1, which base64_decode() would refuse. */
bool ws_key_valid(struct bytes key)
{
	if (key.len != WS_KEY_SIZE - 1) {
		return false;
	}
	for (size_t i = 0; i < key.len - 2; i++) {
		if (!is_base64(key.ptr[i])) {
			return false;
		}
	}
	return key.ptr[key.len - 2] == '=' && key.ptr[key.len - 1] == '=';
}

void ws_accept_key(struct bytes key, char out[WS_ACCEPT_SIZE])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[WS_KEY_SIZE - 1 + sizeof(guid) - 1];
	uint8_t sha1[20];
	size_t len;

	assert(key.len == WS_KEY_SIZE - 1);
	memcpy(text, key.ptr, key.len);
	memcpy(text + key.len, guid, sizeof(guid) - 1);
	digest_sha1(bytes_of(text, sizeof(text)), sha1);
	len = base64_encode(bytes_of(sha1, sizeof(sha1)), out);
	out[len] = '\0';
}

void ws_make_key(char out[WS_KEY_SIZE])
{
	uint8_t raw[16];
	size_t len;

	random_bytes(raw, sizeof(raw));
	len = base64_encode(bytes_of(raw, sizeof(raw)), out);
	out[len] = '\0';
}
