/* libedit wants to wait for its characters itself. In its unbuffered mode it takes one key a call,
 * and el_wgets() is called when there is one: bytes are read by the loop, made into whole keys by
 * chat_keys.h, and handed to libedit through EL_GETCFN, so that it never waits and never sees half
 * a sequence. Keys that would make it read on by itself (searching, quoting) are not handed on.
 *
 * What is to stand above the line is written where libedit redraws: its ed-redisplay clears the
 * lines that it knows to be on the screen, asks for the prompt, and draws anew. At that moment the
 * cursor stands where the line began, whatever was typed. ed-redisplay lies on a key that nobody
 * can type. */
#include "chatctl/chat_terminal.h"

#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "chatctl/chat_keys.h"
#include "lib/base/err.h"
#include "lib/base/utf8.h"

/* APC, a C1 control, which chat_keys.h lets nobody type. */
#define REDISPLAY_KEY L'\x9f'
#define HISTORY_SIZE 500
#define ESCAPE_US UINT64_C(1000000)
#define KEYS_MAX 8

struct chat_terminal {
	struct loop *loop;
	const struct chat_terminal_events *events;
	void *ctx;
	EditLine *editor;
	HistoryW *history;
	struct loop_fd *input;
	struct loop_signal *resized, *stopped;
	struct loop_timer *escape; /* until a sequence that is begun is forgotten */
	struct chat_keys keys;
	wchar_t given[KEYS_MAX]; /* what libedit is given next */
	size_t given_count, given_at;
	wchar_t *prompt;
	int columns; /* that the line was drawn for */
	struct buf above; /* to be written above the line */
	bool above_now; /* libedit has cleared the line */
	struct loop_defer defer; /* writes it */
	bool left; /* on_leave was told */
};

/* ---- text ---- */

static wchar_t *to_wide(struct bytes text)
{
	wchar_t *wide = mem_alloc((text.len + 1) * sizeof(*wide));
	size_t n = 0;
	while (text.len > 0) {
		wide[n++] = (wchar_t)utf8_next(&text);
	}
	wide[n] = L'\0';
	return wide;
}

