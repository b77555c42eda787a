/* Server-sent events (WHATWG HTML, section 9.2 «Server-sent events», parsing and interpreting an
 * event stream): bytes of a text/event-stream in, events out. Fields "id" and "retry", which serve
 * reconnecting, are read over. Whether the text is UTF-8 is the receiver's to see. */
#ifndef LIB_WIRE_SSE_H
#define LIB_WIRE_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/bytes.h"

struct sse_event {
	struct bytes type; /* of the field "event", else "message" */
	struct bytes data; /* the values of all fields "data", joined by LF; may be empty */
};

/* Embedded. The fields are the reader's own business. No buffer is held between events. */
struct sse_reader {
	struct buf line; /* the beginning of an unfinished line */
	struct buf type;
	struct buf data; /* values so far, an LF behind each */
	size_t max;
	bool begun; /* the first line, which may start with a byte order mark, is over */
	bool skip_lf; /* a CR ended the line before: an LF belongs to it */
	bool delivered; /* type and data were given */
};

/* max: bytes of one line, and of the data of one event with an LF for each of its lines. */
void sse_reader_init(struct sse_reader *reader, size_t max);
void sse_reader_finish(struct sse_reader *reader);

/* Takes bytes off the front of *input and gives the next event that they complete; good until the
 * next call. Lines end with CR, LF or CRLF. 0; ERR_AGAIN: all input is used up; ERR_TOO_LARGE: the
 * stream must be given up. What is incomplete when the stream ends is no event. */
int sse_reader_next(struct sse_reader *reader, struct bytes *input, struct sse_event *ret_event);

#endif
