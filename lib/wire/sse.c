#include "lib/wire/sse.h"

#include "lib/base/err.h"

#define BYTE_ORDER_MARK BYTES_LIT("\xef\xbb\xbf")

void sse_reader_init(struct sse_reader *reader, size_t max)
{
	*reader = (struct sse_reader){.max = max};
}

void sse_reader_finish(struct sse_reader *reader)
{
	buf_finish(&reader->line);
	buf_finish(&reader->type);
	buf_finish(&reader->data);
}

static struct bytes behind(struct bytes b, size_t n)
{
	return bytes_of(b.ptr + n, b.len - n);
}

/* Offset of the first CR or LF, or the length where there is none. */
static size_t line_end(struct bytes b)
{
	const char *lf = memchr(b.ptr, '\n', b.len);
	size_t end = lf != NULL ? (size_t)(lf - b.ptr) : b.len;
	const char *cr = memchr(b.ptr, '\r', end);
	return cr != NULL ? (size_t)(cr - b.ptr) : end;
}

/* ---- lines ---- */

static int take_field(struct sse_reader *reader, struct bytes name, struct bytes value)
{
	if (bytes_eq(name, BYTES_LIT("data"))) {
		if (value.len >= reader->max - reader->data.len ||
			buf_try_reserve(&reader->data, value.len + 1) != 0) {
			return ERR_TOO_LARGE;
		}
		buf_append_bytes(&reader->data, value);
		buf_append_char(&reader->data, '\n');
	} else if (bytes_eq(name, BYTES_LIT("event"))) {
		buf_clear(&reader->type);
		buf_append_bytes(&reader->type, value);
	}
	return 0;
}

/* The blank line. Without data there is no event. */
static bool dispatch(struct sse_reader *reader, struct sse_event *ret_event)
{
	if (reader->data.len == 0) {
		buf_clear(&reader->type);
		return false;
	}
	reader->delivered = true;
	ret_event->type = reader->type.len > 0 ? buf_bytes(&reader->type) : BYTES_LIT("message");
	ret_event->data = bytes_of(reader->data.data, reader->data.len - 1);
	return true;
}

/* 0: an event; ERR_AGAIN: none yet. */
static int take_line(struct sse_reader *reader, struct bytes line, struct sse_event *ret_event)
{
	if (!reader->begun && bytes_starts(line, BYTE_ORDER_MARK)) {
		line = behind(line, BYTE_ORDER_MARK.len);
	}
	reader->begun = true;
	if (line.len == 0) {
		return dispatch(reader, ret_event) ? 0 : ERR_AGAIN;
	}
	ptrdiff_t colon = bytes_find_char(line, ':');
	if (colon == 0) {
		return ERR_AGAIN; /* a comment */
	}
	struct bytes name = colon < 0 ? line : bytes_of(line.ptr, (size_t)colon);
	struct bytes value = colon < 0 ? BYTES_NONE : behind(line, (size_t)colon + 1);
	if (value.len > 0 && value.ptr[0] == ' ') {
		value = behind(value, 1);
	}
	int err = take_field(reader, name, value);
	return err != 0 ? err : ERR_AGAIN;
}

/* The line ends behind piece, which may be only the rest of it. */
static int end_line(struct sse_reader *reader, struct bytes piece, struct sse_event *ret_event)
{
	if (reader->line.len == 0) {
		return take_line(reader, piece, ret_event);
	}
	buf_append_bytes(&reader->line, piece);
	int err = take_line(reader, buf_bytes(&reader->line), ret_event);
	buf_clear(&reader->line);
	return err;
}

/* ---- public ---- */

static void forget_event(struct sse_reader *reader)
{
	if (reader->delivered) {
		buf_clear(&reader->type);
		buf_clear(&reader->data);
		reader->delivered = false;
	}
}

static void release(struct buf *buf)
{
	if (buf->len == 0) {
		buf_finish(buf);
	}
}

int sse_reader_next(struct sse_reader *reader, struct bytes *input, struct sse_event *ret_event)
{
	int err = ERR_AGAIN;
	forget_event(reader);
	while (err == ERR_AGAIN && input->len > 0) {
		if (reader->skip_lf && input->ptr[0] == '\n') {
			reader->skip_lf = false;
			*input = behind(*input, 1);
			continue;
		}
		reader->skip_lf = false;
		size_t end = line_end(*input);
		if (end > reader->max - reader->line.len) {
			return ERR_TOO_LARGE;
		}
		struct bytes piece = bytes_of(input->ptr, end);
		if (end == input->len) {
			if (buf_try_reserve(&reader->line, end) != 0) {
				return ERR_TOO_LARGE;
			}
			buf_append_bytes(&reader->line, piece);
			*input = BYTES_NONE;
			break;
		}
		reader->skip_lf = input->ptr[end] == '\r';
		*input = behind(*input, end + 1);
		err = end_line(reader, piece, ret_event);
	}
	if (err == ERR_AGAIN) {
		release(&reader->line);
		release(&reader->type);
		release(&reader->data);
	}
	return err;
}
