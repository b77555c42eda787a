#include "lib/store/pg_restore.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/child.h"

enum {
	TICK_MS = 50,
	ARGUMENTS = 16,
	PART = 64 << 10, /* bytes that are read at once */
	HELD_MAX = 2 * PART, /* that psql has not taken yet */
	HEAD = 4096, /* in which pg_restore sets up the session */
};

/* pg_restore 17 sets it whatever the server's version is, and older ones do not know it. */
static const char unknown_setting[] = "\nSET transaction_timeout = 0;";

struct running {
	struct pg_restore_run *run;
	struct child restore, psql;
	int from, to; /* our ends of pg_restore's stdout and psql's stdin; -1: closed */
	struct buf held; /* for psql */
	bool head_passed; /* held may be written */
	bool committing; /* psql gets the epilogue */
	uint64_t total; /* bytes of the archive */
	uint64_t tick_us; /* when progress is told again */
};

/* ---- starting ---- */

static int fail(struct buf *why)
{
	buf_printf(why, "cannot start PostgreSQL's programs: %s", strerrordesc_np(errno));
	return ERR_SYSTEM;
}

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

/* A file without a name; negative: there is none. */
static int make_file(struct bytes text)
{
	int fd = memfd_create("list", MFD_CLOEXEC);

	while (fd >= 0 && text.len > 0) {
		ssize_t len = write(fd, text.ptr, text.len);
		if (len < 0 && errno != EINTR) {
			close_fd(&fd);
		}
		text = len > 0 ? bytes_of(text.ptr + len, text.len - (size_t)len) : text;
	}
	return fd;
}

static int start_restore(struct running *running, struct buf *why)
{
	const struct pg_tools *tools = running->run->tools;
	int list = make_file(buf_bytes(&running->run->archive->list));
	int ends[2] = {-1, -1};

	if (list < 0 || pipe2(ends, O_CLOEXEC) != 0) {
		close_fd(&list);
		return fail(why);
	}
	char *path = pg_tools_path(tools, "pg_restore");
	const char *const argv[ARGUMENTS] = {path, "--no-owner", "--no-privileges", "--no-comments",
		"--no-tablespaces", "--use-list=/dev/fd/3", "--file=-", NULL};
	const int fds[CHILD_FDS] = {running->run->archive->fd, ends[1], -1, list};
	lseek(running->run->archive->fd, 0, SEEK_SET);
	int err = child_start(&running->restore, argv, tools->environment, fds, why);
	free(path);
	close_fd(&list);
	close_fd(&ends[1]);
	running->from = ends[0];
	fcntl(running->from, F_SETFL, O_NONBLOCK);
	return err;
}

static int start_psql(struct running *running, struct buf *why)
{
	const struct pg_tools *tools = running->run->tools;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0) {
		return fail(why);
	}
	char *path = pg_tools_path(tools, "psql");
	const char *const argv[ARGUMENTS] = {path, "--no-psqlrc", "--quiet", "--no-password",
		"--output=/dev/null", "--set=ON_ERROR_STOP=1", "--set=SHOW_CONTEXT=never",
		"--file=-", tools->target != NULL ? "--dbname" : NULL, tools->target, NULL};
	const int fds[CHILD_FDS] = {ends[0], -1, -1, -1};
	int err = child_start(&running->psql, argv, tools->environment, fds, why);
	free(path);
	close_fd(&ends[0]);
	running->to = ends[1];
	fcntl(running->to, F_SETFL, O_NONBLOCK);
	return err;
}

static int start(struct running *running, struct buf *why)
{
	struct stat st;
	int err = start_restore(running, why);

	if (err == 0) {
		err = start_psql(running, why);
	}
	if (fstat(running->run->archive->fd, &st) == 0) {
		running->total = (uint64_t)st.st_size;
	}
	buf_append_bytes(&running->held, running->run->prologue);
	return err;
}

/* ---- what failed ---- */

static bool says(const struct child *child, const char *what)
{
	return child->said.len > 0 &&
	       memmem(child->said.data, child->said.len, what, strlen(what)) != NULL;
}

static int fail_psql(const struct running *running, struct buf *why)
{
	static const struct {
		const char *said;
		int err;
	} known[] = {
		{"No space left", ERR_STORAGE_FULL},
		{"Disk quota exceeded", ERR_STORAGE_FULL},
		{"permission denied", ERR_FORBIDDEN},
		{"must be owner", ERR_FORBIDDEN},
		{"must be able to SET ROLE", ERR_FORBIDDEN},
		{"lock timeout", ERR_BUSY},
	};
	int err = ERR_SYSTEM;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && err == ERR_SYSTEM; i++) {
		err = says(&running->psql, known[i].said) ? known[i].err : err;
	}
	buf_printf(why, "%s/psql did not come to its end: ", running->run->tools->folder);
	pg_tools_end(&running->psql, why);
	return err;
}

