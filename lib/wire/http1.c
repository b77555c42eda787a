#include "lib/wire/http1.h"

#include <assert.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"

#define EMPTY_LINES_MAX 2

const struct http1_limits http1_limits_default = {
	.head_max = 16384,
	.line_max = 8192,
	.headers_max = HTTP1_HEADERS_MAX,
};

/* Host: a name, an address or [v6], and a port (RFC 3986 section 3.2). */
static const bool host_chars[256] = {
	['!'] = true,
	['$' ... '.'] = true,
	['0' ... ';'] = true,
	['='] = true,
	['A' ... '['] = true,
	[']'] = true,
	['_'] = true,
	['a' ... 'z'] = true,
	['~'] = true,
};

/* What can be in a line of a head: no control character but the tab. */
static const bool line_chars[256] = {
	['\t'] = true,
	[' ' ... '~'] = true,
	[0x80 ... 0xff] = true,
};

typedef int (*first_line_fn)(struct http1_parser *parser, struct bytes line, void *ret_line);

static int refuse(struct http1_parser *parser, int status, const char *reason)
{
	parser->status = status;
	parser->reason = reason;
	switch (status) {
	case 413:
	case 414:
	case 431:
		return ERR_TOO_LARGE;
	case 417:
	case 501:
	case 505:
		return ERR_NOT_SUPPORTED;
	default:
		return ERR_BAD_REQUEST;
	}
}

/* ---- finding the end of the head ---- */

/* At the CRLF behind a line. 0: go on; 1: it was the blank line at the end. */
static int line_done(struct http1_parser *parser, struct bytes input,
	const struct http1_limits *limits, first_line_fn first_line, void *scratch)
{
	struct bytes line =
		bytes_of(input.ptr + parser->line_start, parser->scanned - parser->line_start);

	parser->scanned += 2;
	parser->line_start = parser->scanned;
	if (line.len == 0 && parser->lines > 0) {
		return 1;
	}
	if (line.len == 0) {
		if (parser->head_start == EMPTY_LINES_MAX * 2) {
			return refuse(parser, 400, "too many empty lines before the head");
		}
		parser->head_start = parser->scanned;
		return 0;
	}
	parser->lines++;
	if (parser->lines == 1) {
		if (line.len > limits->line_max) {
			return refuse(parser, 414, "first line too long");
		}
		return first_line(parser, line, scratch);
	}
	if (parser->lines > limits->headers_max + 1) {
		return refuse(parser, 431, "too many headers");
	}
	return 0;
}

/* No whole head in what is there: is there room for the rest? */
static int need_more(
	struct http1_parser *parser, struct bytes input, const struct http1_limits *limits)
{
	if (parser->lines == 0 && parser->scanned - parser->line_start > limits->line_max) {
		return refuse(parser, 414, "first line too long");
	}
	if (input.len - parser->head_start >= limits->head_max) {
		return refuse(parser, 431, "head too large");
	}
	return ERR_AGAIN;
}

static int bad_char(struct http1_parser *parser, char c)
{
	if (c == '\n') {
		return refuse(parser, 400, "line ends with a bare LF");
	}
	if (c == '\r') {
		return refuse(parser, 400, "bare CR in the head");
	}
	return refuse(parser, 400, "control character in the head");
}

/* Goes on to the next character that can be in no line, in what is there and within head_max. */
static bool line_end_find(
	struct http1_parser *parser, struct bytes input, const struct http1_limits *limits)
{
	size_t end = input.len;
	size_t at = parser->scanned;

	if (end - parser->head_start > limits->head_max) {
		end = parser->head_start + limits->head_max;
	}
	while (at < end && line_chars[(unsigned char)input.ptr[at]]) {
		at++;
	}
	parser->scanned = at;
	return at < end;
}

