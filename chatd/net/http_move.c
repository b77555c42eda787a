#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include "chatd/net/http_internal.h"
#include "lib/base/err.h"
#include "lib/net/stream.h"

int http_move(struct http_exchange *exchange, struct http_moved *ret_moved)
{
	struct exchange *x = CONTAINER_OF(exchange, struct exchange, public);
	struct http_conn *conn = x->conn;
	if (conn == NULL) {
		return ERR_CLOSED;
	}
	if (exchange->head.framing != HTTP1_BODY_NONE && conn->body_got > 0) {
		return ERR_BAD_REQUEST;
	}
	/* A request is looked at only when the answers before it that somebody waits for are out.
	 */
	assert(conn->written == NULL);
	*ret_moved = (struct http_moved){.unread = x->head_buf};
	snprintf(ret_moved->peer, sizeof(ret_moved->peer), "%s", conn->peer);
	buf_init(&x->head_buf);
	ret_moved->unread.len = exchange->raw_head.len;
	buf_append_bytes(&ret_moved->unread, buf_bytes(&conn->in));
	stream_flush(conn->stream);
	stream_take_queue(conn->stream, &ret_moved->unsent);
	ret_moved->fd = stream_release(&conn->stream);
	http_exchange_destroy(x);
	http_conn_destroy(conn);
	return 0;
}

void http_server_adopt_moved(struct http_server *server, struct http_moved *moved)
{
	struct http_conn *conn = http_conn_open(server, moved->fd, moved->peer, &moved->unread);
	if (moved->unsent.len > 0) {
		stream_send_copy(conn->stream, buf_bytes(&moved->unsent));
	}
	buf_finish(&moved->unsent);
	moved->fd = -1;
	http_server_arm(server);
}

void http_moved_drop(struct http_moved *moved)
{
	if (moved->fd >= 0) {
		close(moved->fd);
		moved->fd = -1;
	}
	buf_finish(&moved->unread);
	buf_finish(&moved->unsent);
}
