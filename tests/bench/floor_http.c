/* The floor over server-sent events and long polling. A client has two connections: one that what
 * he is told goes over, and one for his requests. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "lib/wire/http1.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/floor.h"

#define TAKEN BYTES_LIT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
#define ENDED BYTES_LIT("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
#define STREAM \
	BYTES_LIT("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" \
		  "Transfer-Encoding: chunked\r\n\r\n3\r\n:\r\n\r\n")
#define POLL_HEAD \
	"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n"
#define POLL_HEAD_SIZE 128

/* ---- requests ---- */

struct request {
	char method; /* its first letter */
	bool negotiates;
	struct floor_client *client; /* that its id names */
	struct bytes body;
};

/* The number behind a name; 0 where it is not there. */
static size_t number_after(struct bytes in, const char *name)
{
	const char *at = memmem(in.ptr, in.len, name, strlen(name));

	return at == NULL ? 0 : strtoul(at + strlen(name), NULL, 10);
}

/* Answers the bytes of one whole request, 0 while there is none. */
static size_t next_request(const struct floor *floor, struct bytes in, struct request *ret_request)
{
	const char *end = memmem(in.ptr, in.len, "\r\n\r\n", 4);

	if (end == NULL) {
		return 0;
	}
	struct bytes head = bytes_of(in.ptr, (size_t)(end + 4 - in.ptr));
	struct bytes line = bytes_of(head.ptr, (size_t)bytes_find_char(head, '\r'));
	size_t body = number_after(head, "Content-Length: ");
	if (in.len - head.len < body) {
		return 0;
	}
	size_t id = number_after(line, "?id=");
	*ret_request = (struct request){
		.method = head.ptr[0],
		.negotiates = memmem(line.ptr, line.len, "/negotiate", 10) != NULL,
		.client = id < floor->ids ? floor->by_id[id] : NULL,
		.body = bytes_of(head.ptr + head.len, body),
	};
	return head.len + body;
}

static void negotiate(struct floor *floor, struct floor_conn *conn)
{
	struct buf body = {0}, answer = {0};

	buf_printf(&body, "{\"negotiateVersion\":1,\"connectionToken\":\"%zu\"}",
		floor_client_create(floor)->id);
	buf_printf(&answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.len);
	buf_append_bytes(&answer, buf_bytes(&body));
	floor_write(conn, buf_bytes(&answer), BYTES_NONE);
	buf_finish(&answer);
	buf_finish(&body);
}

static void take_request(struct floor *floor, struct floor_conn *conn, struct request *request,
	void (*get)(struct floor *floor, struct floor_client *client))
{
	struct floor_client *client = request->client;

	if (request->negotiates) {
		negotiate(floor, conn);
		return;
	}
	if (client == NULL) {
		bench_fail("a request without a connection");
	}
	if (request->method == 'G') {
		conn->client = client;
		client->conn = conn;
		get(floor, client);
	} else if (request->method == 'P') {
		floor_write(conn, TAKEN, BYTES_NONE);
		floor_record(floor, client, request->body);
	} else {
		floor_write(conn, ENDED, BYTES_NONE);
		if (client->conn != NULL) {
			client->conn->client = NULL;
		}
		floor_client_destroy(floor, &client);
	}
}

bool floor_requests(struct floor *floor, struct floor_conn *conn,
	void (*get)(struct floor *floor, struct floor_client *client))
{
	struct request request;
	size_t done = 0, used;

	while ((used = next_request(
			floor, bytes_of(conn->input + done, conn->have - done), &request)) > 0) {
		take_request(floor, conn, &request, get);
		done += used;
	}
	floor_consume(conn, done);
	return true;
}

/* ---- events ---- */

static void event_frame(const struct floor *floor, struct bytes record, struct buf *out)
{
	struct buf event = {0};

	(void)floor;
	buf_append_str(&event, "data: ");
	buf_append_bytes(&event, record);
	buf_append_str(&event, "\r\n\r\n");
	http1_write_chunk(out, buf_bytes(&event));
	buf_finish(&event);
}

static void event_deliver(struct floor *floor, struct floor_client *client, size_t count)
{
	floor_write(client->conn, bytes_of(floor->messages.data, count * floor->bytes),
		buf_bytes(&client->completions));
	buf_clear(&client->completions);
}

static void event_flush(struct floor *floor, struct floor_client *client)
{
	(void)floor;
	floor_write(client->conn, buf_bytes(&client->completions), BYTES_NONE);
	buf_clear(&client->completions);
}

static void event_get(struct floor *floor, struct floor_client *client)
{
	(void)floor;
	floor_write(client->conn, STREAM, BYTES_NONE);
}

static bool event_take(struct floor *floor, struct floor_conn *conn)
{
	return floor_requests(floor, conn, event_get);
}

const struct floor_wire floor_events = {
	.frame = event_frame,
	.deliver = event_deliver,
	.flush = event_flush,
	.take = event_take,
};

/* ---- polls ---- */

static void poll_frame(const struct floor *floor, struct bytes record, struct buf *out)
{
	(void)floor;
	buf_append_bytes(out, record);
}

static void answer_with(struct floor_client *client, struct bytes messages)
{
	char head[POLL_HEAD_SIZE];
	size_t body = messages.len + client->completions.len;
	struct iovec parts[3] = {
		{head, (size_t)snprintf(head, sizeof(head), POLL_HEAD, body)},
		{(void *)(uintptr_t)messages.ptr, messages.len},
		{client->completions.data, client->completions.len},
	};

	if (writev(client->conn->fd, parts, 3) != (ssize_t)(parts[0].iov_len + body)) {
		bench_fail("a client does not keep up");
	}
	buf_clear(&client->completions);
}

/* One message, which is nearly always what there is, is a prebuilt answer. */
static void answer_parked(struct floor *floor, struct floor_client *client)
{
	size_t count = client->pending;

	if (!client->parked || (count == 0 && client->completions.len == 0)) {
		return;
	}
	count = count < FLOOR_GATHER_MAX ? count : FLOOR_GATHER_MAX;
	client->parked = false;
	client->pending -= count;
	if (count != 1 || client->completions.len > 0) {
		answer_with(client, bytes_of(floor->messages.data, count * floor->bytes));
		return;
	}
	if (floor->answer.len == 0) {
		buf_printf(&floor->answer, POLL_HEAD, floor->bytes);
		buf_append(&floor->answer, floor->messages.data, floor->bytes);
	}
	floor_write(client->conn, buf_bytes(&floor->answer), BYTES_NONE);
}

static void poll_deliver(struct floor *floor, struct floor_client *client, size_t count)
{
	client->pending += count;
	answer_parked(floor, client);
}

static void poll_get(struct floor *floor, struct floor_client *client)
{
	if (!client->started) {
		client->started = true;
		floor_write(client->conn, TAKEN, BYTES_NONE);
		return;
	}
	client->parked = true;
	answer_parked(floor, client);
}

static bool poll_take(struct floor *floor, struct floor_conn *conn)
{
	return floor_requests(floor, conn, poll_get);
}

const struct floor_wire floor_polls = {
	.frame = poll_frame,
	.deliver = poll_deliver,
	.flush = answer_parked,
	.take = poll_take,
};
