#include "lib/net/stream.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/err.h"

enum { NODE_SIZE = 256, PORT_SIZE = 6 };

struct stream_connect {
	struct stream_pool *pool;
	struct loop *loop;
	const struct stream_events *events;
	void *events_ctx;
	stream_connect_fn done;
	void *ctx;
	struct addrinfo *found; /* of a host, else NULL */
	struct addrinfo *next; /* the address that is tried after this one */
	struct addrinfo local; /* of unix:PATH */
	struct sockaddr_un local_address;
	int fd; /* -1: none under way */
	struct loop_fd *watch;
	struct loop_timer *limit;
	struct loop_defer report; /* a result that was there at once */
	int result;
};

static void connect_abandon(struct stream_connect *c)
{
	loop_fd_close(&c->watch);
	if (c->fd >= 0) {
		close(c->fd);
		c->fd = -1;
	}
}

static void connect_free(struct stream_connect *c)
{
	connect_abandon(c);
	loop_timer_destroy(&c->limit);
	loop_defer_cancel(&c->report);
	if (c->found != NULL) {
		freeaddrinfo(c->found);
	}
	free(c);
}

/* Gives the result, and is gone. */
static void connect_finish(struct stream_connect *c, int err)
{
	stream_connect_fn done = c->done;
	void *ctx = c->ctx;
	struct stream *stream = NULL;
	loop_fd_close(&c->watch);
	if (err == 0) {
		stream = stream_open(c->pool, c->fd, c->events, c->events_ctx);
		c->fd = -1;
	}
	connect_free(c);
	done(ctx, err, stream);
}

static void on_report(void *ctx)
{
	struct stream_connect *c = ctx;
	connect_finish(c, c->result);
}

static void on_limit(void *ctx)
{
	connect_finish(ctx, ERR_TIMEOUT);
}

static void connect_report(struct stream_connect *c, int result)
{
	c->result = result;
	loop_defer(c->loop, &c->report, LOOP_GATHER);
}

static void on_writable(void *ctx, int events);

/* Whether one address is under way or has answered. */
static bool connect_try(struct stream_connect *c, const struct addrinfo *to)
{
	c->fd = socket(
		to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol);
	if (c->fd < 0) {
		return false;
	}
	if (connect(c->fd, to->ai_addr, to->ai_addrlen) == 0) {
		connect_report(c, 0);
		return true;
	}
	/* An interrupted one goes on by itself. */
	if (errno == EINPROGRESS || errno == EINTR) {
		c->watch = loop_fd_open(c->loop, c->fd, LOOP_WRITE, on_writable, c);
		return true;
	}
	connect_abandon(c);
	return false;
}

static void connect_next(struct stream_connect *c)
{
	while (c->next != NULL) {
		const struct addrinfo *to = c->next;
		c->next = to->ai_next;
		if (connect_try(c, to)) {
			return;
		}
	}
	connect_report(c, ERR_UNREACHABLE);
}

static void on_writable(void *ctx, int events)
{
	struct stream_connect *c = ctx;
	int error = 0;
	socklen_t size = sizeof(error);
	(void)events;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
		error = errno;
	}
	if (error == 0) {
		connect_finish(c, 0);
		return;
	}
	connect_abandon(c);
	connect_next(c);
}

/* ---- addresses ---- */

static int find_local(struct stream_connect *c, struct bytes path)
{
	struct sockaddr_un *address = &c->local_address;
	if (path.len == 0 || path.len >= sizeof(address->sun_path) ||
		bytes_find_char(path, '\0') >= 0) {
		return ERR_BAD_REQUEST;
	}
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path.ptr, path.len);
	c->local = (struct addrinfo){.ai_family = AF_UNIX,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)address,
		.ai_addrlen = sizeof(*address)};
	c->next = &c->local;
	return 0;
}

/* Cuts host:port or [v6]:port. */
static int split_host(struct bytes address, struct bytes *ret_host, struct bytes *ret_port)
{
	struct bytes rest = address;
	struct bytes host;
	if (bytes_starts(address, BYTES_LIT("["))) {
		rest = bytes_of(address.ptr + 1, address.len - 1);
		host = bytes_split(&rest, ']');
		if (!bytes_starts(rest, BYTES_LIT(":"))) {
			return ERR_BAD_REQUEST;
		}
		rest = bytes_of(rest.ptr + 1, rest.len - 1);
	} else {
		host = bytes_split(&rest, ':');
	}
	unsigned long long port;
	if (host.len == 0 || host.len >= NODE_SIZE || bytes_find_char(host, '\0') >= 0 ||
		rest.len >= PORT_SIZE || bytes_to_u64(rest, &port) != 0 || port < 1 ||
		port > 65535) {
		return ERR_BAD_REQUEST;
	}
	*ret_host = host;
	*ret_port = rest;
	return 0;
}

static int find_host(struct stream_connect *c, struct bytes address)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct bytes host, port;
	char host_text[NODE_SIZE], port_text[PORT_SIZE];
	int err = split_host(address, &host, &port);
	if (err != 0) {
		return err;
	}
	snprintf(host_text, sizeof(host_text), "%.*s", BYTES_ARG(host));
	snprintf(port_text, sizeof(port_text), "%.*s", BYTES_ARG(port));
	if (getaddrinfo(host_text, port_text, &hints, &c->found) != 0) {
		c->found = NULL;
		return ERR_UNREACHABLE;
	}
	c->next = c->found;
	return 0;
}

int stream_connect_start(struct stream_pool *pool, struct bytes address, uint64_t timeout_us,
	const struct stream_events *events, void *events_ctx, stream_connect_fn done, void *ctx,
	struct stream_connect **ret_connect)
{
	const struct bytes local = BYTES_LIT("unix:");
	struct stream_connect *c = mem_zalloc(sizeof(*c));
	c->pool = pool;
	c->loop = stream_pool_loop(pool);
	c->events = events;
	c->events_ctx = events_ctx;
	c->done = done;
	c->ctx = ctx;
	c->fd = -1;
	loop_defer_init(&c->report, on_report, c);
	int err =
		bytes_starts(address, local)
			? find_local(c, bytes_of(address.ptr + local.len, address.len - local.len))
			: find_host(c, address);
	if (err != 0) {
		connect_free(c);
		return err;
	}
	if (timeout_us > 0) {
		c->limit = loop_timer_create(c->loop, on_limit, c);
		loop_timer_set(c->limit, timeout_us);
	}
	connect_next(c);
	*ret_connect = c;
	return 0;
}

void stream_connect_cancel(struct stream_connect **connect)
{
	if (*connect != NULL) {
		connect_free(*connect);
		*connect = NULL;
	}
}
