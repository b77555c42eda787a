#include "chatd/net/listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chatd/net/address.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"

#define ACCEPTS_PER_TURN 64
#define PAUSE_US 100000

struct listener_socket {
	struct listener *listener;
	int fd; /* -1 once stopped */
	struct loop_fd *watch;
	char address[LISTENER_ADDRESS_SIZE];
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* to be removed, or empty */
	dev_t device; /* what was bound at path: another file there is not ours */
	ino_t inode;
};

struct listener {
	struct loop *loop;
	listener_accept_fn on_accept;
	void *ctx;
	struct loop_timer *pause; /* armed while descriptors are exhausted */
	bool shortage_logged; /* until an accept succeeds again */
	int fd_limit; /* descriptors from this number on are for others; 0: no reserve */
	int fd_highest; /* that was ever accepted */
	unsigned calls; /* depth of accept_some(): the listener may be closed inside */
	bool closed; /* to be freed when calls is zero */
	size_t count;
	struct listener_socket sockets[LISTENER_MAX];
};

/* ---- accepting ---- */

static void watch_all(struct listener *listener, int events)
{
	for (size_t i = 0; i < listener->count; i++) {
		if (listener->sockets[i].watch != NULL) {
			loop_fd_set(listener->sockets[i].watch, events);
		}
	}
}

static void resume(void *ctx)
{
	watch_all(ctx, LOOP_READ);
}

/* The socket stays readable while descriptors are exhausted: without a pause the loop would spin.
 */
static void pause_all(struct listener *listener, int error)
{
	watch_all(listener, 0);
	loop_timer_set(listener->pause, PAUSE_US);
	if (!listener->shortage_logged) {
		listener->shortage_logged = true;
		log_event(LOG_WARN, "accept paused", LOG_STR("error", strerrordesc_np(error)),
			LOG_STR("listen", listener_address(listener, 0)));
	}
}

/* The kernel hands out the lowest number that is free: where half of them was never reached nobody
 * need ask. */
static bool is_reserve_reached(const struct listener_socket *socket)
{
	if (socket->listener->fd_highest < socket->listener->fd_limit / 2) {
		return false;
	}
	if (socket->listener->fd_limit == 0) {
		return false;
	}
	int lowest = fcntl(socket->fd, F_DUPFD_CLOEXEC, 0);
	if (lowest >= 0) {
		close(lowest);
	}
	return lowest < 0 || lowest >= socket->listener->fd_limit;
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* false: nothing more for this turn. */
static bool accept_one(struct listener_socket *socket)
{
	struct listener *listener = socket->listener;
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(peer);
	char text[LISTENER_ADDRESS_SIZE];
	if (is_reserve_reached(socket)) {
		pause_all(listener, EMFILE);
		return false;
	}
	int fd = accept4(socket->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		listener->shortage_logged = false;
		listener->fd_highest = fd > listener->fd_highest ? fd : listener->fd_highest;
		address_of_peer(&peer, text, sizeof(text));
		listener->on_accept(listener->ctx, fd, text);
		return true;
	}
	if (is_shortage(errno)) {
		pause_all(listener, errno);
		return false;
	}
	/* The others are about one connection that failed before it was accepted (accept(2)). */
	return errno != EAGAIN && errno != EWOULDBLOCK && errno != EBADF && errno != EINVAL;
}

static void accept_some(void *ctx, int events)
{
	struct listener_socket *socket = ctx;
	struct listener *listener = socket->listener;
	(void)events;
	listener->calls++;
	for (int i = 0; i < ACCEPTS_PER_TURN && socket->fd >= 0; i++) {
		if (!accept_one(socket)) {
			break;
		}
	}
	if (--listener->calls == 0 && listener->closed) {
		free(listener);
	}
}

/* ---- opening ---- */

static struct listener *listener_create(struct loop *loop, listener_accept_fn on_accept, void *ctx)
{
	struct listener *listener = mem_zalloc(sizeof(*listener));
	listener->loop = loop;
	listener->on_accept = on_accept;
	listener->ctx = ctx;
	listener->pause = loop_timer_create(loop, resume, listener);
	return listener;
}

static struct listener_socket *add_socket(struct listener *listener, int fd)
{
	struct listener_socket *socket = &listener->sockets[listener->count++];
	socket->listener = listener;
	socket->fd = fd;
	address_of_socket(fd, socket->address, sizeof(socket->address));
	return socket;
}

static void remember_path(struct listener_socket *socket, struct bytes path)
{
	struct stat st;
	memcpy(socket->path, path.ptr, path.len);
	socket->path[path.len] = '\0';
	if (lstat(socket->path, &st) != 0) {
		socket->path[0] = '\0';
		return;
	}
	socket->device = st.st_dev;
	socket->inode = st.st_ino;
}

static void watch_sockets(struct listener *listener)
{
	for (size_t i = 0; i < listener->count; i++) {
		struct listener_socket *socket = &listener->sockets[i];
		socket->watch =
			loop_fd_open(listener->loop, socket->fd, LOOP_READ, accept_some, socket);
	}
}

static int parse_all(struct bytes text, struct address *addresses, size_t *ret_count, char *why)
{
	size_t count = 0;
	do {
		struct bytes part = bytes_trim(bytes_split(&text, ','));
		if (count == LISTENER_MAX) {
			return address_refuse(
				why, ERR_CONFIG, "listen: more than %d addresses", LISTENER_MAX);
		}
		int err = address_parse(part, &addresses[count], why);
		if (err != 0) {
			return err;
		}
		count++;
	} while (text.ptr != NULL);
	*ret_count = count;
	return 0;
}

int listener_open(struct loop *loop, struct bytes addresses, listener_accept_fn on_accept,
	void *ctx, struct listener **ret_listener, char *why)
{
	struct address parsed[LISTENER_MAX];
	size_t count = 0;
	bool v6_only = false;
	int err = parse_all(addresses, parsed, &count, why);
	if (err != 0) {
		return err;
	}
	for (size_t i = 0; i < count; i++) {
		v6_only = v6_only || address_is_v4(&parsed[i]);
	}
	struct listener *listener = listener_create(loop, on_accept, ctx);
	for (size_t i = 0; i < count; i++) {
		int fd = -1;
		err = address_listen(&parsed[i], v6_only, &fd, why);
		if (err != 0) {
			listener_close(&listener);
			return err;
		}
		struct listener_socket *socket = add_socket(listener, fd);
		if (parsed[i].is_unix) {
			remember_path(socket, parsed[i].path);
		}
	}
	watch_sockets(listener);
	*ret_listener = listener;
	return 0;
}

static int check_adopted(int fd, char *why)
{
	int listening = 0;
	int type = 0;
	socklen_t len = sizeof(listening);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || !listening ||
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_STREAM) {
		return address_refuse(why, ERR_CONFIG,
			"listen: descriptor %d is no stream socket that listens", fd);
	}
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
		return address_refuse(why, ERR_SYSTEM, "listen: descriptor %d: %m", fd);
	}
	return 0;
}

