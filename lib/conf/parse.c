/* Texts to typed fields. */
#include "lib/conf/loader.h"

#include "lib/base/err.h"
#include "lib/base/utf8.h"
#include "lib/conf/units.h"

void *conf_field(const struct conf *conf, const struct conf_key *key)
{
	return (char *)(uintptr_t)conf + key->offset;
}

static struct bytes without_suffix(const struct conf_key *key, struct bytes text)
{
	struct bytes suffix = bytes_str(key->suffix);
	bool there = text.len >= suffix.len &&
		     bytes_eq(bytes_of(text.ptr + text.len - suffix.len, suffix.len), suffix);
	return there ? bytes_of(text.ptr, text.len - suffix.len) : text;
}

static int parse_number(const struct conf_key *key, struct bytes text, uint64_t *field)
{
	uint64_t n = 0;
	unsigned long long whole = 0;
	int err = 0;
	if (key->type == CONF_INT) {
		err = bytes_to_u64(without_suffix(key, text), &whole);
		n = whole;
	} else if (key->type == CONF_SIZE) {
		err = units_size(text, &n);
	} else {
		err = units_duration(text, &n);
	}
	if (err < 0 || n < key->min || n > key->max) {
		return ERR_CONFIG;
	}
	*field = n;
	return 0;
}

static int parse_bool(struct bytes text, bool *field)
{
	bool yes = bytes_eq_nocase(text, BYTES_LIT("true"));
	if (!yes && !bytes_eq_nocase(text, BYTES_LIT("false"))) {
		return ERR_CONFIG;
	}
	*field = yes;
	return 0;
}

/* The place of text in choices without regard to case, or -1. */
static int find_choice(const char *const *choices, struct bytes text)
{
	for (int i = 0; choices[i] != NULL; i++) {
		if (bytes_eq_nocase(bytes_str(choices[i]), text)) {
			return i;
		}
	}
	return -1;
}

static bool good_chars(const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			return false;
		}
	}
	return utf8_valid(bytes_str(text));
}

static int parse_text(
	struct arena *arena, const struct conf_key *key, const char *text, const char **field)
{
	size_t len = strlen(text);
	bool any_char = key->type == CONF_SECRET || key->type == CONF_PEM;
	if (len < key->min || (key->max != 0 && len > key->max) ||
		(!any_char && !good_chars(text)) ||
		(key->check != NULL && len > 0 && key->check(text) != NULL)) {
		return ERR_CONFIG;
	}
	*field = arena_strdup(arena, text);
	return 0;
}

/* One item in the spelling that is kept, or NULL. */
static const char *parse_item(struct arena *arena, const struct conf_key *key, struct bytes item)
{
	if (key->choices != NULL) {
		int choice = find_choice(key->choices, item);
		return choice >= 0 ? key->choices[choice] : NULL;
	}
	if (key->type == CONF_ADDRESSES && units_address(item) < 0) {
		return NULL;
	}
	const char *text = arena_dup(arena, item).ptr;
	return key->check != NULL && key->check(text) != NULL ? NULL : text;
}

static int parse_list(
	struct arena *arena, const struct conf_key *key, const char *text, struct conf_list *field)
{
	struct bytes rest = bytes_trim(bytes_str(text));
	size_t cap = 1;
	for (size_t i = 0; i < rest.len; i++) {
		cap += rest.ptr[i] == ',';
	}
	if (!good_chars(text) || cap > key->max) {
		return ERR_CONFIG;
	}
	const char **items = arena_alloc(arena, cap * sizeof(*items));
	size_t count = 0;
	/* A comma at the end is forgiven, an empty item between two is not. */
	while (rest.len > 0) {
		struct bytes item = bytes_trim(bytes_split(&rest, ','));
		if (item.len == 0 || (items[count] = parse_item(arena, key, item)) == NULL) {
			return ERR_CONFIG;
		}
		count++;
	}
	if (count < key->min) {
		return ERR_CONFIG;
	}
	*field = (struct conf_list){items, count};
	return 0;
}

int conf_parse(struct arena *arena, const struct conf_key *key, const char *text, struct conf *conf)
{
	void *field = conf_field(conf, key);
	int choice = -1;
	switch (key->type) {
	case CONF_INT:
	case CONF_SIZE:
	case CONF_DURATION:
		return parse_number(key, bytes_str(text), field);
	case CONF_BOOL:
		return parse_bool(bytes_str(text), field);
	case CONF_ENUM:
		choice = find_choice(key->choices, bytes_str(text));
		if (choice < 0) {
			return ERR_CONFIG;
		}
		*(int *)field = choice;
		return 0;
	case CONF_LIST:
	case CONF_ADDRESSES:
		return parse_list(arena, key, text, field);
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_URL:
	case CONF_SECRET:
	case CONF_PEM:
		return parse_text(arena, key, text, field);
	}
	return ERR_CONFIG;
}
