#include "chatctl/chat_keys.h"

#include <string.h>

#include "lib/base/utf8.h"

#define ESCAPE '\033'

/* Sequences of xterm, VT220, rxvt and the Linux console. */
static const struct {
	const char *bytes;
	enum chat_key_kind kind;
	const char *edit;
} table[] = {
	{"\r", CHAT_KEY_ENTER, NULL}, {"\n", CHAT_KEY_ENTER, NULL}, {"\003", CHAT_KEY_LEAVE, NULL},
	{"\004", CHAT_KEY_END, NULL}, {"\001", CHAT_KEY_EDIT, "\001"}, /* to the beginning */
	{"\002", CHAT_KEY_EDIT, "\002"}, /* back */
	{"\005", CHAT_KEY_EDIT, "\005"}, /* to the end */
	{"\006", CHAT_KEY_EDIT, "\006"}, /* forward */
	{"\010", CHAT_KEY_EDIT, "\177"}, /* delete back */
	{"\013", CHAT_KEY_EDIT, "\013"}, /* kill to the end */
	{"\014", CHAT_KEY_EDIT, "\014"}, /* clear the screen */
	{"\016", CHAT_KEY_EDIT, "\016"}, /* next in the history */
	{"\020", CHAT_KEY_EDIT, "\020"}, /* previous */
	{"\022", CHAT_KEY_EDIT, "\022"}, /* previous that begins alike */
	{"\024", CHAT_KEY_EDIT, "\024"}, /* swap characters */
	{"\025", CHAT_KEY_EDIT, "\025"}, /* kill all */
	{"\027", CHAT_KEY_EDIT, "\027"}, /* delete the word before */
	{"\031", CHAT_KEY_EDIT, "\031"}, /* yank */
	{"\037", CHAT_KEY_EDIT, "\037"}, /* undo */
	{"\177", CHAT_KEY_EDIT, "\177"}, {"\033[A", CHAT_KEY_EDIT, "\020"},
	{"\033[B", CHAT_KEY_EDIT, "\016"}, {"\033[C", CHAT_KEY_EDIT, "\006"},
	{"\033[D", CHAT_KEY_EDIT, "\002"}, {"\033OA", CHAT_KEY_EDIT, "\020"},
	{"\033OB", CHAT_KEY_EDIT, "\016"}, {"\033OC", CHAT_KEY_EDIT, "\006"},
	{"\033OD", CHAT_KEY_EDIT, "\002"}, {"\033[H", CHAT_KEY_EDIT, "\001"},
	{"\033OH", CHAT_KEY_EDIT, "\001"}, {"\033[1~", CHAT_KEY_EDIT, "\001"},
	{"\033[7~", CHAT_KEY_EDIT, "\001"}, {"\033[F", CHAT_KEY_EDIT, "\005"},
	{"\033OF", CHAT_KEY_EDIT, "\005"}, {"\033[4~", CHAT_KEY_EDIT, "\005"},
	{"\033[8~", CHAT_KEY_EDIT, "\005"}, {"\033[3~", CHAT_KEY_EDIT, "\004"},
	{"\033OM", CHAT_KEY_ENTER, NULL}, {"\033[5~", CHAT_KEY_PAGE_UP, NULL},
	{"\033[1;5C", CHAT_KEY_EDIT, "\033f"}, {"\033[1;5D", CHAT_KEY_EDIT, "\033b"},
	{"\033[1;3C", CHAT_KEY_EDIT, "\033f"}, {"\033[1;3D", CHAT_KEY_EDIT, "\033b"},
	{"\033f", CHAT_KEY_EDIT, "\033f"}, /* a word forward */
	{"\033b", CHAT_KEY_EDIT, "\033b"}, /* a word back */
	{"\033d", CHAT_KEY_EDIT, "\033d"}, /* delete the word behind */
	{"\033\177", CHAT_KEY_EDIT, "\027"}, {"\033\010", CHAT_KEY_EDIT, "\027"},
	{"\033u", CHAT_KEY_EDIT, "\033u"}, /* upper case */
	{"\033l", CHAT_KEY_EDIT, "\033l"}, /* lower case */
	{"\033c", CHAT_KEY_EDIT, "\033c"}, /* capitalized */
};

