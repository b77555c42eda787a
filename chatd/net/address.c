#include "chatd/net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chatd/net/listener.h"
#include "lib/base/err.h"

#define BACKLOG 4096
#define UNIX_PATH_MAX_LEN (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

int address_refuse(char *why, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, LISTENER_WHY_SIZE, fmt, ap);
	va_end(ap);
	return err;
}

/* ---- texts ---- */

static int parse_unix(struct bytes text, struct address *ret_address, char *why)
{
	struct bytes path = bytes_of(text.ptr + 5, text.len - 5);
	if (path.len == 0 || path.len > UNIX_PATH_MAX_LEN || bytes_find_char(path, '\0') >= 0) {
		return address_refuse(why, ERR_CONFIG,
			"listen: the path of \"%.*s\" is not 1 to %zu bytes long", BYTES_ARG(text),
			UNIX_PATH_MAX_LEN);
	}
	*ret_address = (struct address){.is_unix = true, .path = path};
	return 0;
}

/* Splits at the colon before the port. */
static bool split_port(struct bytes text, struct address *address)
{
	size_t colon = text.len;
	while (colon > 0 && text.ptr[colon - 1] != ':') {
		colon--;
	}
	if (colon == 0) {
		return false;
	}
	address->host = bytes_of(text.ptr, colon - 1);
	address->port = bytes_of(text.ptr + colon, text.len - colon);
	return true;
}

static bool cut_brackets(struct address *address)
{
	struct bytes host = address->host;
	address->is_v6 = host.len > 0 && host.ptr[0] == '[';
	if (!address->is_v6) {
		return bytes_find_char(host, ':') < 0 && bytes_find_char(host, ']') < 0;
	}
	if (host.len < 3 || host.ptr[host.len - 1] != ']') {
		return false;
	}
	address->host = bytes_of(host.ptr + 1, host.len - 2);
	return true;
}

int address_parse(struct bytes text, struct address *ret_address, char *why)
{
	struct address address = {.is_unix = false};
	unsigned long long port = 0;
	if (bytes_starts_nocase(text, BYTES_LIT("unix:"))) {
		return parse_unix(text, ret_address, why);
	}
	if (!split_port(text, &address) || !cut_brackets(&address) || address.host.len >= 256) {
		return address_refuse(why, ERR_CONFIG,
			"listen: \"%.*s\" is not host:port, [v6]:port or unix:PATH",
			BYTES_ARG(text));
	}
	if (address.port.len > 5 || bytes_to_u64(address.port, &port) != 0 || port > 65535) {
		return address_refuse(why, ERR_CONFIG,
			"listen: the port of \"%.*s\" is not 0 to 65535", BYTES_ARG(text));
	}
	if (bytes_eq(address.host, BYTES_LIT("*"))) {
		address.host = BYTES_NONE;
	}
	*ret_address = address;
	return 0;
}

bool address_is_v4(const struct address *address)
{
	char host[INET_ADDRSTRLEN];
	struct in_addr in;
	if (address->is_unix || address->host.len == 0 || address->host.len >= sizeof(host)) {
		return false;
	}
	memcpy(host, address->host.ptr, address->host.len);
	host[address->host.len] = '\0';
	return inet_pton(AF_INET, host, &in) == 1;
}

static void format_unix(const struct sockaddr_un *un, char *out, size_t size)
{
	snprintf(out, size, "unix:%.*s", (int)sizeof(un->sun_path), un->sun_path);
}

static void format_inet(const struct sockaddr_storage *address, char *out, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "?";
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		snprintf(out, size, "%s:%u", text, ntohs(in->sin_port));
		return;
	}
	const struct sockaddr_in6 *in6 = (const void *)address;
	unsigned port = ntohs(in6->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		/* A dual-stack socket's IPv4 peer: the address everybody knows it by. */
		inet_ntop(AF_INET, in6->sin6_addr.s6_addr + 12, text, sizeof(text));
		snprintf(out, size, "%s:%u", text, port);
		return;
	}
	inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	snprintf(out, size, "[%s]:%u", text, port);
}

void address_of_socket(int fd, char *out, size_t size)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
		snprintf(out, size, "?");
	} else if (address.ss_family == AF_UNIX) {
		format_unix((const void *)&address, out, size);
	} else {
		format_inet(&address, out, size);
	}
}

void address_of_peer(const struct sockaddr_storage *peer, char *out, size_t size)
{
	if (peer->ss_family == AF_INET || peer->ss_family == AF_INET6) {
		format_inet(peer, out, size);
	} else {
		snprintf(out, size, "unix");
	}
}

/* ---- sockets ---- */

static int socket_open(int family, char *why, int *ret_fd)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return address_refuse(why, ERR_SYSTEM, "listen: no socket: %m");
	}
	*ret_fd = fd;
	return 0;
}

