#include "lib/wire/http1.h"

#include <inttypes.h>

#include "lib/base/bytes.h"

static const struct {
	int status;
	const char *text;
} statuses[] = {
	{100, "Continue"},
	{101, "Switching Protocols"},
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{411, "Length Required"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{421, "Misdirected Request"},
	{422, "Unprocessable Content"},
	{426, "Upgrade Required"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
	{507, "Insufficient Storage"},
};

const char *http1_status_text(int status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].status == status) {
			return statuses[i].text;
		}
	}
	return "Unknown";
}

/* A CR or LF in a value would begin a header, or a body, that is not ours. */
static void write_value(struct buf *out, struct bytes value)
{
	buf_reserve(out, value.len);
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		out->data[out->len++] = (c < 0x20 && c != '\t') || c == 0x7f ? ' ' : (char)c;
	}
}

void http1_write_status(struct buf *out, int status)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http1_status_text(status));
}

void http1_write_request_line(struct buf *out, const char *method, struct bytes target)
{
	buf_append_str(out, method);
	buf_append_char(out, ' ');
	for (size_t i = 0; i < target.len; i++) {
		unsigned char c = (unsigned char)target.ptr[i];

		if (c > 0x20 && c < 0x7f) {
			buf_append_char(out, (char)c);
		} else {
			buf_printf(out, "%%%02X", c);
		}
	}
	buf_append_str(out, " HTTP/1.1\r\n");
}

void http1_write_header(struct buf *out, const char *name, struct bytes value)
{
	buf_append_str(out, name);
	buf_append_bytes(out, BYTES_LIT(": "));
	write_value(out, value);
	buf_append_bytes(out, BYTES_LIT("\r\n"));
}

void http1_write_header_u64(struct buf *out, const char *name, uint64_t value)
{
	buf_printf(out, "%s: %" PRIu64 "\r\n", name, value);
}

void http1_write_end(struct buf *out)
{
	buf_append_bytes(out, BYTES_LIT("\r\n"));
}

void http1_write_head(struct buf *out, int status, const struct http1_header *headers, size_t count)
{
	http1_write_status(out, status);
	for (size_t i = 0; i < count; i++) {
		buf_append_bytes(out, headers[i].name);
		buf_append_bytes(out, BYTES_LIT(": "));
		write_value(out, headers[i].value);
		http1_write_end(out);
	}
	http1_write_end(out);
}

void http1_write_chunk(struct buf *out, struct bytes payload)
{
	if (payload.len == 0) {
		return;
	}
	buf_printf(out, "%zx\r\n", payload.len);
	buf_append_bytes(out, payload);
	http1_write_end(out);
}

void http1_write_last_chunk(struct buf *out)
{
	buf_append_bytes(out, BYTES_LIT("0\r\n\r\n"));
}
