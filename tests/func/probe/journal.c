/* The journal's end of its native protocol, for tests/func/logs.test.js: journal PATH. Binds a
 * datagram socket at PATH, says so with a line "ready", and writes each datagram that comes to
 * standard output, with a line "--" behind it, until standard input ends. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char data[256 * 1024];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path)) {
		fprintf(stderr, "usage: journal PATH\n");
		return 2;
	}
	memcpy(address.sun_path, argv[1], strlen(argv[1]));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		perror(argv[1]);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct pollfd watched[] = {
			{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
		if (poll(watched, 2, -1) < 0 || watched[1].revents != 0) {
			return 0;
		}
		ssize_t n = recv(fd, data, sizeof(data), 0);
		if (n > 0) {
			fwrite(data, 1, (size_t)n, stdout);
			printf("--\n");
			fflush(stdout);
		}
	}
}