/* Goes on until the blank line. 0: there, scanned is behind it. */
static int head_scan(struct http1_parser *parser, struct bytes input,
	const struct http1_limits *limits, first_line_fn first_line, void *scratch)
{
	int err = 0;

	while (line_end_find(parser, input, limits)) {
		char c = input.ptr[parser->scanned];

		if (c != '\r') {
			return bad_char(parser, c);
		}
		if (parser->scanned + 1 == input.len) {
			break;
		}
		if (input.ptr[parser->scanned + 1] != '\n') {
			return bad_char(parser, c);
		}
		err = line_done(parser, input, limits, first_line, scratch);
		if (err < 0) {
			return err;
		}
		if (parser->scanned - parser->head_start > limits->head_max) {
			return refuse(parser, 431, "head too large");
		}
		if (err > 0) {
			return 0;
		}
	}
	return need_more(parser, input, limits);
}

/* ---- first lines ---- */

static int version_parse(struct http1_parser *parser, struct bytes text, int *ret_minor)
{
	if (text.len != 8 || !bytes_starts(text, BYTES_LIT("HTTP/")) || text.ptr[6] != '.' ||
		text.ptr[5] < '0' || text.ptr[5] > '9' || text.ptr[7] < '0' || text.ptr[7] > '9') {
		return refuse(parser, 400, "malformed HTTP version");
	}
	if (text.ptr[5] != '1' || text.ptr[7] > '1') {
		return refuse(parser, 505, "HTTP version other than 1.0 and 1.1");
	}
	*ret_minor = text.ptr[7] - '0';
	return 0;
}

/* method SP request-target SP HTTP-version, RFC 9112 section 3. */
static int request_line_parse(struct http1_parser *parser, struct bytes line, void *ret_line)
{
	struct http1_request *request = ret_line;
	struct bytes rest = line;

	request->method_text = bytes_split(&rest, ' ');
	request->target = bytes_split(&rest, ' ');
	if (!http1_is_token(request->method_text)) {
		return refuse(parser, 400, "malformed method");
	}
	if (request->target.len == 0 || rest.len == 0) {
		return refuse(parser, 400, "malformed request line");
	}
	for (size_t i = 0; i < request->target.len; i++) {
		if (request->target.ptr[i] < 0x21 || request->target.ptr[i] > 0x7e) {
			return refuse(parser, 400, "forbidden character in the request target");
		}
	}
	request->method = http1_method_find(request->method_text);
	return version_parse(parser, rest, &request->minor);
}

/* HTTP-version SP status-code [ SP reason ], RFC 9112 section 4. */
static int status_line_parse(struct http1_parser *parser, struct bytes line, void *ret_line)
{
	struct http1_response *response = ret_line;
	struct bytes rest = line;
	struct bytes version = bytes_split(&rest, ' ');
	struct bytes code = bytes_split(&rest, ' ');
	unsigned long long status = 0;
	int err = version_parse(parser, version, &response->minor);

	if (err != 0) {
		return err;
	}
	if (code.len != 3 || bytes_to_u64(code, &status) != 0 || status < 100 || status > 599) {
		return refuse(parser, 400, "malformed status code");
	}
	response->status = (int)status;
	response->reason = rest;
	return 0;
}

/* ---- headers ---- */

static int header_parse(
	struct http1_parser *parser, struct bytes line, struct http1_header *ret_header)
{
	ptrdiff_t colon = bytes_find_char(line, ':');
	struct bytes name;

	if (line.ptr[0] == ' ' || line.ptr[0] == '\t') {
		return refuse(parser, 400, "folded header line");
	}
	if (colon < 0) {
		return refuse(parser, 400, "header line without a colon");
	}
	name = bytes_of(line.ptr, (size_t)colon);
	if (!http1_is_token(name)) {
		return refuse(parser, 400,
			bytes_trim(name).len != name.len ? "blank before the colon of a header"
							 : "malformed header name");
	}
	ret_header->name = name;
	ret_header->value = bytes_trim(bytes_of(line.ptr + colon + 1, line.len - name.len - 1));
	return 0;
}

