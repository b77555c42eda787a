/* What a line that was typed means: text to be sent, or a command of the console. Pure. */
#ifndef CHATCTL_CHAT_WORDS_H
#define CHATCTL_CHAT_WORDS_H

#include "lib/base/bytes.h"

enum chat_word {
	CHAT_WORD_NOTHING, /* an empty line */
	CHAT_WORD_TEXT, /* to be sent */
	CHAT_WORD_HELP,
	CHAT_WORD_WHO,
	CHAT_WORD_JOIN,
	CHAT_WORD_HISTORY,
	CHAT_WORD_QUIT,
	CHAT_WORD_WRONG,
};

struct chat_words {
	enum chat_word word;
	struct bytes text; /* what to send, or the room to join; a view of the line */
	unsigned count; /* of messages for CHAT_WORD_HISTORY, 1 to 1000 */
	char why[160]; /* CHAT_WORD_WRONG: a sentence, escaped */
};

#define CHAT_HISTORY_DEFAULT 20
#define CHAT_HISTORY_MAX 1000

/* line: without its end. "//text" sends "/text". */
void chat_words_read(struct chat_words *words, struct bytes line);
/* Appends the explanations of /help, one a line. */
void chat_words_help(struct buf *out);

#endif