static void append_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_append_char(out, (char)c);
	} else if (c < 0x800) {
		buf_append_char(out, (char)(0xc0 | c >> 6));
		buf_append_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		if (c < 0x10000) {
			buf_append_char(out, (char)(0xe0 | c >> 12));
		} else {
			buf_append_char(out, (char)(0xf0 | c >> 18));
			buf_append_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_append_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_append_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* ---- what libedit asks for ---- */

static struct chat_terminal *terminal_of(EditLine *editor)
{
	void *data = NULL;
	el_wget(editor, EL_CLIENTDATA, &data);
	return data;
}

static int on_getc(EditLine *editor, wchar_t *ret_c)
{
	struct chat_terminal *terminal = terminal_of(editor);
	if (terminal->given_at == terminal->given_count) {
		errno = EAGAIN;
		return -1;
	}
	*ret_c = terminal->given[terminal->given_at++];
	return 1;
}

static void write_above(struct chat_terminal *terminal)
{
	fwrite(terminal->above.data, 1, terminal->above.len, stdout);
	buf_clear(&terminal->above);
}

static wchar_t *on_prompt(EditLine *editor)
{
	struct chat_terminal *terminal = terminal_of(editor);
	if (terminal->above_now && terminal->above.len > 0) {
		write_above(terminal);
	}
	return terminal->prompt;
}

/* ---- giving it keys ---- */

static void give(struct chat_terminal *terminal, const wchar_t *keys, size_t count)
{
	int length;
	wmemcpy(terminal->given, keys, count);
	terminal->given_count = count;
	terminal->given_at = 0;
	while (terminal->given_at < terminal->given_count) {
		size_t before = terminal->given_at;
		el_wgets(terminal->editor, &length);
		if (terminal->given_at == before) {
			break; /* it does not want it */
		}
	}
}

static void redisplay(struct chat_terminal *terminal)
{
	const wchar_t key = REDISPLAY_KEY;
	terminal->above_now = true;
	give(terminal, &key, 1);
	terminal->above_now = false;
}

static bool line_is_empty(struct chat_terminal *terminal)
{
	const LineInfoW *line = el_wline(terminal->editor);
	return line->lastchar == line->buffer;
}

static void leave(struct chat_terminal *terminal)
{
	if (!terminal->left) {
		terminal->left = true;
		loop_fd_set(terminal->input, 0);
		terminal->events->on_leave(terminal->ctx);
	}
}

static void remember(struct chat_terminal *terminal, struct bytes text)
{
	HistEventW event;
	if (bytes_trim(text).len > 0) {
		wchar_t *wide = to_wide(text);
		history_w(terminal->history, &event, H_ENTER, wide);
		free(wide);
	}
}

static void enter(struct chat_terminal *terminal)
{
	const LineInfoW *line = el_wline(terminal->editor);
	struct buf text = {0};
	for (const wchar_t *c = line->buffer; c < line->lastchar; c++) {
		append_utf8(&text, (uint32_t)*c);
	}
	/* The line becomes empty and the history begins at its end again. */
	el_reset(terminal->editor);
	el_wset(terminal->editor, EL_PREP_TERM, 1);
	redisplay(terminal);
	remember(terminal, buf_bytes(&text));
	terminal->events->on_line(terminal->ctx, buf_bytes(&text));
	buf_finish(&text);
}

static void edit(struct chat_terminal *terminal, const char *keys)
{
	wchar_t wide[KEYS_MAX];
	size_t count = 0;
	for (; keys[count] != '\0' && count < KEYS_MAX; count++) {
		wide[count] = (unsigned char)keys[count];
	}
	give(terminal, wide, count);
}

/* libedit looks up characters below 256 in its keys, where those that it can print insert
 * themselves. */
static void insert(struct chat_terminal *terminal, wchar_t character)
{
	const wchar_t text[] = {character, L'\0'};
	if (character < 256 && wcwidth(character) < 1) {
		el_winsertstr(terminal->editor, text);
		redisplay(terminal);
	} else {
		give(terminal, text, 1);
	}
}

static void take_key(struct chat_terminal *terminal, const struct chat_key *key)
{
	switch (key->kind) {
	case CHAT_KEY_NONE:
		break;
	case CHAT_KEY_CHARACTER:
		insert(terminal, (wchar_t)key->character);
		break;
	case CHAT_KEY_EDIT:
		edit(terminal, key->edit);
		break;
	case CHAT_KEY_ENTER:
		enter(terminal);
		break;
	case CHAT_KEY_END:
		if (line_is_empty(terminal)) {
			leave(terminal);
		} else {
			edit(terminal, "\004");
		}
		break;
	case CHAT_KEY_LEAVE:
		leave(terminal);
		break;
	case CHAT_KEY_PAGE_UP:
		terminal->events->on_page_up(terminal->ctx);
		break;
	}
}

/* ---- the terminal ---- */

static void on_input(void *ctx, int events)
{
	struct chat_terminal *terminal = ctx;
	char bytes[512];
	(void)events;
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return;
	}
	if (n <= 0) {
		leave(terminal);
		return;
	}
	for (ssize_t i = 0; i < n && !terminal->left; i++) {
		const struct chat_key key = chat_keys_feed(&terminal->keys, bytes[i]);
		take_key(terminal, &key);
	}
	if (chat_keys_begun(&terminal->keys)) {
		loop_timer_set(terminal->escape, ESCAPE_US);
	} else {
		loop_timer_cancel(terminal->escape);
	}
}

static void on_escape(void *ctx)
{
	chat_keys_forget(&((struct chat_terminal *)ctx)->keys);
}

static int screen_columns(void)
{
	struct winsize size;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

/* Rows that a row which was so wide takes on a screen of so many columns. */
static int rows_of(int width, int columns)
{
	return width > columns ? (width + columns - 1) / columns : 1;
}

/* Rows between the line's first one and the cursor, where the line was drawn for so many columns
 * and each of its rows was then broken anew for others. */
static int rows_above_cursor(struct chat_terminal *terminal, int drawn, int columns)
{
	const LineInfoW *line = el_wline(terminal->editor);
	const wchar_t *parts[][2] = {
		{terminal->prompt, terminal->prompt + wcslen(terminal->prompt)},
		{line->buffer, line->cursor},
	};
	int rows = 0, column = 0;
	for (size_t i = 0; i < 2; i++) {
		for (const wchar_t *c = parts[i][0]; c < parts[i][1]; c++) {
			int width = wcwidth(*c) > 0 ? wcwidth(*c) : 0;
			if (column + width > drawn) {
				rows += rows_of(column, columns);
				column = 0;
			}
			column += width;
			if (column >= drawn) {
				rows += rows_of(column, columns);
				column = 0;
			}
		}
	}
	/* Behind the last character of a full row it stays there. */
	bool at_end = line->cursor == line->lastchar && column % columns == 0 && column > 0;
	return rows + column / columns - (at_end ? 1 : 0);
}

/* Most terminals break rows anew when they become narrower, so that libedit's picture of them does
 * not hold any more: the line is found by its length, cleared, and drawn again. */
static void on_resized(void *ctx)
{
	struct chat_terminal *terminal = ctx;
	int columns = screen_columns();
	int rows = rows_above_cursor(terminal, terminal->columns, columns);
	terminal->columns = columns;
	if (rows > 0) { /* it stops at the top by itself */
		printf("\033[%dA", rows);
	}
	fputs("\r\033[J", stdout);
	el_resize(terminal->editor);
	el_wset(terminal->editor, EL_REFRESH);
	fflush(stdout);
}

static void on_above(void *ctx)
{
	struct chat_terminal *terminal = ctx;
	if (terminal->above.len == 0) {
		return;
	}
	if (screen_columns() != terminal->columns) { /* the signal is still to come */
		on_resized(terminal);
	}
	redisplay(terminal);
	if (terminal->above.len > 0) { /* libedit had other things to do; nothing is lost */
		write_above(terminal);
		el_wset(terminal->editor, EL_REFRESH);
	}
	fflush(stdout);
}

/* Ctrl-Z. */
static void on_stopped(void *ctx)
{
	struct chat_terminal *terminal = ctx;
	fputs("\n", stdout);
	fflush(stdout);
	el_wset(terminal->editor, EL_PREP_TERM, 0);
	raise(SIGSTOP);
	el_wset(terminal->editor, EL_PREP_TERM, 1);
	terminal->columns = screen_columns();
	el_resize(terminal->editor);
	el_wset(terminal->editor, EL_REFRESH);
	fflush(stdout);
}

/* ---- public ---- */

/* Terminals on which a line cannot be taken back. */
static bool is_dumb(void)
{
	const char *name = getenv("TERM");
	return name == NULL || name[0] == '\0' || strcmp(name, "dumb") == 0 ||
	       strcmp(name, "emacs") == 0 || strcmp(name, "unknown") == 0;
}

static void bind_keys(EditLine *editor)
{
	const wchar_t redisplay_key[] = {REDISPLAY_KEY, L'\0'};
	const wchar_t *const table[][2] = {
		{redisplay_key, L"ed-redisplay"},
		{L"\001", L"ed-move-to-beg"},
		{L"\002", L"ed-prev-char"},
		{L"\004", L"ed-delete-next-char"},
		{L"\005", L"ed-move-to-end"},
		{L"\006", L"ed-next-char"},
		{L"\013", L"ed-kill-line"},
		{L"\014", L"ed-clear-screen"},
		{L"\016", L"ed-next-history"},
		{L"\020", L"ed-prev-history"},
		{L"\022", L"ed-search-prev-history"},
		{L"\024", L"ed-transpose-chars"},
		{L"\025", L"em-kill-line"},
		{L"\027", L"ed-delete-prev-word"},
		{L"\031", L"em-yank"},
		{L"\037", L"vi-undo"},
		{L"\177", L"ed-delete-prev-char"},
	};
	el_wset(editor, EL_EDITOR, L"emacs");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		el_wset(editor, EL_BIND, table[i][0], table[i][1], NULL);
	}
}

static void open_editor(struct chat_terminal *terminal)
{
	HistEventW event;
	terminal->history = history_winit();
	history_w(terminal->history, &event, H_SETSIZE, HISTORY_SIZE);
	history_w(terminal->history, &event, H_SETUNIQUE, 1);
	el_wset(terminal->editor, EL_CLIENTDATA, terminal);
	el_wset(terminal->editor, EL_PROMPT, on_prompt);
	el_wset(terminal->editor, EL_GETCFN, on_getc);
	el_wset(terminal->editor, EL_HIST, history_w, terminal->history);
	el_wset(terminal->editor, EL_SIGNAL, 0);
	/* Each row ends with a line's end of its own, so that it is known what a terminal makes of
	 * them when its width changes. */
	el_wset(terminal->editor, EL_SETTC, L"am", L"no", NULL);
	bind_keys(terminal->editor);
	terminal->columns = screen_columns();
	/* Draws the prompt, and makes the terminal raw. */
	el_wset(terminal->editor, EL_UNBUFFERED, 1);
	fflush(stdout);
}

int chat_terminal_open(struct loop *loop, const struct chat_terminal_events *events, void *ctx,
	struct chat_terminal **ret_terminal)
{
	if (is_dumb()) {
		return ERR_NOT_SUPPORTED;
	}
	/* One write for a redrawn line. */
	setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
	EditLine *editor = el_init("chatctl", stdin, stdout, stderr);
	if (editor == NULL) {
		return ERR_NOT_SUPPORTED;
	}
	struct chat_terminal *terminal = mem_zalloc(sizeof(*terminal));
	terminal->loop = loop;
	terminal->events = events;
	terminal->ctx = ctx;
	terminal->editor = editor;
	terminal->prompt = to_wide(BYTES_LIT("> "));
	loop_defer_init(&terminal->defer, on_above, terminal);
	open_editor(terminal);
	terminal->escape = loop_timer_create(loop, on_escape, terminal);
	terminal->resized = loop_signal_open(loop, SIGWINCH, on_resized, terminal);
	terminal->stopped = loop_signal_open(loop, SIGTSTP, on_stopped, terminal);
	terminal->input = loop_fd_open(loop, STDIN_FILENO, LOOP_READ, on_input, terminal);
	*ret_terminal = terminal;
	return 0;
}

void chat_terminal_close(struct chat_terminal **terminal)
{
	struct chat_terminal *t = *terminal;
	if (t == NULL) {
		return;
	}
	*terminal = NULL;
	loop_fd_close(&t->input);
	loop_signal_close(&t->resized);
	loop_signal_close(&t->stopped);
	loop_timer_destroy(&t->escape);
	loop_defer_cancel(&t->defer);
	/* An empty line without a prompt is drawn last. */
	t->prompt[0] = L'\0';
	el_reset(t->editor);
	redisplay(t);
	el_wset(t->editor, EL_UNBUFFERED, 0);
	fflush(stdout);
	el_end(t->editor);
	history_wend(t->history);
	buf_finish(&t->above);
	free(t->prompt);
	free(t);
}

void chat_terminal_print(struct chat_terminal *terminal, struct bytes lines)
{
	buf_append_bytes(&terminal->above, lines);
	loop_defer(terminal->loop, &terminal->defer, LOOP_FLUSH);
}

void chat_terminal_set_prompt(struct chat_terminal *terminal, const char *prompt)
{
	free(terminal->prompt);
	terminal->prompt = to_wide(bytes_str(prompt));
	redisplay(terminal);
	fflush(stdout);
}
