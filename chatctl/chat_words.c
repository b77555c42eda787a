#include "chatctl/chat_words.h"

#include <stdio.h>

#include "chatctl/text.h"
#include "lib/conf/nearest.h"

enum argument { ARGUMENT_NONE, ARGUMENT_ROOM, ARGUMENT_COUNT };

static const struct {
	const char *name;
	enum chat_word word;
	enum argument argument;
	const char *usage;
	const char *doc;
} table[] = {
	{"/help", CHAT_WORD_HELP, ARGUMENT_NONE, "/help", "this list"},
	{"/who", CHAT_WORD_WHO, ARGUMENT_NONE, "/who", "the members of the room"},
	{"/join", CHAT_WORD_JOIN, ARGUMENT_ROOM, "/join ROOM", "go over to another room"},
	{"/history", CHAT_WORD_HISTORY, ARGUMENT_COUNT, "/history [N]",
		"the N (20) messages before the oldest one shown; Page Up does the same"},
	{"/quit", CHAT_WORD_QUIT, ARGUMENT_NONE, "/quit", "leave; Ctrl-C and Ctrl-D do the same"},
};

#define COUNT (sizeof(table) / sizeof(table[0]))

static void wrong(struct chat_words *words, const char *what, struct bytes text, const char *hint)
{
	struct buf out = {0};
	words->word = CHAT_WORD_WRONG;
	buf_append_str(&out, what);
	text_escape(&out, bytes_of(text.ptr, text.len < 40 ? text.len : 40), false);
	buf_append_str(&out, hint);
	snprintf(words->why, sizeof(words->why), "%s", buf_cstr(&out));
	buf_finish(&out);
}

static void unknown(struct chat_words *words, struct bytes name)
{
	struct nearest nearest;
	char hint[64];
	nearest_init(&nearest, name);
	for (size_t i = 0; i < COUNT; i++) {
		nearest_offer(&nearest, table[i].name);
	}
	if (nearest.best != NULL) {
		snprintf(hint, sizeof(hint), ": did you mean %s?", nearest.best);
	} else {
		snprintf(hint, sizeof(hint), ": /help lists what there is");
	}
	wrong(words, "there is no ", name, hint);
}

static void take_argument(struct chat_words *words, size_t row, struct bytes argument)
{
	char hint[64];
	unsigned long long n = CHAT_HISTORY_DEFAULT;
	bool good = true;
	words->word = table[row].word;
	words->text = argument;
	switch (table[row].argument) {
	case ARGUMENT_NONE:
		good = argument.len == 0;
		break;
	case ARGUMENT_ROOM:
		good = argument.len > 0 && argument.len <= 256;
		break;
	case ARGUMENT_COUNT:
		good = argument.len == 0 ||
		       (bytes_to_u64(argument, &n) == 0 && n >= 1 && n <= CHAT_HISTORY_MAX);
		words->count = good ? (unsigned)n : 0;
		break;
	}
	if (!good) {
		snprintf(hint, sizeof(hint), "it is %s%s", table[row].usage,
			table[row].argument == ARGUMENT_COUNT ? ", N from 1 to 1000" : "");
		wrong(words, hint, BYTES_NONE, "");
	}
}

void chat_words_read(struct chat_words *words, struct bytes line)
{
	*words = (struct chat_words){.word = CHAT_WORD_TEXT, .text = line};
	if (bytes_trim(line).len == 0) {
		words->word = CHAT_WORD_NOTHING;
		return;
	}
	if (line.ptr[0] != '/') {
		return;
	}
	if (line.len > 1 && line.ptr[1] == '/') {
		words->text = bytes_of(line.ptr + 1, line.len - 1);
		return;
	}
	struct bytes rest = line;
	struct bytes name = bytes_split(&rest, ' ');
	for (size_t i = 0; i < COUNT; i++) {
		if (bytes_eq_nocase(bytes_str(table[i].name), name)) {
			take_argument(words, i, bytes_trim(rest));
			return;
		}
	}
	unknown(words, name);
}

void chat_words_help(struct buf *out)
{
	for (size_t i = 0; i < COUNT; i++) {
		buf_printf(out, "%-14s %s\n", table[i].usage, table[i].doc);
	}
	buf_printf(out, "%-14s %s\n", "//text", "sends /text");
}