/* psql ended before it might commit, or pg_restore did badly: which of them is to be named? That
 * psql does not read any more ends pg_restore too, and half a row is an error to psql. */
static int fail_half_way(struct running *running, struct buf *why)
{
	const struct child *restore = &running->restore;
	bool psql_over = child_wait(&running->psql, TICK_MS);
	bool restore_over = child_wait(&running->restore, TICK_MS);
	bool broken_pipe = says(restore, "Broken pipe") ||
			   (WIFSIGNALED(restore->status) && WTERMSIG(restore->status) == SIGPIPE);

	if (restore_over && !child_went_well(restore) && !(psql_over && broken_pipe)) {
		return pg_archive_fail(running->run->archive, restore, why);
	}
	return fail_psql(running, why);
}

/* ---- from one to the other ---- */

static void pass_head(struct running *running)
{
	struct buf *held = &running->held;
	size_t setting = sizeof(unknown_setting) - 1;
	char *found = memmem(held->data, held->len, unknown_setting, setting);

	if (found != NULL) {
		size_t behind = held->len - (size_t)(found - held->data) - setting;
		memmove(found, found + setting, behind);
		held->len -= setting;
	}
	running->head_passed = true;
}

static void read_part(struct running *running)
{
	struct buf *held = &running->held;

	buf_reserve(held, PART);
	ssize_t len = read(running->from, held->data + held->len, PART);
	if (len > 0) {
		held->len += (size_t)len;
	} else if (len == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_fd(&running->from);
	}
	if (!running->head_passed &&
		(running->from < 0 || held->len >= running->run->prologue.len + HEAD)) {
		pass_head(running);
	}
}

/* Where psql does not read any more it has ended, and says why. */
static void write_part(struct running *running)
{
	struct buf *held = &running->held;
	ssize_t len = write(running->to, held->data, held->len);

	if (len > 0) {
		buf_consume(held, (size_t)len);
	} else if (errno != EAGAIN && errno != EINTR) {
		close_fd(&running->to);
	}
}

static void turn(struct running *running)
{
	bool reads = running->from >= 0 && running->held.len < HELD_MAX;
	bool writes = running->to >= 0 && running->head_passed && running->held.len > 0;
	struct pollfd fds[] = {
		{.fd = reads ? running->from : -1, .events = POLLIN},
		{.fd = writes ? running->to : -1, .events = POLLOUT},
	};

	if (poll(fds, 2, TICK_MS) <= 0) {
		return;
	}
	if (fds[1].revents != 0) {
		write_part(running);
	}
	if (fds[0].revents != 0) {
		read_part(running);
	}
	if (running->committing && running->held.len == 0) {
		close_fd(&running->to); /* psql has all of it */
	}
}

static int progress(struct running *running)
{
	const struct pg_restore_run *run = running->run;
	uint64_t now = clock_mono_us(&clock_system);

	if (run->progress == NULL || running->committing || now < running->tick_us) {
		return 0;
	}
	running->tick_us = now + TICK_MS * UINT64_C(1000);
	off_t done = lseek(run->archive->fd, 0, SEEK_CUR);
	return run->progress(run->ctx, "restore", done > 0 ? (uint64_t)done : 0, running->total);
}

/* All of the script is here: 1 where pg_restore says that it is whole. */
static int is_whole(struct running *running)
{
	if (running->from >= 0 || running->committing || !child_wait(&running->restore, TICK_MS)) {
		return 0;
	}
	return child_went_well(&running->restore) ? 1 : ERR_BAD_CONTENT;
}

/* Turns until psql has ended well. Once it may commit nothing is broken off any more. */
static int await(struct running *running, struct buf *why)
{
	while (!child_wait(&running->psql, 0)) {
		int err = progress(running);
		if (err != 0) {
			return err;
		}
		turn(running);
		child_wait(&running->restore, 0); /* what it says must not fill its pipe */
		int whole = is_whole(running);
		if (whole < 0) {
			return fail_half_way(running, why);
		}
		if (whole > 0) {
			buf_append_bytes(&running->held, running->run->epilogue);
			running->committing = true;
		}
	}
	if (!running->committing) {
		return fail_half_way(running, why);
	}
	if (!child_went_well(&running->psql)) {
		running->run->doubtful = fail_psql(running, why);
		return ERR_UNCERTAIN;
	}
	return 0;
}

int pg_restore_run(struct pg_restore_run *run, struct buf *why)
{
	struct running running = {
		.run = run,
		.restore = {.err_fd = -1},
		.psql = {.err_fd = -1},
		.from = -1,
		.to = -1,
	};
	struct sigaction before, ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGPIPE, &ignore, &before);
	int err = start(&running, why);
	if (err == 0) {
		err = await(&running, why);
	}
	close_fd(&running.from);
	child_finish(&running.psql);
	child_finish(&running.restore);
	close_fd(&running.to);
	buf_finish(&running.held);
	sigaction(SIGPIPE, &before, NULL);
	return err;
}
