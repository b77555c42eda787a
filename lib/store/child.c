#include "lib/store/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

enum { SAID_MAX = 8192, STOP_MS = 2000, TICK_MS = 20, EXIT_NO_PROGRAM = 127 };

/* ---- the child's side: nothing but what is allowed between fork and exec ---- */

/* First out of the way of each other, then to their places. */
static bool take_places(const int fds[CHILD_FDS])
{
	int away[CHILD_FDS];

	for (int i = 0; i < CHILD_FDS; i++) {
		away[i] = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD, CHILD_FDS) : -1;
		if (fds[i] >= 0 && away[i] < 0) {
			return false;
		}
	}
	for (int i = 0; i < CHILD_FDS; i++) {
		if (away[i] >= 0) {
			if (dup2(away[i], i) < 0) {
				return false;
			}
			close(away[i]);
		} else if (i >= CHILD_MORE) {
			close(i);
		}
	}
	return true;
}

static _Noreturn void become(
	const char *const *argv, char *const *environment, const int fds[CHILD_FDS], pid_t parent)
{
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The parent may have ended before prctl(). */
	if (getppid() == parent && take_places(fds)) {
		execve(argv[0], (char *const *)(uintptr_t)argv, environment);
	}
	static const char text[] = "the program cannot be started\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)ignored;
	_exit(EXIT_NO_PROGRAM);
}

/* ---- starting ---- */

static int fail(struct buf *why, const char *what, const char *path)
{
	buf_printf(why, "%s %s: %s", what, path, strerrordesc_np(errno));
	return ERR_SYSTEM;
}

int child_start(struct child *child, const char *const *argv, char *const *environment,
	const int fds[CHILD_FDS], struct buf *why)
{
	int given[CHILD_FDS], pipe_fds[2];
	pid_t parent = getpid();

	*child = (struct child){.err_fd = -1};
	signal(SIGCHLD,
		SIG_DFL); /* ignored, as it may have been inherited, nobody could be awaited */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || pipe2(pipe_fds, O_CLOEXEC) != 0) {
		int err = fail(why, "cannot start", argv[0]);
		if (null >= 0) {
			close(null);
		}
		return err;
	}
	memcpy(given, fds, sizeof(given));
	given[CHILD_IN] = fds[CHILD_IN] >= 0 ? fds[CHILD_IN] : null;
	given[CHILD_OUT] = fds[CHILD_OUT] >= 0 ? fds[CHILD_OUT] : null;
	given[CHILD_ERR] = pipe_fds[1];
	child->err_fd = pipe_fds[0];
	fcntl(child->err_fd, F_SETFL, O_NONBLOCK);
	pid_t pid = fork();
	if (pid == 0) {
		become(argv, environment, given, parent);
	}
	int err = pid < 0 ? fail(why, "cannot start", argv[0]) : 0;
	child->pid = pid > 0 ? pid : 0;
	close(pipe_fds[1]);
	close(null);
	return err;
}

/* ---- waiting ---- */

/* false: there is no more. */
static bool read_said(struct child *child)
{
	char text[1024];
	ssize_t len;

	while ((len = read(child->err_fd, text, sizeof(text))) > 0) {
		buf_append(&child->said, text, (size_t)len);
		if (child->said.len > SAID_MAX) {
			buf_consume(&child->said, child->said.len - SAID_MAX);
		}
	}
	return len < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool is_over(struct child *child)
{
	pid_t pid;

	do {
		pid = waitpid(child->pid, &child->status, WNOHANG);
	} while (pid < 0 && errno == EINTR);
	if (pid == 0) {
		return false;
	}
	child->pid = 0;
	return true;
}

static void nap(int ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

bool child_wait(struct child *child, int ms)
{
	if (child->pid == 0) {
		return true;
	}
	struct pollfd fd = {.fd = child->err_fd, .events = POLLIN};
	if (child->err_fd < 0 || (poll(&fd, 1, ms) > 0 && !read_said(child))) {
		/* It says no more, and ends. */
		nap(ms < TICK_MS ? ms : 1);
	}
	if (!is_over(child)) {
		return false;
	}
	read_said(child); /* what came meanwhile */
	return true;
}

bool child_went_well(const struct child *child)
{
	return child->pid == 0 && WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0;
}

void child_stop(struct child *child)
{
	if (child->pid == 0) {
		return;
	}
	uint64_t end = clock_mono_us(&clock_system) + STOP_MS * UINT64_C(1000);
	kill(child->pid, SIGTERM);
	while (!child_wait(child, TICK_MS)) {
		if (clock_mono_us(&clock_system) >= end) {
			kill(child->pid, SIGKILL);
		}
	}
}

void child_finish(struct child *child)
{
	child_stop(child);
	if (child->err_fd >= 0) {
		close(child->err_fd);
		child->err_fd = -1;
	}
	buf_finish(&child->said);
}

/* ---- taking what it puts out ---- */

/* false: there is no more. *ret_err: what take answered. */
static bool read_part(int fd, child_take_fn take, void *ctx, int *ret_err)
{
	char part[16384];
	ssize_t len = read(fd, part, sizeof(part));

	if (len > 0) {
		*ret_err = take(ctx, bytes_of(part, (size_t)len));
		return *ret_err == 0;
	}
	return len < 0 && errno == EINTR;
}

static int read_all(struct child *child, int fd, child_take_fn take, void *ctx)
{
	struct pollfd fds[] = {
		{.fd = fd, .events = POLLIN}, {.fd = child->err_fd, .events = POLLIN}};
	bool more = true;
	int err = 0;

	while (more) {
		if (poll(fds, 2, -1) < 0) {
			if (errno != EINTR) {
				return ERR_SYSTEM;
			}
			continue;
		}
		if (fds[1].revents != 0 && !read_said(child)) {
			fds[1].fd = -1;
		}
		more = fds[0].revents == 0 || read_part(fd, take, ctx, &err);
	}
	return err;
}

int child_read(struct child *child, const char *const *argv, char *const *environment, int in,
	child_take_fn take, void *ctx, struct buf *why)
{
	int pipe_fds[2];

	*child = (struct child){.err_fd = -1};
	if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
		return fail(why, "cannot start", argv[0]);
	}
	const int fds[CHILD_FDS] = {in, pipe_fds[1], -1, -1};
	int err = child_start(child, argv, environment, fds, why);
	close(pipe_fds[1]);
	if (err == 0) {
		err = read_all(child, pipe_fds[0], take, ctx);
	}
	close(pipe_fds[0]);
	if (err != 0) {
		child_stop(child);
	}
	while (!child_wait(child, TICK_MS)) {
	}
	return err;
}
