#include "lib/store/pg_restore.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/store/child.h"

enum { TICK_MS = 50, ARGUMENTS = 20 };

/* The descriptors of a run; -1: closed. */
enum {
	FD_LIST, /* what pg_restore takes of the archive */
	FD_PROLOGUE,
	FD_DATA_READ, /* from pg_restore to psql */
	FD_DATA_WRITE,
	FD_EPILOGUE_READ, /* from us to psql */
	FD_EPILOGUE_WRITE,
	FDS
};

struct running {
	const struct pg_restore_run *run;
	int fds[FDS];
	struct child restore, psql;
	bool committing; /* psql has the epilogue */
	uint64_t total; /* bytes of the archive */
};

/* ---- descriptors ---- */

static int fail(struct buf *why)
{
	buf_printf(why, "cannot start PostgreSQL's programs: %s", strerrordesc_np(errno));
	return ERR_SYSTEM;
}

static void close_fd(struct running *running, int which)
{
	if (running->fds[which] >= 0) {
		close(running->fds[which]);
		running->fds[which] = -1;
	}
}

static bool write_all(int fd, struct bytes text)
{
	while (text.len > 0) {
		ssize_t len = write(fd, text.ptr, text.len);
		if (len < 0 && errno != EINTR) {
			return false;
		}
		text = len > 0 ? bytes_of(text.ptr + len, text.len - (size_t)len) : text;
	}
	return true;
}

/* A file without a name. */
static bool make_file(int *ret_fd, const char *name, struct bytes text)
{
	*ret_fd = memfd_create(name, MFD_CLOEXEC);
	return *ret_fd >= 0 && write_all(*ret_fd, text);
}

static int make_fds(struct running *running, struct buf *why)
{
	int *fds = running->fds;

	for (int i = 0; i < FDS; i++) {
		fds[i] = -1;
	}
	if (!make_file(&fds[FD_LIST], "list", buf_bytes(&running->run->archive->list)) ||
		!make_file(&fds[FD_PROLOGUE], "prologue", running->run->prologue) ||
		pipe2(&fds[FD_DATA_READ], O_CLOEXEC) != 0 ||
		pipe2(&fds[FD_EPILOGUE_READ], O_CLOEXEC) != 0) {
		return fail(why);
	}
	return 0;
}

/* ---- starting ---- */

static int start_restore(struct running *running, struct buf *why)
{
	const struct pg_tools *tools = running->run->tools;
	const int fds[CHILD_FDS] = {running->run->archive->fd, running->fds[FD_DATA_WRITE], -1,
		running->fds[FD_LIST], -1};
	char *path = pg_tools_path(tools, "pg_restore");
	const char *const argv[ARGUMENTS] = {path, "--no-owner", "--no-privileges", "--no-comments",
		"--no-tablespaces", "--use-list=/dev/fd/3", "--file=-", NULL};

	lseek(running->run->archive->fd, 0, SEEK_SET);
	int err = child_start(&running->restore, argv, tools->environment, fds, why);
	free(path);
	return err;
}

static int start_psql(struct running *running, struct buf *why)
{
	const struct pg_tools *tools = running->run->tools;
	const int fds[CHILD_FDS] = {running->fds[FD_DATA_READ], -1, -1, running->fds[FD_PROLOGUE],
		running->fds[FD_EPILOGUE_READ]};
	char *path = pg_tools_path(tools, "psql");
	const char *const argv[ARGUMENTS] = {path, "--no-psqlrc", "--quiet", "--no-password",
		"--output=/dev/null", "--set=ON_ERROR_STOP=1", "--file=/dev/fd/3", "--file=-",
		"--file=/dev/fd/4", tools->target != NULL ? "--dbname" : NULL, tools->target, NULL};
	int err = child_start(&running->psql, argv, tools->environment, fds, why);

	free(path);
	return err;
}

static int start(struct running *running, struct buf *why)
{
	struct stat st;
	int err = make_fds(running, why);

	if (err == 0) {
		err = start_restore(running, why);
	}
	if (err == 0) {
		err = start_psql(running, why);
	}
	if (fstat(running->run->archive->fd, &st) == 0) {
		running->total = (uint64_t)st.st_size;
	}
	for (int i = 0; i < FDS; i++) {
		if (i != FD_EPILOGUE_WRITE) {
			close_fd(running, i);
		}
	}
	return err;
}

/* ---- while they run ---- */

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
	pg_tools_end(&running->psql, why);
	return err;
}

static int progress(const struct running *running)
{
	const struct pg_restore_run *run = running->run;
	off_t done = lseek(run->archive->fd, 0, SEEK_CUR);

	return run->progress != NULL ? run->progress(run->ctx, "restore",
					       done > 0 ? (uint64_t)done : 0, running->total)
				     : 0;
}

/* The archive came through whole: psql may commit. */
static void commit(struct running *running)
{
	running->committing = true;
	/* Where it cannot be written psql has ended, and says why. */
	(void)write_all(running->fds[FD_EPILOGUE_WRITE], running->run->epilogue);
	close_fd(running, FD_EPILOGUE_WRITE);
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

/* Turns until psql has ended well. Once it may commit nothing is broken off any more. */
static int await(struct running *running, struct buf *why)
{
	while (!child_wait(&running->psql, TICK_MS)) {
		int asked = progress(running);
		if (!running->committing && asked != 0) {
			return asked;
		}
		if (!running->committing && child_wait(&running->restore, 0)) {
			if (!child_went_well(&running->restore)) {
				return fail_half_way(running, why);
			}
			commit(running);
		}
	}
	if (!running->committing) {
		return fail_half_way(running, why);
	}
	if (!child_went_well(&running->psql)) {
		fail_psql(running, why);
		return ERR_UNCERTAIN;
	}
	return 0;
}

int pg_restore_run(const struct pg_restore_run *run, struct buf *why)
{
	struct running running = {.run = run, .restore = {.err_fd = -1}, .psql = {.err_fd = -1}};
	struct sigaction before, ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGPIPE, &ignore, &before);
	int err = start(&running, why);
	if (err == 0) {
		err = await(&running, why);
	}
	child_finish(&running.psql);
	child_finish(&running.restore);
	close_fd(&running, FD_EPILOGUE_WRITE);
	sigaction(SIGPIPE, &before, NULL);
	return err;
}