bool chat_keys_begun(const struct chat_keys *keys)
{
	return keys->len > 0;
}

void chat_keys_forget(struct chat_keys *keys)
{
	keys->len = 0;
}

/* The key of a whole sequence, which is forgotten. */
static struct chat_key key_of(struct chat_keys *keys)
{
	struct bytes bytes = bytes_of(keys->begun, keys->len);
	bool known = keys->len <= CHAT_KEYS_MAX;
	keys->len = 0;
	for (size_t i = 0; known && i < sizeof(table) / sizeof(table[0]); i++) {
		if (bytes_eq(bytes_str(table[i].bytes), bytes)) {
			return (struct chat_key){.kind = table[i].kind, .edit = table[i].edit};
		}
	}
	return (struct chat_key){.kind = CHAT_KEY_NONE};
}

/* Escape sequences (ECMA-48 section 5.4): ESC [, parameters and intermediate bytes, a final one;
 * ESC O and one; ESC [ [ and one (Linux console); ESC and a character. */
static struct chat_key sequence_byte(struct chat_keys *keys, char byte)
{
	const char *begun = keys->begun;
	unsigned char c = (unsigned char)byte;
	bool whole = true;
	if (keys->len == 2) { /* the byte behind ESC */
		whole = byte != '[' && byte != 'O' && byte != ESCAPE;
		if (byte == ESCAPE) {
			keys->len = 1;
		}
	} else if (begun[1] == '[') {
		bool doubled = keys->len == 3 && byte == '[';
		whole = !doubled && c >= 0x40 && c <= 0x7e;
		if (c < 0x20 || c == 0x7f) { /* broken off by a key of its own */
			keys->len = 0;
			return chat_keys_feed(keys, byte);
		}
	}
	return whole ? key_of(keys) : (struct chat_key){.kind = CHAT_KEY_NONE};
}

static struct chat_key character_byte(struct chat_keys *keys)
{
	struct utf8_state state = {0};
	struct bytes text = bytes_of(keys->begun, keys->len);
	char last = keys->begun[keys->len - 1];
	if (!utf8_feed(&state, text)) {
		bool alone = keys->len == 1;
		keys->len = 0;
		/* What broke a character off may begin another one. */
		return alone ? (struct chat_key){.kind = CHAT_KEY_NONE}
			     : chat_keys_feed(keys, last);
	}
	if (!utf8_complete(&state)) {
		return (struct chat_key){.kind = CHAT_KEY_NONE};
	}
	uint32_t c = utf8_next(&text);
	keys->len = 0;
	bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
	return (struct chat_key){
		.kind = control ? CHAT_KEY_NONE : CHAT_KEY_CHARACTER, .character = c};
}

struct chat_key chat_keys_feed(struct chat_keys *keys, char byte)
{
	unsigned char c = (unsigned char)byte;
	bool sequence = keys->len > 0 && keys->begun[0] == ESCAPE;
	if (keys->len < CHAT_KEYS_MAX) {
		keys->begun[keys->len] = byte;
	}
	keys->len += keys->len <= CHAT_KEYS_MAX ? 1 : 0;
	if (sequence) {
		return sequence_byte(keys, byte);
	}
	if (byte == ESCAPE) {
		keys->begun[0] = ESCAPE;
		keys->len = 1;
		return (struct chat_key){.kind = CHAT_KEY_NONE};
	}
	if (c < 0x20 || c == 0x7f) {
		keys->begun[0] = byte;
		keys->len = 1;
		return key_of(keys);
	}
	return character_byte(keys);
}
