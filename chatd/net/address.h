/* Texts of server.listen to bound sockets and back. */
#ifndef CHATD_NET_ADDRESS_H
#define CHATD_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/bytes.h"

/* One member of the list, taken apart; the views point into its text. */
struct address {
	bool is_unix;
	struct bytes path; /* unix only, 1 to 107 bytes */
	struct bytes host; /* empty for *: all addresses */
	struct bytes port; /* 1 to 5 digits, at most 65535 */
	bool is_v6; /* it was written in brackets */
};

/* host:port, [v6]:port, *:port, :port or unix:PATH. 0, or ERR_CONFIG with a sentence in why
 * (LISTENER_WHY_SIZE bytes). */
int address_parse(struct bytes text, struct address *ret_address, char *why);
/* Whether it is a dotted IPv4 address. */
bool address_is_v4(const struct address *address);

/* A socket that listens there: close-on-exec, non-blocking. v6_only: what [::] and * do with IPv4.
 * ERR_CONFIG, ERR_EXISTS, ERR_SYSTEM with why as in listener_open(). */
int address_listen(const struct address *address, bool v6_only, int *ret_fd, char *why);

/* The bound address of a socket: "1.2.3.4:80", "[v6]:80", "unix:PATH"; cut where it is too long. */
void address_of_socket(int fd, char *out, size_t size);
/* The text of a peer's address; "unix" for Unix sockets. */
void address_of_peer(const struct sockaddr_storage *peer, char *out, size_t size);

/* 0, or err with a sentence in why: for return statements. */
int address_refuse(char *why, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