/* All lines behind the first; head_scan() has seen to their ends and their number. */
static int headers_parse(
	struct http1_parser *parser, struct bytes head, struct http1_headers *headers)
{
	struct bytes line;
	int err;

	headers->count = 0;
	bytes_split(&head, '\n');
	for (;;) {
		line = bytes_split(&head, '\n');
		line.len--; /* the CR */
		if (line.len == 0) {
			return 0;
		}
		assert(headers->count < HTTP1_HEADERS_MAX);
		err = header_parse(parser, line, &headers->items[headers->count]);
		if (err != 0) {
			return err;
		}
		headers->count++;
	}
}

static int host_check(struct http1_parser *parser, const struct http1_headers *headers, int minor)
{
	size_t count = http1_header_count(headers, "Host");
	const struct bytes *host = http1_header(headers, "Host");

	if (host == NULL) {
		return minor == 0 ? 0 : refuse(parser, 400, "no Host header");
	}
	if (count > 1) {
		return refuse(parser, 400, "two Host headers");
	}
	for (size_t i = 0; i < host->len; i++) {
		if (!host_chars[(unsigned char)host->ptr[i]]) {
			return refuse(parser, 400, "malformed Host header");
		}
	}
	return 0;
}

static int length_parse(struct http1_parser *parser, struct bytes text, uint64_t *ret_length)
{
	unsigned long long length;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9') {
			return refuse(parser, 400, "malformed Content-Length");
		}
	}
	if (text.len == 0) {
		return refuse(parser, 400, "malformed Content-Length");
	}
	if (bytes_to_u64(text, &length) != 0 || length > HTTP1_LENGTH_MAX) {
		return refuse(parser, 413, "Content-Length too large");
	}
	*ret_length = length;
	return 0;
}

/* RFC 9112 section 6.3, without its permissions to repair. NONE where no header speaks of a body.
 */
static int framing_parse(struct http1_parser *parser, const struct http1_headers *headers,
	int minor, enum http1_framing *ret_framing, uint64_t *ret_length)
{
	size_t encodings = http1_header_count(headers, "Transfer-Encoding");
	size_t lengths = http1_header_count(headers, "Content-Length");
	uint64_t length = 0;
	int err;

	if (lengths > 1) {
		return refuse(parser, 400, "two Content-Length headers");
	}
	if (encodings > 0 && lengths > 0) {
		return refuse(parser, 400, "both Transfer-Encoding and Content-Length");
	}
	if (encodings > 0 && minor == 0) {
		return refuse(parser, 400, "Transfer-Encoding in HTTP/1.0");
	}
	if (encodings > 1) {
		return refuse(parser, 400, "two Transfer-Encoding headers");
	}
	if (encodings == 1 && !bytes_eq_nocase(*http1_header(headers, "Transfer-Encoding"),
				      BYTES_LIT("chunked"))) {
		return refuse(parser, 501, "Transfer-Encoding other than chunked");
	}
	if (lengths == 1) {
		err = length_parse(parser, *http1_header(headers, "Content-Length"), &length);
		if (err != 0) {
			return err;
		}
	}
	*ret_framing = length > 0 ? HTTP1_BODY_LENGTH : HTTP1_BODY_NONE;
	if (encodings == 1) {
		*ret_framing = HTTP1_BODY_CHUNKED;
	}
	*ret_length = length;
	return 0;
}

static bool keep_alive(const struct http1_headers *headers, int minor)
{
	if (http1_header_has_token(headers, "Connection", "close")) {
		return false;
	}
	return minor == 1 || http1_header_has_token(headers, "Connection", "keep-alive");
}

