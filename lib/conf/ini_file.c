/* The settings file. This is the only file that sees inih, and it needs nothing of it that
 * distributions build in different ways: lines are handed to it one by one, so that they are
 * counted here; a value that would not fit its line buffer goes around it; indented lines are
 * entries like others. */
#include "lib/conf/loader.h"

#include <ini.h>

#include "lib/base/utf8.h"
#include "lib/conf/nearest.h"

struct ini {
	struct loader *loader;
	const char *name;
	struct bytes rest; /* lines still to be read */
	unsigned line; /* number of the one that inih is at */
	bool entry; /* it must come out as an entry */
	bool answered; /* and it did */
	struct bytes long_value; /* value of a line that is too long for inih; ptr NULL: none */
	unsigned *seen; /* line of each row's value, 0 for none */
};

/* Judges the line that inih has worked through. */
static void finish_line(struct ini *ini)
{
	if (ini->entry && !ini->answered) {
		loader_problem(ini->loader, CONF_FROM_FILE, ini->name, ini->line,
			"neither a [section] nor KEY = VALUE");
	}
	ini->entry = ini->answered = false;
	ini->long_value = BYTES_NONE;
}

/* As inih does it: a semicolon behind a blank begins a comment. */
static struct bytes cut_comment(struct bytes value)
{
	for (size_t i = 1; i < value.len; i++) {
		if (value.ptr[i] == ';' && (value.ptr[i - 1] == ' ' || value.ptr[i - 1] == '\t')) {
			return bytes_of(value.ptr, i);
		}
	}
	return value;
}

/* What inih shall see of a line: all of it, or where that does not fit the name and the sign. */
static struct bytes fit_line(struct ini *ini, struct bytes line, size_t max)
{
	if (line.len <= max) {
		return line;
	}
	size_t sign = 0;
	while (sign < max && line.ptr[sign] != '=' && line.ptr[sign] != ':') {
		sign++;
	}
	if (!ini->entry || sign == max) {
		return bytes_of(line.ptr, max);
	}
	/* The blank before it lets a comment begin at once. */
	struct bytes value = cut_comment(bytes_of(line.ptr + sign, line.len - sign));
	ini->long_value = bytes_trim(bytes_of(value.ptr + 1, value.len - 1));
	return bytes_of(line.ptr, sign + 1);
}

/* inih tells of a section only with its keys. */
static void check_section(struct ini *ini, struct bytes line)
{
	struct bytes rest = bytes_of(line.ptr + 1, line.len - 1);
	struct bytes section = bytes_split(&rest, ']');
	struct nearest nearest;
	nearest_init(&nearest, section);
	for (size_t i = 0; i < conf_key_count; i++) {
		if (bytes_eq(bytes_str(conf_keys[i].section), section)) {
			return;
		}
		nearest_offer(&nearest, conf_keys[i].section);
	}
	loader_problem(ini->loader, CONF_FROM_FILE, ini->name, ini->line,
		"[%.*s]: there is no such section%s%s%s", section.len < 60 ? (int)section.len : 60,
		section.ptr, nearest.best != NULL ? " (did you mean " : "",
		nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?)" : "");
}

/* fgets() for inih. */
static char *next_line(char *str, int num, void *stream)
{
	struct ini *ini = stream;
	finish_line(ini);
	if (ini->rest.len == 0 || num < 8) {
		return NULL;
	}
	struct bytes line = bytes_split(&ini->rest, '\n');
	ini->line++;
	if (ini->line == 1 && bytes_starts(line, BYTES_LIT("\xef\xbb\xbf"))) {
		line = bytes_of(line.ptr + 3, line.len - 3);
	}
	if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
		line.len--;
	}
	line = bytes_trim(line);
	char first = line.len > 0 ? line.ptr[0] : ';';
	ini->entry =
		first != ';' && first != '#' && (first != '[' || bytes_find_char(line, ']') < 0);
	if (first == '[' && !ini->entry) {
		check_section(ini, line);
	}
	line = fit_line(ini, line, (size_t)num - 3);
	if (line.len > 0) {
		memcpy(str, line.ptr, line.len);
	}
	memcpy(str + line.len, "\n", 2);
	return str;
}

static void unknown_key(struct ini *ini, struct bytes section, struct bytes name)
{
	struct loader *loader = ini->loader;
	const char *nearest = conf_key_nearest(loader->arena, section, name);
	if (section.len == 0) {
		loader_problem(loader, CONF_FROM_FILE, ini->name, ini->line,
			"%.60s stands before the first [section]", name.ptr);
		return;
	}
	loader_problem(loader, CONF_FROM_FILE, ini->name, ini->line,
		"%.60s.%.60s: there is no such setting%s%s%s", section.ptr, name.ptr,
		nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "?)" : "");
}

static int on_entry(void *user, const char *section, const char *name, const char *value)
{
	struct ini *ini = user;
	struct loader *loader = ini->loader;
	ini->answered = true;
	bool names_file = false;
	const struct conf_key *key = loader_find(bytes_str(section), bytes_str(name), &names_file);
	if (key == NULL) {
		unknown_key(ini, bytes_str(section), bytes_str(name));
		return 1;
	}
	unsigned *seen = &ini->seen[key - conf_keys];
	if (*seen != 0) {
		loader_problem(loader, CONF_FROM_FILE, ini->name, ini->line,
			"%s.%s: it was set in line %u already", section, name, *seen);
		return 1;
	}
	*seen = ini->line;
	struct bytes text = ini->long_value.ptr != NULL ? ini->long_value : bytes_str(value);
	const struct offer offer = {.key = key,
		.kind = CONF_FROM_FILE,
		.place = ini->name,
		.line = ini->line,
		.text = arena_dup(loader->arena, text).ptr,
		.names_file = names_file};
	loader_offer(loader, &offer);
	return 1;
}

/* inih works on NUL-terminated lines, and everything else here on UTF-8. */
static bool check_text(struct loader *loader, const char *name, struct bytes text)
{
	unsigned line = 0;
	while (text.len > 0) {
		struct bytes one = bytes_split(&text, '\n');
		line++;
		if (bytes_find_char(one, '\0') >= 0 || !utf8_valid(one)) {
			loader_problem(
				loader, CONF_FROM_FILE, name, line, "this is not UTF-8 text");
			return false;
		}
	}
	return true;
}

void loader_ini(struct loader *loader, const char *name, struct bytes text)
{
	if (!check_text(loader, name, text)) {
		return;
	}
	struct ini ini = {.loader = loader,
		.name = name,
		.rest = text,
		.seen = arena_alloc(loader->arena, conf_key_count * sizeof(unsigned))};
	size_t errors = loader->report->errors;
	int bad_line = ini_parse_stream(next_line, &ini, on_entry, &ini);
	finish_line(&ini);
	/* Nothing that inih refuses may pass here, whatever its version takes for an error. */
	if (bad_line != 0 && loader->report->errors == errors) {
		loader_problem(loader, CONF_FROM_FILE, name, bad_line > 0 ? (unsigned)bad_line : 0,
			"the file cannot be read as INI");
	}
}
