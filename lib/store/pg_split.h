/* Takes the text of a migration apart into its statements. Source: PostgreSQL manual, «Lexical
 * Structure», and what psql does with bodies of functions between BEGIN ATOMIC and END. */
#ifndef LIB_STORE_PG_SPLIT_H
#define LIB_STORE_PG_SPLIT_H

#include <stdbool.h>

#include "lib/base/bytes.h"

/* Cuts the next statement off *rest: from its first word up to, not including, its semicolon, or
 * the end. false: nothing but blanks and comments is left. */
bool pg_split(struct bytes *rest, struct bytes *ret_statement);

/* The line, from 1, of what stands at ptr, which lies in text. */
size_t pg_split_line(struct bytes text, const char *ptr);
/* What stands at a position as PostgreSQL tells it: in characters of UTF-8, from 1. */
const char *pg_split_at(struct bytes text, size_t position);

#endif
