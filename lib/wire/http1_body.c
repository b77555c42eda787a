#include "lib/wire/http1_body.h"

#include <assert.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"

enum body_state {
	BODY_DONE, /* the whole body was read, or there is none */
	BODY_LENGTH, /* left bytes of a body of known length */
	BODY_CLOSE, /* bytes until the connection ends */
	CHUNK_SIZE, /* hex digits of a chunk's size; line of them are there */
	CHUNK_EXTENSION, /* behind the ';', up to the CR */
	CHUNK_SIZE_LF, /* behind the CR of the size line */
	CHUNK_DATA, /* left bytes of a chunk */
	CHUNK_DATA_CR, /* behind the chunk's payload */
	CHUNK_DATA_LF,
	TRAILER_START, /* first byte of a trailer line, or the CR of the blank line */
	TRAILER_NAME, /* up to the colon */
	TRAILER_VALUE, /* up to the CR */
	TRAILER_LF, /* behind the CR of a trailer */
	END_LF, /* behind the CR of the blank line */
	BODY_FAILED, /* refused; reason tells why */
};

#define SIZE_DIGITS_MAX 16

static int refuse(struct http1_body *body, const char *reason)
{
	body->state = BODY_FAILED;
	body->reason = reason;
	return ERR_BAD_REQUEST;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static int expect_char(
	struct http1_body *body, char c, char wanted, enum body_state next, const char *reason)
{
	if (c != wanted) {
		return refuse(body, reason);
	}
	body->state = (uint8_t)next;
	return 0;
}

static int size_byte(struct http1_body *body, char c)
{
	int digit = hex_value(c);

	if (digit < 0) {
		if (body->line == 0 || (c != ';' && c != '\r')) {
			return refuse(body, "malformed chunk size");
		}
		body->state = c == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF;
		return 0;
	}
	if (++body->line > SIZE_DIGITS_MAX) {
		return refuse(body, "chunk size with too many digits");
	}
	body->left = body->left << 4 | (unsigned)digit;
	if (body->left > HTTP1_LENGTH_MAX) {
		return refuse(body, "chunk too large");
	}
	return 0;
}

static int extension_byte(struct http1_body *body, char c)
{
	if (c == '\r') {
		body->state = CHUNK_SIZE_LF;
		return 0;
	}
	if (is_control(c)) {
		return refuse(body, "control character in a chunk extension");
	}
	if (++body->line > HTTP1_CHUNK_LINE_MAX ||
		++body->extensions > HTTP1_CHUNK_EXTENSIONS_MAX) {
		return refuse(body, "chunk extensions too long");
	}
	return 0;
}

static int size_lf(struct http1_body *body, char c)
{
	enum body_state next = body->left > 0 ? CHUNK_DATA : TRAILER_START;

	body->line = 0;
	return expect_char(body, c, '\n', next, "bare CR behind a chunk size");
}

/* Trailers are read for their form and dropped. */
static int trailer_byte(struct http1_body *body, char c)
{
	if (++body->trailers > HTTP1_TRAILERS_MAX) {
		return refuse(body, "trailers too long");
	}
	if (body->state == TRAILER_START && c == '\r') {
		body->state = END_LF;
		return 0;
	}
	if (body->state == TRAILER_LF) {
		return expect_char(body, c, '\n', TRAILER_START, "bare CR in a trailer");
	}
	if (body->state == TRAILER_VALUE) {
		if (c != '\r' && is_control(c)) {
			return refuse(body, "control character in a trailer");
		}
		body->state = c == '\r' ? TRAILER_LF : TRAILER_VALUE;
		return 0;
	}
	if (body->state == TRAILER_NAME && c == ':') {
		body->state = TRAILER_VALUE;
		return 0;
	}
	if (!http1_is_token(bytes_of(&c, 1))) {
		return refuse(body, "malformed trailer name");
	}
	body->state = TRAILER_NAME;
	return 0;
}

/* One byte that is no payload. */
static int framing_byte(struct http1_body *body, char c)
{
	switch ((enum body_state)body->state) {
	case CHUNK_SIZE:
		return size_byte(body, c);
	case CHUNK_EXTENSION:
		return extension_byte(body, c);
	case CHUNK_SIZE_LF:
		return size_lf(body, c);
	case CHUNK_DATA_CR:
		return expect_char(body, c, '\r', CHUNK_DATA_LF, "chunk longer than its size");
	case CHUNK_DATA_LF:
		return expect_char(body, c, '\n', CHUNK_SIZE, "bare CR behind a chunk");
	case END_LF:
		return expect_char(body, c, '\n', BODY_DONE, "bare CR behind the trailers");
	case TRAILER_START:
	case TRAILER_NAME:
	case TRAILER_VALUE:
	case TRAILER_LF:
		return trailer_byte(body, c);
	case BODY_DONE:
	case BODY_LENGTH:
	case BODY_CLOSE:
	case CHUNK_DATA:
	case BODY_FAILED:
		break;
	}
	return ERR_BAD_REQUEST;
}

static struct bytes payload_take(struct http1_body *body, struct bytes *input)
{
	struct bytes piece = *input;

	if (body->state != BODY_CLOSE) {
		if (piece.len > body->left) {
			piece.len = (size_t)body->left;
		}
		body->left -= piece.len;
		if (body->left == 0) {
			body->state = body->state == CHUNK_DATA ? CHUNK_DATA_CR : BODY_DONE;
		}
	}
	input->ptr += piece.len;
	input->len -= piece.len;
	return piece;
}

void http1_body_init(struct http1_body *body, enum http1_framing framing, uint64_t content_length)
{
	*body = (struct http1_body){.state = BODY_DONE};
	switch (framing) {
	case HTTP1_BODY_NONE:
		break;
	case HTTP1_BODY_LENGTH:
		body->left = content_length;
		body->state = content_length > 0 ? BODY_LENGTH : BODY_DONE;
		break;
	case HTTP1_BODY_CHUNKED:
		body->state = CHUNK_SIZE;
		break;
	case HTTP1_BODY_UNTIL_CLOSE:
		body->state = BODY_CLOSE;
		break;
	}
}

int http1_body_feed(struct http1_body *body, struct bytes *input, struct bytes *ret_piece)
{
	char c;
	int err;

	assert(body->state != BODY_DONE);
	while (input->len > 0) {
		if (body->state == BODY_LENGTH || body->state == BODY_CLOSE ||
			body->state == CHUNK_DATA) {
			*ret_piece = payload_take(body, input);
			return 0;
		}
		c = *input->ptr;
		input->ptr++;
		input->len--;
		err = framing_byte(body, c);
		if (err != 0) {
			return err;
		}
		if (body->state == BODY_DONE) {
			*ret_piece = BYTES_NONE;
			return 0;
		}
	}
	return body->state == BODY_FAILED ? ERR_BAD_REQUEST : ERR_AGAIN;
}

bool http1_body_done(const struct http1_body *body)
{
	return body->state == BODY_DONE;
}

bool http1_body_may_close(const struct http1_body *body)
{
	return body->state == BODY_DONE || body->state == BODY_CLOSE;
}
