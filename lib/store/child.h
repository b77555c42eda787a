/* Programs of others that do part of our work (pg_dump and its like): started with descriptors and
 * an environment of their own, watched, and ended. For programs without a loop; one thread. */
#ifndef LIB_STORE_CHILD_H
#define LIB_STORE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/bytes.h"

/* A program's descriptors; CHILD_MORE is one that it can be told as /dev/fd/3. */
enum { CHILD_IN = 0, CHILD_OUT = 1, CHILD_ERR = 2, CHILD_MORE = 3, CHILD_FDS = 4 };

struct child {
	pid_t pid; /* 0: not started, or over */
	int status; /* as waitpid() has it, once it is over */
	int err_fd; /* where it complains */
	struct buf said; /* the complaints, the last 8 KiB of them */
};

/* Starts argv[0], a path, in a process group of its own, so that only we decide when it ends; it
 * also ends when this program does. fds: what becomes its descriptors, -1: /dev/null for 0 and 1,
 * none above; fds[CHILD_ERR] is not read. They stay the caller's, who has them close on exec.
 * environment: all of it, as environ. 0, or ERR_SYSTEM with a sentence in why. child_finish() in
 * any case. */
int child_start(struct child *child, const char *const *argv, char *const *environment,
	const int fds[CHILD_FDS], struct buf *why);
/* Reads what it says, at most for ms milliseconds. true: it is over, status is set. */
bool child_wait(struct child *child, int ms);
/* Whether it is over and was well. */
bool child_went_well(const struct child *child);
/* Ends it: asks, and after 2 s does not ask any more. */
void child_stop(struct child *child);
/* child_stop(), and what it said is gone. */
void child_finish(struct child *child);

/* Takes what a program puts out, as it comes. A negative answer ends the program. */
typedef int (*child_take_fn)(void *ctx, struct bytes part);

/* Runs a program to its end. in: its stdin, -1: /dev/null. 0 however it ended (child_went_well()),
 * what take answered, or ERR_SYSTEM. child_finish() in any case. */
int child_read(struct child *child, const char *const *argv, char *const *environment, int in,
	child_take_fn take, void *ctx, struct buf *why);

#endif
