#include "chatd/auth/cors.h"

#include "chatd/auth/origin.h"
#include "lib/base/err.h"

static struct bytes header(const struct http1_headers *headers, const char *name)
{
	const struct bytes *value = http1_header(headers, name);
	return value != NULL ? *value : BYTES_NONE;
}

/* More than one is nobody's. */
static bool is_allowed(const struct conf *conf, const struct http1_headers *headers)
{
	struct bytes origin = header(headers, "Origin");
	return origin.len > 0 && http1_header_count(headers, "Origin") == 1 &&
	       origin_allowed(conf, origin, header(headers, "Host"));
}

static void write_origin(const struct http1_headers *headers, struct buf *out)
{
	http1_write_header(out, "Access-Control-Allow-Origin", header(headers, "Origin"));
	buf_append_str(out, "Access-Control-Allow-Credentials: true\r\n");
}

void cors_write_answer(
	const struct conf *conf, const struct http1_headers *headers, struct buf *out)
{
	if (is_allowed(conf, headers)) {
		write_origin(headers, out);
		buf_append_str(out,
			"Access-Control-Expose-Headers: ETag, Location, Retry-After, Link\r\n");
	}
}

bool cors_is_preflight(const struct http1_request *request)
{
	return request->method == HTTP1_OPTIONS &&
	       http1_header(&request->headers, "Origin") != NULL &&
	       http1_header(&request->headers, "Access-Control-Request-Method") != NULL;
}

int cors_write_preflight(const struct conf *conf, const struct http1_headers *headers,
	const char *methods, struct buf *out)
{
	if (!is_allowed(conf, headers)) {
		return ERR_FORBIDDEN;
	}
	write_origin(headers, out);
	http1_write_header(out, "Access-Control-Allow-Methods", bytes_str(methods));
	buf_append_str(out,
		"Access-Control-Allow-Headers: authorization, content-type, idempotency-key, "
		"if-match, if-none-match, x-requested-with, x-signalr-user-agent\r\n"
		"Access-Control-Max-Age: 600\r\n");
	return 0;
}
