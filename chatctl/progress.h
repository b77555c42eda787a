/* How far long work has come, for people who wait for it: one line on stderr that is written over
 * and erased at the end. Nothing is shown unless stderr is a terminal. */
#ifndef CHATCTL_PROGRESS_H
#define CHATCTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chatctl/options.h"

struct progress {
	const char *what; /* "backup"; no control characters, lives as long as the work */
	bool enabled;
	size_t width; /* characters of the line that is to be erased, 0: none */
	uint64_t start_us; /* of the work */
	uint64_t next_us; /* not written before */
};

/* Shows nothing for the first 200 ms, since most work is done by then. Not enabled where stderr is
 * no terminal, and with --quiet. */
void progress_init(struct progress *progress, const struct options *options, const char *what);
/* Another name for what is done now; the line is written at the next update. */
void progress_name(struct progress *progress, const char *what);
/* Writes at most 10 times a second, however often it is called: "backup 45 % (123 of 271)". total
 * 0: not known, then the seconds are counted. */
void progress_update(struct progress *progress, uint64_t done, uint64_t total);
/* Erases the line: before anything else is written to the terminal, and at the end. It may go on
 * afterwards. */
void progress_finish(struct progress *progress);

#endif
