/* PostgreSQL's own client programs (pg_dump, pg_restore, psql): which of those on the machine fits
 * a server, and how they are told the way to it without an argument that others could see a
 * password in. Source: PostgreSQL manual, «pg_dump» (notes on versions), «libpq Environment
 * Variables». */
#ifndef LIB_STORE_PG_TOOLS_H
#define LIB_STORE_PG_TOOLS_H

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/store/pg_url.h"

struct pg_tools {
	char *folder; /* that the programs are in */
	unsigned major; /* their version: 15 */
	char **environment; /* all of it, for execve() */
	char *target; /* a connection string without secrets, for -d */
};

/* Finds a folder that has the program in a version that is not older than the server's
 * (server_version: such as 150018), the nearest one: first in PATH, then where packages put them
 * (/usr/lib/postgresql/N/bin, /usr/pgsql-N/bin). folder: only there, or NULL. 0; ERR_CONFIG with a
 * sentence that names what there is, and the package that would do. */
int pg_tools_find(const char *folder, const char *program, int server_version,
	const struct pg_url *url, struct pg_tools *ret_tools, struct buf *why);
void pg_tools_finish(struct pg_tools *tools);

/* The path of a program there; the caller frees it. */
char *pg_tools_path(const struct pg_tools *tools, const char *program);

/* The major version in what --version prints, "pg_dump (PostgreSQL) 15.18 (Debian ...)"; 0: none.
 */
unsigned pg_tools_version(struct bytes text);

/* What the programs said, for people: without empty lines, at most three of them, the first that
 * speaks of an error ahead, and without rows of tables. Appended. */
void pg_tools_said(struct bytes said, struct buf *why);
/* The same of a program that is over; where it said nothing how it ended. */
struct child;
void pg_tools_end(const struct child *child, struct buf *why);

/* Inside: the environment and the connection string (pg_tools_url.c). ERR_CONFIG where the URL has
 * a secret that the programs can only be given where others see it. */
int pg_tools_use_url(struct pg_tools *tools, const struct pg_url *url, struct buf *why);

#endif
