/* Listening sockets: addresses, Unix sockets that are in the way, exhausted descriptors. */
#include "chatd/net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "chatd/net/address.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"

struct fixture {
	struct loop *loop;
	struct listener *listener;
	char dir[64];
	char path[96];
	unsigned accepted;
	char peer[LISTENER_ADDRESS_SIZE];
	bool close_inside;
	int keep[64]; /* accepted sockets that stay open */
	size_t kept;
	bool keep_them;
};

static void on_accept(void *ctx, int fd, const char *peer)
{
	struct fixture *f = ctx;
	int flags = fcntl(fd, F_GETFL);
	f->accepted++;
	assert_true((flags & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	snprintf(f->peer, sizeof(f->peer), "%s", peer);
	if (f->keep_them && f->kept < 64) {
		f->keep[f->kept++] = fd;
	} else {
		close(fd);
	}
	if (f->close_inside) {
		listener_close(&f->listener);
	}
}

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	f->loop = loop_create();
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_listener_XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	listener_close(&f->listener);
	while (f->kept > 0) {
		close(f->keep[--f->kept]);
	}
	loop_destroy(&f->loop);
	unlink(f->path);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static int try_open(struct fixture *f, const char *addresses, char *why)
{
	why[0] = '\0';
	return listener_open(f->loop, bytes_str(addresses), on_accept, f, &f->listener, why);
}

static void open_it(struct fixture *f, const char *addresses)
{
	char why[LISTENER_WHY_SIZE];
	int err = try_open(f, addresses, why);
	if (err != 0) {
		fail_msg("%s", why);
	}
}

static void expect_failure(struct fixture *f, const char *addresses, int expected, const char *text)
{
	char why[LISTENER_WHY_SIZE];
	int err = try_open(f, addresses, why);
	if (err != expected || strstr(why, text) == NULL) {
		fail_msg("%s: %d \"%s\", not \"%s\"", addresses, err, why, text);
	}
	assert_null(f->listener);
}

static unsigned port_of(const char *address)
{
	return (unsigned)strtoul(strrchr(address, ':') + 1, NULL, 10);
}

/* A connected client; blocking connects complete against the backlog. */
static int dial(unsigned port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static int dial_unix(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 3; i++) {
		loop_turn(f->loop, 5);
	}
}

/* ---- addresses ---- */

static void bad_addresses(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"", ",", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
		"127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:000080", "[::1]", "[::1:80", "::1:80",
		"[]:80", "unix:", "127.0.0.1:0,", "[127.0.0.1]:80", "[localhost]:80",
		"no-such-host.invalid:80"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_failure(f, bad[i], ERR_CONFIG, "listen: ");
	}
	char text[200] = "unix:/";
	memset(text + 6, 'p', 110);
	expect_failure(f, text, ERR_CONFIG, "107 bytes");
	char many[512] = "127.0.0.1:0";
	for (int i = 0; i < LISTENER_MAX; i++) {
		strcat(many, ",127.0.0.1:0");
	}
	expect_failure(f, many, ERR_CONFIG, "more than 16");
}

static void several_addresses(void **state)
{
	struct fixture *f = *state;
	char text[256];
	char expected[LISTENER_ADDRESS_SIZE];
	snprintf(text, sizeof(text), " 127.0.0.1:0 , localhost:0,unix:%s", f->path);
	open_it(f, text);
	assert_int_equal(listener_count(f->listener), 3);
	unsigned port = port_of(listener_address(f->listener, 0));
	snprintf(expected, sizeof(expected), "127.0.0.1:%u", port);
	assert_true(port > 0);
	assert_string_equal(listener_address(f->listener, 0), expected);
	assert_true(port_of(listener_address(f->listener, 1)) > 0);
	snprintf(expected, sizeof(expected), "unix:%s", f->path);
	assert_string_equal(listener_address(f->listener, 2), expected);

	int one = dial(port);
	turn(f);
	assert_int_equal(f->accepted, 1);
	assert_true(strncmp(f->peer, "127.0.0.1:", 10) == 0 && port_of(f->peer) > 0);
	int two = dial_unix(f->path);
	assert_true(two >= 0);
	turn(f);
	assert_int_equal(f->accepted, 2);
	assert_string_equal(f->peer, "unix");
	close(one);
	close(two);
}

static void ipv6(void **state)
{
	struct fixture *f = *state;
	char why[LISTENER_WHY_SIZE];
	char both[96];
	if (try_open(f, "[::1]:0", why) != 0) {
		skip(); /* no IPv6 on this machine */
	}
	assert_true(strncmp(listener_address(f->listener, 0), "[::1]:", 6) == 0);
	listener_close(&f->listener);
	/* Alone it takes IPv4 too, and names such peers as everybody does. */
	open_it(f, "[::]:0");
	unsigned port = port_of(listener_address(f->listener, 0));
	int client = dial(port);
	turn(f);
	assert_int_equal(f->accepted, 1);
	assert_true(strncmp(f->peer, "127.0.0.1:", 10) == 0);
	close(client);
	listener_close(&f->listener);
	/* Beside an IPv4 address it does not, so the same port serves twice. */
	snprintf(both, sizeof(both), "0.0.0.0:%u,[::]:%u", port, port);
	open_it(f, both);
	assert_int_equal(listener_count(f->listener), 2);
	listener_close(&f->listener);
	open_it(f, "*:0");
	client = dial(port_of(listener_address(f->listener, 0)));
	turn(f);
	assert_int_equal(f->accepted, 2);
	close(client);
}

static void port_in_use(void **state)
{
	struct fixture *f = *state;
	struct listener *first = NULL;
	char text[64];
	open_it(f, "127.0.0.1:0");
	first = f->listener;
	f->listener = NULL;
	snprintf(text, sizeof(text), "127.0.0.1:0,%s", listener_address(first, 0));
	expect_failure(f, text, ERR_EXISTS, "in use");
	listener_close(&first);
}

static void peers_are_named(void **state)
{
	(void)state;
	struct sockaddr_storage peer = {.ss_family = AF_INET6};
	struct sockaddr_in6 *in6 = (void *)&peer;
	char text[LISTENER_ADDRESS_SIZE];
	in6->sin6_port = htons(80);
	inet_pton(AF_INET6, "2001:db8::1", &in6->sin6_addr);
	address_of_peer(&peer, text, sizeof(text));
	assert_string_equal(text, "[2001:db8::1]:80");
	inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6->sin6_addr);
	address_of_peer(&peer, text, sizeof(text));
	assert_string_equal(text, "192.0.2.7:80");
}

