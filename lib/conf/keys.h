/* THE table of settings (keys.c). The loader, the reference, the sample file, chatd.conf(5) and the
 * completions come out of it: a new setting is one row, and its field in struct conf. */
#ifndef LIB_CONF_KEYS_H
#define LIB_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"

/* How a value is written, and the type of its field. */
enum conf_type {
	CONF_TEXT, /* const char * */
	CONF_INT, /* uint64_t */
	CONF_SIZE, /* uint64_t bytes: 32768, 128KiB, 1MiB, 2GiB */
	CONF_DURATION, /* uint64_t microseconds: 500ms, 2s, 1m, 1h, 30d */
	CONF_BOOL, /* bool: true, false */
	CONF_ENUM, /* int: the place in choices */
	CONF_LIST, /* struct conf_list, separated by commas; choices may limit the items */
	CONF_ADDRESSES, /* struct conf_list of host:port, [v6]:port, unix:PATH */
	CONF_PATH, /* const char * */
	CONF_URL, /* const char *; passwords in it are not shown; KEY_file as with secrets */
	CONF_SECRET, /* const char *, never shown; KEY_file names a file that holds it */
	CONF_PEM, /* const char *, the PEM text; the value is a file's path or the text itself */
};

struct conf_key {
	const char *section;
	const char *key;
	enum conf_type type;
	/* Numbers: the smallest and largest value in the field's unit. Texts and lists: the
	 * fewest and most bytes or items; max 0: no bound. */
	uint64_t min, max;
	const char *default_text; /* as it would be written; "" for nothing */
	const char *derived; /* how the default comes about where it is no fixed text (default_text
				is then the usual one), or NULL */
	const char *established; /* environment variable of other programs that counts too */
	const char *const *choices; /* NULL-terminated, or NULL */
	const char *suffix; /* of integers: may stand behind the digits, such as "/s"; or NULL */
	/* A check of one text beyond its type: NULL where it is good, else what is allowed. */
	const char *(*check)(const char *text);
	bool reloadable;
	const char *doc; /* one sentence or a few, without line breaks */
	size_t offset; /* of the field in struct conf */
};

extern const struct conf_key conf_keys[];
extern const size_t conf_key_count;

/* By names; NULL where there is no such row. */
const struct conf_key *conf_key_find(struct bytes section, struct bytes key);
/* Whether the value is, or may hold, what nobody is to see: it is wiped where it is not needed any
 * more, and may come from a file. */
bool conf_key_holds_secret(const struct conf_key *key);
/* The known "section.key" nearest to a wrong one, or NULL where none is near. On the arena. */
const char *conf_key_nearest(struct arena *arena, struct bytes section, struct bytes key);
/* CHATD_SECTION_KEY. Appends. */
void conf_key_variable(const struct conf_key *key, struct buf *out);
/* "text", "integer", "size" ... */
const char *conf_type_name(enum conf_type type);
/* What a value may be, for people: "500ms to 1h", "true or false". Appends. */
void conf_key_range(const struct conf_key *key, struct buf *out);

#endif
