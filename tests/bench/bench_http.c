#include "tests/bench/bench_http.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/wire/http1_body.h"
#include "tests/bench/bench_proc.h"

#define READ_SIZE (64 * 1024)

void bench_http_open(struct bench_http *http, const struct bench_target *target, size_t user)
{
	*http = (struct bench_http){.fd = bench_connect(target)};
	buf_append_str(&http->head,
		" HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAuthorization: Bearer ");
	bench_token(target, user, 1, &http->head);
	buf_append_str(&http->head, "\r\n");
}

void bench_http_close(struct bench_http *http)
{
	close(http->fd);
	buf_finish(&http->head);
	buf_finish(&http->input);
	http->fd = -1;
}

void bench_http_send(
	struct bench_http *http, const char *method, const char *path, const char *body)
{
	struct buf request = {0};

	buf_printf(&request, "%s %s", method, path);
	buf_append_bytes(&request, buf_bytes(&http->head));
	if (body != NULL) {
		buf_append_str(&request, "Content-Type: application/json\r\n");
		http1_write_header_u64(&request, "Content-Length", strlen(body));
	}
	http1_write_end(&request);
	buf_append_str(&request, body != NULL ? body : "");
	ssize_t sent = send(http->fd, request.data, request.len, MSG_NOSIGNAL);
	if (sent != (ssize_t)request.len) {
		bench_fail("send: %s", sent < 0 ? strerror(errno) : "the server does not keep up");
	}
	buf_finish(&request);
}

/* Whether all of the body is there. */
static bool take_body(const struct http1_response *response, struct bytes input, struct buf *out)
{
	struct http1_body body;
	struct bytes piece;
	int err = 0;

	http1_body_init(&body, response->framing, response->content_length);
	while (err == 0 && !http1_body_done(&body)) {
		err = http1_body_feed(&body, &input, &piece);
		if (err == 0) {
			buf_append_bytes(out, piece);
		}
	}
	if (err != 0 && err != ERR_AGAIN) {
		bench_fail("an answer that is no HTTP: %s", body.reason);
	}
	if (err == 0 && input.len > 0) {
		bench_fail("more than one answer to a request");
	}
	return err == 0;
}

/* Answers are short, so one that comes in parts is read from its start again. */
static int take_answer(struct bench_http *http, struct buf *ret_body)
{
	struct http1_parser parser = {0};
	struct http1_response response;
	struct bytes input = buf_bytes(&http->input);
	size_t used, before = ret_body->len;

	int err = http1_response_parse(
		&parser, input, &http1_limits_default, false, &response, &used);
	if (err == ERR_AGAIN) {
		return 0;
	}
	if (err != 0 || response.framing == HTTP1_BODY_UNTIL_CLOSE) {
		bench_fail("an answer that is no HTTP, or ends the connection: %.*s",
			BYTES_ARG(input));
	}
	if (!take_body(&response, bytes_of(input.ptr + used, input.len - used), ret_body)) {
		ret_body->len = before;
		return 0;
	}
	buf_clear(&http->input);
	return response.status;
}

int bench_http_read(struct bench_http *http, struct buf *ret_body)
{
	buf_reserve(&http->input, READ_SIZE);
	ssize_t got = recv(http->fd, http->input.data + http->input.len, READ_SIZE, 0);

	if (got < 0 && errno == EINTR) {
		return 0;
	}
	if (got <= 0) {
		bench_fail("no answer: %s", got == 0 ? "the connection ended" : strerror(errno));
	}
	http->input.len += (size_t)got;
	return take_answer(http, ret_body);
}
