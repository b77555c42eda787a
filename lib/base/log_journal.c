#include "lib/base/log_journal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/base/err.h"

bool log_journal_reads(const char *journal_stream, int fd)
{
	struct stat stat;
	char ours[64];
	if (journal_stream == NULL || fstat(fd, &stat) != 0) {
		return false;
	}
	snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)stat.st_dev,
		(unsigned long long)stat.st_ino);
	return strcmp(ours, journal_stream) == 0;
}

int log_journal_open(int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return ERR_SYSTEM;
	}
	*ret_fd = fd;
	return 0;
}

/* Not connected, so that a journal that starts anew is found again. */
int log_journal_send(int fd, const char *path, const void *data, size_t len)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	ssize_t sent;
	if (strlen(path) >= sizeof(address.sun_path)) {
		return ERR_UNREACHABLE;
	}
	memcpy(address.sun_path, path, strlen(path));
	do {
		sent = sendto(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL,
			(const struct sockaddr *)&address, sizeof(address));
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0) {
		return 0;
	}
	if (errno == EAGAIN || errno == ENOBUFS) {
		return ERR_BUSY;
	}
	bool away = errno == ENOENT || errno == ECONNREFUSED || errno == EACCES || errno == ENOTDIR;
	return away ? ERR_UNREACHABLE : ERR_SYSTEM;
}
