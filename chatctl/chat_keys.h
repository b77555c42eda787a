/* What the bytes of a terminal mean to the console: whole characters, and keys whatever sequence
 * they come as. What is unknown is dropped, so that no half of a sequence ends in the text. Pure.
 */
#ifndef CHATCTL_CHAT_KEYS_H
#define CHATCTL_CHAT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chat_key_kind {
	CHAT_KEY_NONE, /* the byte was taken, and means nothing (yet) */
	CHAT_KEY_CHARACTER, /* to be inserted */
	CHAT_KEY_EDIT, /* for the line editor */
	CHAT_KEY_ENTER,
	CHAT_KEY_END, /* Ctrl-D: leave where the line is empty, else delete forward */
	CHAT_KEY_LEAVE, /* Ctrl-C, where the terminal makes no signal of it */
	CHAT_KEY_PAGE_UP,
};

struct chat_key {
	enum chat_key_kind kind;
	uint32_t character; /* CHAT_KEY_CHARACTER: no control character */
	const char *edit; /* CHAT_KEY_EDIT: the key in emacs' own form, ASCII */
};

#define CHAT_KEYS_MAX 32

/* All zero at the start. */
struct chat_keys {
	char begun[CHAT_KEYS_MAX]; /* a sequence or character that is not whole; of longer ones only
				      the length goes on */
	size_t len;
};

struct chat_key chat_keys_feed(struct chat_keys *keys, char byte);
/* Whether a sequence or character is not whole. One that stays so for a second is to be forgotten:
 * nobody hits a lone Escape for a key that follows later. */
bool chat_keys_begun(const struct chat_keys *keys);
void chat_keys_forget(struct chat_keys *keys);

#endif