/* ---- Unix sockets ---- */

static void unix_text(const struct fixture *f, char text[128])
{
	snprintf(text, 128, "unix:%s", f->path);
}

static void unix_stale_and_living(void **state)
{
	struct fixture *f = *state;
	struct listener *first = NULL;
	struct stat st;
	char text[128];
	unix_text(f, text);
	/* One that a dead server left. */
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->path);
	int dead = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(dead, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(dead, 1), 0);
	close(dead);
	open_it(f, text);
	first = f->listener;
	f->listener = NULL;
	/* A living one. */
	expect_failure(f, text, ERR_EXISTS, "another server");
	int client = dial_unix(f->path);
	assert_true(client >= 0);
	close(client);
	listener_close(&first);
	assert_int_equal(lstat(f->path, &st), -1);
}

static void unix_other_files(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char text[128];
	char target[96];
	unix_text(f, text);
	int file = open(f->path, O_CREAT | O_WRONLY, 0600);
	assert_true(file >= 0);
	close(file);
	expect_failure(f, text, ERR_CONFIG, "no socket");
	assert_int_equal(lstat(f->path, &st), 0);
	assert_int_equal(unlink(f->path), 0);

	snprintf(target, sizeof(target), "%s/target", f->dir);
	assert_int_equal(symlink(target, f->path), 0);
	expect_failure(f, text, ERR_CONFIG, "no socket");
	assert_int_equal(lstat(f->path, &st), 0);
	assert_int_equal(lstat(target, &st), -1);
	assert_int_equal(unlink(f->path), 0);
	expect_failure(f, "unix:/nonexistent-directory/socket", ERR_SYSTEM, "No such file");
}

