/* The floor over WebSockets (RFC 6455). */
#include "lib/wire/ws.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/floor.h"

#define CLOSE_FRAME BYTES_LIT("\x88\x02\x03\xe8")

static void frame(const struct floor *floor, struct bytes record, struct buf *out)
{
	char header[WS_HEADER_MAX];
	enum ws_opcode opcode = floor->encoding == BENCH_JSON ? WS_TEXT : WS_BINARY;

	buf_append(out, header, ws_write_header(header, opcode, true, record.len, NULL));
	buf_append_bytes(out, record);
}

static void deliver(struct floor *floor, struct floor_client *client, size_t count)
{
	floor_write(client->conn, bytes_of(floor->messages.data, count * floor->bytes),
		buf_bytes(&client->completions));
	buf_clear(&client->completions);
}

static void flush(struct floor *floor, struct floor_client *client)
{
	(void)floor;
	floor_write(client->conn, buf_bytes(&client->completions), BYTES_NONE);
	buf_clear(&client->completions);
}

/* Answers the bytes of one whole frame, 0 while there is none. Frames of up to 64 KiB, as clients
 * send them: masked (RFC 6455 section 5.2). */
static size_t next_frame(char *in, size_t len, struct bytes *ret_payload)
{
	size_t header = 6, payload;

	if (len < header) {
		return 0;
	}
	payload = (uint8_t)in[1] & 0x7f;
	if (payload == 126) {
		header = 8;
		payload = (size_t)(uint8_t)in[2] << 8 | (uint8_t)in[3];
	}
	if (len < header + payload) {
		return 0;
	}
	ws_mask(in + header, payload, (const uint8_t *)in + header - 4, 0);
	*ret_payload = bytes_of(in + header, payload);
	return header + payload;
}

/* Answers the bytes of the whole request, 0 while it is not complete. */
static size_t upgrade(struct floor *floor, struct floor_conn *conn)
{
	static const char key_name[] = "Sec-WebSocket-Key: ";
	char accept[WS_ACCEPT_SIZE];
	struct buf answer = {0};

	const char *end = memmem(conn->input, conn->have, "\r\n\r\n", 4);
	if (end == NULL) {
		return 0;
	}
	const char *key = memmem(conn->input, conn->have, key_name, sizeof(key_name) - 1);
	if (key == NULL || end - key < (ptrdiff_t)(sizeof(key_name) + WS_KEY_SIZE - 2)) {
		bench_fail("a request that is no upgrade");
	}
	ws_accept_key(bytes_of(key + sizeof(key_name) - 1, WS_KEY_SIZE - 1), accept);
	buf_printf(&answer,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		accept);
	floor_write(conn, buf_bytes(&answer), BYTES_NONE);
	buf_finish(&answer);
	conn->upgraded = true;
	conn->client = floor_client_create(floor);
	conn->client->conn = conn;
	return (size_t)(end + 4 - conn->input);
}

static bool take(struct floor *floor, struct floor_conn *conn)
{
	size_t done = conn->upgraded ? 0 : upgrade(floor, conn), used;
	struct bytes payload;

	while (conn->upgraded &&
		(used = next_frame(conn->input + done, conn->have - done, &payload)) > 0) {
		if ((conn->input[done] & 0x0f) == WS_CLOSE) {
			floor_write(conn, CLOSE_FRAME, BYTES_NONE);
			return false;
		}
		floor_record(floor, conn->client, payload);
		done += used;
	}
	floor_consume(conn, done);
	return true;
}

const struct floor_wire floor_websockets = {
	.frame = frame,
	.deliver = deliver,
	.flush = flush,
	.take = take,
};
