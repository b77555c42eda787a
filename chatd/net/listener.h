/* Listening sockets of one loop: opening what server.listen names, accepting, pausing when
 * descriptors run out. */
#ifndef CHATD_NET_LISTENER_H
#define CHATD_NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/bytes.h"

struct loop;
struct listener;

#define LISTENER_WHY_SIZE 256
#define LISTENER_MAX 16 /* addresses in one setting */
#define LISTENER_ADDRESS_SIZE 128 /* address text with NUL: "[v6]:port", "unix:PATH" */

/* fd: non-blocking, close-on-exec, the callee's from here on. peer: "1.2.3.4:567", "[v6]:567" or
 * "unix", good until it returns. The listener may be stopped or closed inside. */
typedef void (*listener_accept_fn)(void *ctx, int fd, const char *peer);

/* addresses: host:port, [v6]:port, *:port or unix:PATH, several separated by commas; port 0 picks
 * one. host may be a name (the first of its addresses that can be bound is taken). [::] and * take
 * IPv4 as well unless an IPv4 address stands beside it. A Unix socket that a dead server left is
 * replaced; a living one, a symbolic link and any other file are refused. All sockets listen on
 * return and accept() begins with the next turn. Errors, with a sentence in why (LISTENER_WHY_SIZE
 * bytes): ERR_CONFIG for the text of an address, ERR_EXISTS for one in use, ERR_SYSTEM; nothing is
 * left open then. */
int listener_open(struct loop *loop, struct bytes addresses, listener_accept_fn on_accept,
	void *ctx, struct listener **ret_listener, char *why);
/* The same for sockets that already listen (systemd's socket activation). On success the
 * descriptors belong to the listener; a Unix path among them is not removed at the end. */
int listener_adopt(struct loop *loop, const int *fds, size_t count, listener_accept_fn on_accept,
	void *ctx, struct listener **ret_listener, char *why);

size_t listener_count(const struct listener *listener);
/* Leaves an eighth of the process's descriptors, 64 at most, to others (files, the control socket):
 * while only those are free nothing is accepted, and who connects waits. */
void listener_leave_reserve(struct listener *listener);
/* Address number i as it was bound, with the real port: for the ready line. */
const char *listener_address(const struct listener *listener, size_t i);

/* Leaves its loop: who connects waits from now on, until listener_resume() puts it on another one
 * (or the same), where others take what is accepted. Not from within on_accept. */
void listener_rest(struct listener *listener);
void listener_resume(
	struct listener *listener, struct loop *loop, listener_accept_fn on_accept, void *ctx);

/* Stops accepting and closes the sockets (a Unix path of ours is removed); for a drain. Addresses
 * can still be read. */
void listener_stop(struct listener *listener);
void listener_close(struct listener **listener);

#endif
