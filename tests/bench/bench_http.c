#include "tests/bench/bench_http.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/wire/http1_body.h"
#include "tests/bench/bench_proc.h"

#define READ_SIZE (16 * 1024)

void bench_http_open(
	struct bench_http *http, const struct bench_target *target, size_t user, uint64_t number)
{
	*http = (struct bench_http){.target = target, .fd = bench_connect(target)};
	buf_append_str(&http->head,
		" HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAuthorization: Bearer ");
	bench_token(target, user, number, &http->head);
	buf_append_str(&http->head, "\r\n");
}

void bench_http_hang_up(struct bench_http *http)
{
	if (http->fd >= 0) {
		bench_http_drain_all(http);
		close(http->fd);
		http->fd = -1;
	}
	buf_finish(&http->input);
}

void bench_http_close(struct bench_http *http)
{
	if (http->fd >= 0) {
		close(http->fd);
	}
	buf_finish(&http->head);
	buf_finish(&http->input);
	http->fd = -1;
}

void bench_http_write(const struct bench_http *http, const char *method, const char *path,
	const char *type, struct bytes body, struct buf *out)
{
	buf_append_str(out, method);
	buf_append_char(out, ' ');
	buf_append_str(out, path);
	buf_append_bytes(out, buf_bytes(&http->head));
	if (type != NULL) {
		http1_write_header(out, "Content-Type", bytes_str(type));
	}
	if (type != NULL || strcmp(method, "POST") == 0) {
		http1_write_header_u64(out, "Content-Length", body.len);
	}
	http1_write_end(out);
	buf_append_bytes(out, body);
}

void bench_http_send(struct bench_http *http, const char *method, const char *path,
	const char *type, struct bytes body)
{
	struct buf request = {0};

	if (http->fd < 0) {
		http->fd = bench_connect(http->target);
	}
	bench_http_write(http, method, path, type, body, &request);
	ssize_t sent = send(http->fd, request.data, request.len, MSG_NOSIGNAL);
	if (sent != (ssize_t)request.len) {
		bench_fail("send: %s", sent < 0 ? strerror(errno) : "the server does not keep up");
	}
	http->waiting++;
	buf_finish(&request);
}

/* Whether all of the body is there; *input is then what follows it. */
static bool take_body(const struct http1_response *response, struct bytes *input, struct buf *out)
{
	struct http1_body body;
	struct bytes piece;
	int err = 0;

	http1_body_init(&body, response->framing, response->content_length);
	while (err == 0 && !http1_body_done(&body)) {
		err = http1_body_feed(&body, input, &piece);
		if (err == 0) {
			buf_append_bytes(out, piece);
		}
	}
	if (err != 0 && err != ERR_AGAIN) {
		bench_fail("an answer that is no HTTP: %s", body.reason);
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

	int err = input.len == 0 ? ERR_AGAIN
				 : http1_response_parse(&parser, input, &http1_limits_default,
					   false, &response, &used);
	if (err == ERR_AGAIN) {
		return 0;
	}
	if (err != 0 || response.framing == HTTP1_BODY_UNTIL_CLOSE || http->waiting == 0) {
		bench_fail("an answer that is no HTTP, ends the connection, or was not asked for: "
			   "%.*s",
			BYTES_ARG(input));
	}
	struct bytes left = bytes_of(input.ptr + used, input.len - used);
	if (!take_body(&response, &left, ret_body)) {
		ret_body->len = before;
		return 0;
	}
	buf_consume(&http->input, input.len - left.len);
	http->waiting--;
	return response.status;
}

/* Whether something came. */
static bool receive(struct bench_http *http, int flags)
{
	buf_reserve(&http->input, READ_SIZE);
	ssize_t got = recv(http->fd, http->input.data + http->input.len, READ_SIZE, flags);

	if (got < 0 && (errno == EINTR || (errno == EAGAIN && flags != 0))) {
		return false;
	}
	if (got <= 0) {
		bench_fail("no answer: %s", got == 0 ? "the connection ended" : strerror(errno));
	}
	http->input.len += (size_t)got;
	return true;
}

int bench_http_read(struct bench_http *http, struct buf *ret_body)
{
	int status = take_answer(http, ret_body);

	if (status == 0 && receive(http, 0)) {
		status = take_answer(http, ret_body);
	}
	return status;
}

static void take_all(struct bench_http *http)
{
	struct buf body = {0};
	int status;

	while ((status = take_answer(http, &body)) != 0) {
		if (status != 200) {
			bench_fail("a call is answered with %d: %.*s", status,
				BYTES_ARG(buf_bytes(&body)));
		}
		buf_clear(&body);
	}
	buf_finish(&body);
}

void bench_http_drain(struct bench_http *http)
{
	if (http->fd >= 0 && http->waiting > 0 && receive(http, MSG_DONTWAIT)) {
		take_all(http);
	}
}

void bench_http_drain_all(struct bench_http *http)
{
	while (http->fd >= 0 && http->waiting > 0) {
		receive(http, 0);
		take_all(http);
	}
}
