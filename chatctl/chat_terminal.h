/* The console's screen: one line is edited at the bottom, all else scrolls by above it. On libedit
 * (chat_terminal.c is the only file that sees it). */
#ifndef CHATCTL_CHAT_TERMINAL_H
#define CHATCTL_CHAT_TERMINAL_H

#include "lib/base/bytes.h"
#include "lib/loop/loop.h"

struct chat_terminal;

struct chat_terminal_events {
	/* Enter was hit; UTF-8, may be empty. The line is gone from the screen. */
	void (*on_line)(void *ctx, struct bytes text);
	void (*on_page_up)(void *ctx);
	/* Ctrl-C, Ctrl-D on an empty line, or the terminal has gone. */
	void (*on_leave)(void *ctx);
};

/* Takes stdin and stdout, which are a terminal. All that is written goes through it until it is
 * closed. ERR_NOT_SUPPORTED: that terminal cannot move its cursor. No event comes inside. */
int chat_terminal_open(struct loop *loop, const struct chat_terminal_events *events, void *ctx,
	struct chat_terminal **ret_terminal);
/* Takes the line away and leaves the terminal as it was. */
void chat_terminal_close(struct chat_terminal **terminal);

/* Whole lines, each with its end, above what is being typed; at the end of the turn. Nothing in
 * them may move the cursor. */
void chat_terminal_print(struct chat_terminal *terminal, struct bytes lines);
/* What stands before the line; UTF-8 without control characters, copied. */
void chat_terminal_set_prompt(struct chat_terminal *terminal, const char *prompt);

#endif