int listener_adopt(struct loop *loop, const int *fds, size_t count, listener_accept_fn on_accept,
	void *ctx, struct listener **ret_listener, char *why)
{
	if (count == 0 || count > LISTENER_MAX) {
		return address_refuse(
			why, ERR_CONFIG, "listen: %zu sockets were handed over", count);
	}
	for (size_t i = 0; i < count; i++) {
		int err = check_adopted(fds[i], why);
		if (err != 0) {
			return err;
		}
	}
	struct listener *listener = listener_create(loop, on_accept, ctx);
	for (size_t i = 0; i < count; i++) {
		add_socket(listener, fds[i]);
	}
	watch_sockets(listener);
	*ret_listener = listener;
	return 0;
}

void listener_leave_reserve(struct listener *listener)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= INT_MAX) {
		rlim_t reserve = limit.rlim_cur / 8 < 64 ? limit.rlim_cur / 8 : 64;
		listener->fd_limit = (int)(limit.rlim_cur - reserve);
	}
}

size_t listener_count(const struct listener *listener)
{
	return listener->count;
}

const char *listener_address(const struct listener *listener, size_t i)
{
	assert(i < listener->count);
	return listener->sockets[i].address;
}

/* ---- closing ---- */

static void remove_path(const struct listener_socket *socket)
{
	struct stat st;
	if (socket->path[0] != '\0' && lstat(socket->path, &st) == 0 &&
		st.st_dev == socket->device && st.st_ino == socket->inode) {
		unlink(socket->path);
	}
}

void listener_rest(struct listener *listener)
{
	loop_timer_destroy(&listener->pause);
	for (size_t i = 0; i < listener->count; i++) {
		loop_fd_close(&listener->sockets[i].watch);
	}
}

void listener_resume(
	struct listener *listener, struct loop *loop, listener_accept_fn on_accept, void *ctx)
{
	listener->loop = loop;
	listener->on_accept = on_accept;
	listener->ctx = ctx;
	listener->pause = loop_timer_create(loop, resume, listener);
	watch_sockets(listener);
}

void listener_stop(struct listener *listener)
{
	if (listener->pause != NULL) {
		loop_timer_cancel(listener->pause);
	}
	for (size_t i = 0; i < listener->count; i++) {
		struct listener_socket *socket = &listener->sockets[i];
		if (socket->fd < 0) {
			continue;
		}
		loop_fd_close(&socket->watch);
		remove_path(socket);
		close(socket->fd);
		socket->fd = -1;
	}
}

void listener_close(struct listener **listener)
{
	if (*listener == NULL) {
		return;
	}
	listener_stop(*listener);
	loop_timer_destroy(&(*listener)->pause);
	if ((*listener)->calls > 0) {
		(*listener)->closed = true;
	} else {
		free(*listener);
	}
	*listener = NULL;
}
