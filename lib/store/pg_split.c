#include "lib/store/pg_split.h"

#include <ctype.h>

struct scan {
	struct bytes text;
	size_t at;
	unsigned words; /* of this statement so far, at most WORDS_MAX */
	bool is_create, is_routine; /* CREATE; CREATE FUNCTION or PROCEDURE */
	unsigned parens;
	unsigned blocks; /* BEGIN and CASE without their END, of a routine */
};

/* CREATE OR REPLACE FUNCTION: where the kind of a statement is known at last. */
enum { WORDS_MAX = 4 };

static char peek(const struct scan *scan, size_t ahead)
{
	size_t at = scan->at + ahead;

	return at < scan->text.len ? scan->text.ptr[at] : '\0';
}

static bool is_word_start(char c)
{
	return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
	return is_word_start(c) || isdigit((unsigned char)c) || c == '$';
}

/* ---- what may hold a semicolon that ends nothing ---- */

static void skip_line(struct scan *scan)
{
	while (scan->at < scan->text.len && peek(scan, 0) != '\n') {
		scan->at++;
	}
}

/* Comments nest. */
static void skip_comment(struct scan *scan)
{
	unsigned depth = 0;

	do {
		bool opens = peek(scan, 0) == '/' && peek(scan, 1) == '*';
		bool closes = peek(scan, 0) == '*' && peek(scan, 1) == '/';
		depth += opens;
		depth -= closes;
		scan->at += opens || closes ? 2 : 1;
	} while (depth > 0 && scan->at < scan->text.len);
}

/* A quote inside is doubled, which reads as two strings end to end; or escaped, in E''. */
static void skip_quoted(struct scan *scan, char quote, bool escapes)
{
	scan->at++;
	while (scan->at < scan->text.len && peek(scan, 0) != quote) {
		scan->at += escapes && peek(scan, 0) == '\\' ? 2 : 1;
	}
	scan->at++;
}

/* The length of $$ or $tag$ here, or 0. */
static size_t dollar_tag(const struct scan *scan)
{
	size_t len = 1;

	if (isdigit((unsigned char)peek(scan, 1))) {
		return 0; /* a parameter */
	}
	while (is_word(peek(scan, len)) && peek(scan, len) != '$') {
		len++;
	}
	return peek(scan, len) == '$' ? len + 1 : 0;
}

static void skip_dollar(struct scan *scan)
{
	size_t len = dollar_tag(scan);
	struct bytes tag = bytes_of(scan->text.ptr + scan->at, len);

	scan->at += len > 0 ? len : 1;
	while (len > 0 && scan->at < scan->text.len) {
		struct bytes here = bytes_of(scan->text.ptr + scan->at, scan->text.len - scan->at);
		if (bytes_starts(here, tag)) {
			scan->at += len;
			return;
		}
		scan->at++;
	}
}

/* false: there is none here. */
static bool skip_blank(struct scan *scan)
{
	if (isspace((unsigned char)peek(scan, 0))) {
		scan->at++;
	} else if (peek(scan, 0) == '-' && peek(scan, 1) == '-') {
		skip_line(scan);
	} else if (peek(scan, 0) == '/' && peek(scan, 1) == '*') {
		skip_comment(scan);
	} else {
		return false;
	}
	return true;
}

/* ---- words ---- */

static void note_word(struct scan *scan, struct bytes word)
{
	if (scan->words < WORDS_MAX) {
		scan->words++;
		scan->is_create |= scan->words == 1 && bytes_eq_nocase(word, BYTES_LIT("create"));
		scan->is_routine |=
			scan->is_create && (bytes_eq_nocase(word, BYTES_LIT("function")) ||
						   bytes_eq_nocase(word, BYTES_LIT("procedure")));
	}
	if (!scan->is_routine || scan->parens > 0) {
		return;
	}
	if (bytes_eq_nocase(word, BYTES_LIT("begin"))) {
		scan->blocks++;
	} else if (scan->blocks > 0 && bytes_eq_nocase(word, BYTES_LIT("case"))) {
		scan->blocks++;
	} else if (scan->blocks > 0 && bytes_eq_nocase(word, BYTES_LIT("end"))) {
		scan->blocks--;
	}
}

static void skip_word(struct scan *scan)
{
	size_t start = scan->at;

	while (is_word(peek(scan, 0))) {
		scan->at++;
	}
	struct bytes word = bytes_of(scan->text.ptr + start, scan->at - start);
	if (peek(scan, 0) == '\'' && bytes_eq_nocase(word, BYTES_LIT("e"))) {
		skip_quoted(scan, '\'', true);
		return;
	}
	note_word(scan, word);
}

static void skip_token(struct scan *scan)
{
	char c = peek(scan, 0);

	if (skip_blank(scan)) {
		return;
	}
	if (c == '\'' || c == '"') {
		skip_quoted(scan, c, false);
	} else if (c == '$') {
		skip_dollar(scan);
	} else if (is_word_start(c)) {
		skip_word(scan);
	} else {
		scan->parens += c == '(';
		scan->parens -= c == ')' && scan->parens > 0;
		scan->at++;
	}
}

/* ---- */

bool pg_split(struct bytes *rest, struct bytes *ret_statement)
{
	struct scan scan = {.text = *rest};

	while (peek(&scan, 0) == ';' || (scan.at < rest->len && skip_blank(&scan))) {
		scan.at += peek(&scan, 0) == ';';
	}
	size_t start = scan.at;
	while (scan.at < rest->len &&
		(peek(&scan, 0) != ';' || scan.parens > 0 || scan.blocks > 0)) {
		skip_token(&scan);
	}
	size_t end = scan.at < rest->len ? scan.at : rest->len;
	size_t next = end < rest->len ? end + 1 : end;
	*ret_statement = bytes_of(rest->ptr + start, end - start);
	*rest = bytes_of(rest->ptr + next, rest->len - next);
	return end > start;
}

size_t pg_split_line(struct bytes text, const char *ptr)
{
	size_t line = 1;

	for (const char *at = text.ptr; at < ptr; at++) {
		line += *at == '\n';
	}
	return line;
}

const char *pg_split_at(struct bytes text, size_t position)
{
	const char *at = text.ptr;
	const char *end = text.ptr + text.len;

	while (at < end && position > 1) {
		do {
			at++;
		} while (at < end && ((unsigned char)*at & 0xc0) == 0x80);
		position--;
	}
	return at;
}