/* RFC 9110 section 10.1.1. */
static int expect_parse(struct http1_parser *parser, struct http1_request *request)
{
	const struct bytes *expect = http1_header(&request->headers, "Expect");

	request->expect_continue = false;
	if (expect == NULL || request->minor == 0) {
		return 0;
	}
	if (http1_header_count(&request->headers, "Expect") > 1 ||
		!bytes_eq_nocase(*expect, BYTES_LIT("100-continue"))) {
		return refuse(parser, 417, "expectation other than 100-continue");
	}
	request->expect_continue = request->framing != HTTP1_BODY_NONE;
	return 0;
}

static int request_parse(
	struct http1_parser *parser, struct bytes head, struct http1_request *request)
{
	int err = headers_parse(parser, head, &request->headers);

	if (err == 0) {
		err = host_check(parser, &request->headers, request->minor);
	}
	if (err == 0) {
		err = framing_parse(parser, &request->headers, request->minor, &request->framing,
			&request->content_length);
	}
	if (err == 0) {
		err = expect_parse(parser, request);
	}
	if (err == 0) {
		request->keep_alive = keep_alive(&request->headers, request->minor);
	}
	return err;
}

/* Some answers have no body whatever their headers say (RFC 9112 section 6.3, rules 1 and 2). */
static bool status_without_body(int status)
{
	return status < 200 || status == 204 || status == 304;
}

static int response_parse(struct http1_parser *parser, struct bytes head, bool head_request,
	struct http1_response *response)
{
	int err = headers_parse(parser, head, &response->headers);

	if (err != 0) {
		return err;
	}
	response->keep_alive = keep_alive(&response->headers, response->minor);
	response->framing = HTTP1_BODY_NONE;
	response->content_length = 0;
	if (head_request || status_without_body(response->status)) {
		return 0;
	}
	err = framing_parse(parser, &response->headers, response->minor, &response->framing,
		&response->content_length);
	if (err == 0 && response->framing == HTTP1_BODY_NONE &&
		http1_header(&response->headers, "Content-Length") == NULL) {
		response->framing = HTTP1_BODY_UNTIL_CLOSE;
		response->keep_alive = false;
	}
	return err;
}

/* Scans, and sees to it that *first belongs to this input: when the first line was complete in an
 * earlier call, the buffer may have moved since. */
static int head_find(struct http1_parser *parser, struct bytes input,
	const struct http1_limits *limits, first_line_fn first_line, void *first,
	struct bytes *ret_head)
{
	bool known = parser->lines > 0;
	int err;

	assert(limits->headers_max <= HTTP1_HEADERS_MAX && parser->reason == NULL);
	err = head_scan(parser, input, limits, first_line, first);
	if (err != 0) {
		return err;
	}
	*ret_head = bytes_of(input.ptr + parser->head_start, parser->scanned - parser->head_start);
	if (known) {
		struct bytes rest = *ret_head;
		struct bytes line = bytes_split(&rest, '\r');

		return first_line(parser, line, first);
	}
	return 0;
}

int http1_request_parse(struct http1_parser *parser, struct bytes input,
	const struct http1_limits *limits, struct http1_request *ret_request, size_t *ret_consumed)
{
	struct http1_request request;
	struct bytes head;
	int err = head_find(parser, input, limits, request_line_parse, &request, &head);

	if (err == 0) {
		err = request_parse(parser, head, &request);
	}
	if (err != 0) {
		return err;
	}
	*ret_request = request;
	*ret_consumed = parser->scanned;
	*parser = (struct http1_parser){0};
	return 0;
}

int http1_response_parse(struct http1_parser *parser, struct bytes input,
	const struct http1_limits *limits, bool head_request, struct http1_response *ret_response,
	size_t *ret_consumed)
{
	struct http1_response response;
	struct bytes head;
	int err = head_find(parser, input, limits, status_line_parse, &response, &head);

	if (err == 0) {
		err = response_parse(parser, head, head_request, &response);
	}
	if (err != 0) {
		parser->status = err == ERR_AGAIN ? 0 : 502;
		return err;
	}
	*ret_response = response;
	*ret_consumed = parser->scanned;
	*parser = (struct http1_parser){0};
	return 0;
}