/* Binds and listens; closes fd on failure. label: the address for the sentence. */
static int socket_bind(
	int fd, const struct sockaddr *address, socklen_t len, const char *label, char *why)
{
	if (bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0) {
		return 0;
	}
	int err = errno == EADDRINUSE ? ERR_EXISTS : ERR_SYSTEM;
	address_refuse(why, err, "listen: %s: %m", label);
	close(fd);
	return err;
}

/* Whether somebody accepts there; -1 where that can not be told. */
static int unix_is_alive(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -1;
	}
	/* EAGAIN: its backlog is full, so it lives. */
	int alive = 1;
	if (connect(fd, (const struct sockaddr *)un, sizeof(*un)) != 0 && errno != EAGAIN) {
		alive = errno == ECONNREFUSED || errno == ENOENT ? 0 : -1;
	}
	close(fd);
	return alive;
}

/* Makes way for a socket: removes one that a dead server left, and nothing else. */
static int unix_clear(const struct sockaddr_un *un, char *why)
{
	struct stat st;
	if (lstat(un->sun_path, &st) != 0) {
		return errno == ENOENT
			       ? 0
			       : address_refuse(why, ERR_SYSTEM, "listen: %s: %m", un->sun_path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		return address_refuse(why, ERR_CONFIG,
			"listen: %s is there and is no socket; it is left alone", un->sun_path);
	}
	int alive = unix_is_alive(un);
	if (alive != 0) {
		return address_refuse(why, alive > 0 ? ERR_EXISTS : ERR_SYSTEM,
			alive > 0 ? "listen: another server answers on %s"
				  : "listen: %s can not be examined",
			un->sun_path);
	}
	if (unlink(un->sun_path) != 0 && errno != ENOENT) {
		return address_refuse(why, ERR_SYSTEM, "listen: %s: %m", un->sun_path);
	}
	return 0;
}

static int listen_unix(const struct address *address, int *ret_fd, char *why)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = -1;
	memcpy(un.sun_path, address->path.ptr, address->path.len);
	int err = unix_clear(&un, why);
	if (err == 0) {
		err = socket_open(AF_UNIX, why, &fd);
	}
	if (err == 0) {
		err = socket_bind(fd, (const void *)&un, sizeof(un), un.sun_path, why);
	}
	if (err == 0) {
		*ret_fd = fd;
	}
	return err;
}

static int listen_info(
	const struct addrinfo *info, bool v6_only, const char *label, int *ret_fd, char *why)
{
	int fd = -1;
	int on = 1;
	int only = v6_only;
	int err = socket_open(info->ai_family, why, &fd);
	if (err != 0) {
		return err;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		(info->ai_family == AF_INET6 &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) != 0)) {
		address_refuse(why, ERR_SYSTEM, "listen: %s: %m", label);
		close(fd);
		return ERR_SYSTEM;
	}
	err = socket_bind(fd, info->ai_addr, info->ai_addrlen, label, why);
	if (err == 0) {
		*ret_fd = fd;
	}
	return err;
}

static int listen_inet(const struct address *address, bool v6_only, int *ret_fd, char *why)
{
	char host[256];
	char port[8];
	char label[300];
	struct addrinfo hints = {
		.ai_family = address->is_v6 ? AF_INET6 : AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV | (address->is_v6 ? AI_NUMERICHOST : 0),
	};
	struct addrinfo *infos = NULL;
	snprintf(host, sizeof(host), "%.*s", BYTES_ARG(address->host));
	snprintf(port, sizeof(port), "%.*s", BYTES_ARG(address->port));
	snprintf(label, sizeof(label), address->is_v6 ? "[%s]:%s" : "%s:%s",
		host[0] != '\0' ? host : "*", port);
	if (host[0] == '\0') {
		hints.ai_family = AF_INET6;
	}
	int failure = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &infos);
	if (failure != 0) {
		return address_refuse(
			why, ERR_CONFIG, "listen: %s: %s", label, gai_strerror(failure));
	}
	int err = ERR_SYSTEM;
	for (struct addrinfo *info = infos; info != NULL && err != 0; info = info->ai_next) {
		err = listen_info(info, v6_only, label, ret_fd, why);
	}
	freeaddrinfo(infos);
	return err;
}

int address_listen(const struct address *address, bool v6_only, int *ret_fd, char *why)
{
	if (address->is_unix) {
		return listen_unix(address, ret_fd, why);
	}
	int err = listen_inet(address, v6_only, ret_fd, why);
	if (err == ERR_SYSTEM && address->host.len == 0) {
		/* A machine without IPv6. */
		struct address v4 = {.host = BYTES_LIT("0.0.0.0"), .port = address->port};
		err = listen_inet(&v4, false, ret_fd, why);
	}
	return err;
}
