#include "chatctl/chat_input.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/err.h"

#define PIECE 16384

struct chat_input {
	int fd;
	const struct chat_input_events *events;
	void *ctx;
	struct loop_fd *watch; /* what can be watched */
	struct loop_timer *timer; /* what cannot, since it is always ready */
	struct buf line; /* an unfinished one */
	bool skipping; /* an over-long one to its end */
	uint64_t number;
	bool ended;
};

static void take_line(struct chat_input *input, struct bytes text, bool too_long)
{
	input->events->on_line(input->ctx, text, ++input->number, too_long);
}

/* One more piece: whole lines are handed on. */
static void take_piece(struct chat_input *input, struct bytes piece)
{
	while (piece.len > 0) {
		ptrdiff_t end = bytes_find_char(piece, '\n');
		struct bytes part = end >= 0 ? bytes_of(piece.ptr, (size_t)end) : piece;
		size_t used = part.len + (end >= 0 ? 1 : 0);
		piece = bytes_of(piece.ptr + used, piece.len - used);
		if (!input->skipping) {
			buf_append_bytes(&input->line, part);
		}
		if (input->line.len > CHAT_INPUT_MAX) {
			take_line(input, bytes_of(input->line.data, CHAT_INPUT_MAX), true);
			input->skipping = true;
			buf_clear(&input->line);
		}
		if (end >= 0) {
			if (!input->skipping) {
				take_line(input, buf_bytes(&input->line), false);
			}
			input->skipping = false;
			buf_clear(&input->line);
		}
	}
}

static void end(struct chat_input *input, int err)
{
	int saved = errno;
	input->ended = true;
	chat_input_pause(input);
	if (input->line.len > 0 && err == 0) {
		take_line(input, buf_bytes(&input->line), false);
	}
	buf_finish(&input->line);
	errno = saved;
	input->events->on_end(input->ctx, err);
}

static void read_piece(struct chat_input *input)
{
	char piece[PIECE];
	ssize_t n = read(input->fd, piece, sizeof(piece));
	if (n > 0) {
		take_piece(input, bytes_of(piece, (size_t)n));
	} else if (n == 0) {
		end(input, 0);
	} else if (errno != EINTR && errno != EAGAIN) {
		end(input, ERR_SYSTEM);
	}
}

static void on_ready(void *ctx, int events)
{
	(void)events;
	read_piece(ctx);
}

static void on_timer(void *ctx)
{
	struct chat_input *input = ctx;
	loop_timer_set(input->timer, 0);
	read_piece(input);
}

/* Files and devices that are no terminals are always ready, which epoll does not take. */
static bool can_be_watched(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 &&
	       (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || isatty(fd));
}

struct chat_input *chat_input_open(
	struct loop *loop, int fd, const struct chat_input_events *events, void *ctx)
{
	struct chat_input *input = mem_zalloc(sizeof(*input));
	input->fd = fd;
	input->events = events;
	input->ctx = ctx;
	if (can_be_watched(fd)) {
		input->watch = loop_fd_open(loop, fd, 0, on_ready, input);
	} else {
		input->timer = loop_timer_create(loop, on_timer, input);
	}
	return input;
}

void chat_input_close(struct chat_input **input)
{
	if (*input == NULL) {
		return;
	}
	loop_fd_close(&(*input)->watch);
	loop_timer_destroy(&(*input)->timer);
	buf_finish(&(*input)->line);
	free(*input);
	*input = NULL;
}

void chat_input_pause(struct chat_input *input)
{
	if (input->watch != NULL) {
		loop_fd_set(input->watch, 0);
	} else {
		loop_timer_cancel(input->timer);
	}
}

void chat_input_resume(struct chat_input *input)
{
	if (input->ended) {
		return;
	}
	if (input->watch != NULL) {
		loop_fd_set(input->watch, LOOP_READ);
	} else if (!loop_timer_armed(input->timer)) {
		loop_timer_set(input->timer, 0);
	}
}
