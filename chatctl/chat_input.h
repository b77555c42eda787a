/* Lines of stdin, whatever it is: a pipe, a file, a terminal without line editing, /dev/null. */
#ifndef CHATCTL_CHAT_INPUT_H
#define CHATCTL_CHAT_INPUT_H

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/loop/loop.h"

struct chat_input;

struct chat_input_events {
	/* A line without its end; too_long: it has more than CHAT_INPUT_MAX bytes, text is its
	 * beginning. number: from 1. */
	void (*on_line)(void *ctx, struct bytes text, uint64_t number, bool too_long);
	/* There are no more lines. err: 0, or ERR_SYSTEM with errno where reading failed. */
	void (*on_end)(void *ctx, int err);
};

#define CHAT_INPUT_MAX ((size_t)512 * 1024)

/* The descriptor's mode is left alone, since others may share it. Nothing comes before
 * chat_input_resume(), and nothing inside a function that is called here. */
struct chat_input *chat_input_open(
	struct loop *loop, int fd, const struct chat_input_events *events, void *ctx);
void chat_input_close(struct chat_input **input);
/* Back-pressure: lines that were read already may still come after a pause. */
void chat_input_pause(struct chat_input *input);
void chat_input_resume(struct chat_input *input);

#endif
