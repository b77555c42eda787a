/* Why chatctl did not do what it was asked, on its way to the user. */
#ifndef CHATCTL_FAILURE_H
#define CHATCTL_FAILURE_H

#include <stdbool.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"

struct failure {
	struct arena *arena; /* where the texts lie */
	int exit; /* 0: nothing failed */
	const char *code; /* stable, as err_code() */
	const char *message; /* escaped; one sentence, or one a line */
	const char *hint; /* what to do, or NULL */
	bool told; /* the output says it already: only the exit code counts */
};

/* Sets code and exit code from err; hint may be NULL. Answers err. */
int failure_set(struct failure *failure, int err, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Takes what the daemon said. Answers its number. */
int failure_take(struct failure *failure, int exit, struct bytes code, struct bytes message,
	struct bytes hint);
/* For people: "chatctl: MESSAGE" and the hint, on stderr. */
void failure_print(const struct failure *failure);
/* Appends "error":{"code":...,"message":...,"hint":...}. */
void failure_json(const struct failure *failure, struct buf *out);

#endif