/* What took our path meanwhile is not ours to remove. */
static void unix_path_taken_over(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char text[128];
	unix_text(f, text);
	open_it(f, text);
	assert_int_equal(unlink(f->path), 0);
	int file = open(f->path, O_CREAT | O_WRONLY, 0600);
	assert_true(file >= 0);
	close(file);
	listener_close(&f->listener);
	assert_int_equal(lstat(f->path, &st), 0);
}

/* ---- accepting ---- */

static void stop_and_close_inside(void **state)
{
	struct fixture *f = *state;
	open_it(f, "127.0.0.1:0");
	unsigned port = port_of(listener_address(f->listener, 0));
	int clients[3];
	for (int i = 0; i < 3; i++) {
		clients[i] = dial(port);
	}
	f->close_inside = true;
	turn(f);
	assert_int_equal(f->accepted, 1);
	assert_null(f->listener);
	for (int i = 0; i < 3; i++) {
		close(clients[i]);
	}

	f->close_inside = false;
	open_it(f, "127.0.0.1:0");
	listener_stop(f->listener);
	listener_stop(f->listener);
	assert_true(port_of(listener_address(f->listener, 0)) > 0);
	turn(f);
	assert_int_equal(f->accepted, 1);
}

static void adopted_sockets(void **state)
{
	struct fixture *f = *state;
	char why[LISTENER_WHY_SIZE];
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(
		listener_adopt(f->loop, &fd, 1, on_accept, f, &f->listener, why), ERR_CONFIG);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(
		listener_adopt(f->loop, &fd, 0, on_accept, f, &f->listener, why), ERR_CONFIG);
	assert_int_equal(listener_adopt(f->loop, &fd, 1, on_accept, f, &f->listener, why), 0);
	int client = dial_unix(f->path);
	assert_true(client >= 0);
	turn(f);
	assert_int_equal(f->accepted, 1);
	close(client);
	listener_close(&f->listener);
	/* The path belongs to who made it. */
	assert_int_equal(lstat(f->path, &st), 0);
}

/* Without descriptors accepting pauses, without spinning, and goes on later. */
static void exhausted_descriptors(void **state)
{
	struct fixture *f = *state;
	struct rlimit old;
	struct rlimit tight;
	int clients[4];
	open_it(f, "127.0.0.1:0");
	unsigned port = port_of(listener_address(f->listener, 0));
	for (int i = 0; i < 4; i++) {
		clients[i] = dial(port);
	}
	f->keep_them = true;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	tight = old;
	tight.rlim_cur = (rlim_t)clients[3] + 2; /* one more */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	log_set_level(LOG_OFF);
	uint64_t start = clock_mono_us(&clock_system);
	unsigned turns = 0;
	while (clock_mono_us(&clock_system) - start < 60000) {
		loop_turn(f->loop, 20);
		turns++;
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(f->accepted, 1);
	assert_true(turns < 10);
	for (int i = 0; i < 30 && f->accepted < 4; i++) {
		loop_turn(f->loop, 20);
	}
	log_set_level(LOG_INFO);
	assert_int_equal(f->accepted, 4);
	for (int i = 0; i < 4; i++) {
		close(clients[i]);
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(bad_addresses),
		CASE(several_addresses),
		CASE(ipv6),
		CASE(port_in_use),
		CASE(peers_are_named),
		CASE(unix_stale_and_living),
		CASE(unix_other_files),
		CASE(unix_path_taken_over),
		CASE(stop_and_close_inside),
		CASE(adopted_sockets),
		CASE(exhausted_descriptors),
	};
#undef CASE
	return cmocka_run_group_tests_name("chatd_listener", tests, NULL, NULL);
}
