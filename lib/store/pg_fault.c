#include "lib/store/pg_fault.h"

#include <ctype.h>

#include "lib/base/err.h"

enum { CODE_SIZE = 5, CLASS_SIZE = 2 };

struct fault_row {
	const char *code; /* or the class: its first two characters */
	enum pg_fault fault;
};

/* Whole codes stand before their classes. */
static const struct fault_row faults[] = {
	{"00000", PG_OK},
	{"08", PG_LOST},
	{"57P01", PG_LOST}, /* an operator, or the server is being stopped */
	{"57P02", PG_LOST}, /* another backend crashed */
	{"57P03", PG_LOST}, /* starting, stopping, recovering */
	{"57P04", PG_LOST}, /* the database was dropped */
	{"57P05", PG_LOST}, /* idle for too long */
	{"25P03", PG_LOST}, /* idle for too long within a transaction */
	{"23505", PG_TWICE},
	{"40001", PG_AGAIN},
	{"40P01", PG_AGAIN},
	{"55P03", PG_AGAIN},
	{"26000", PG_AGAIN}, /* its preparing failed in another exchange: it is prepared anew */
	{"57014", PG_CANCELLED},
	{"25006", PG_READ_ONLY},
	{"53100", PG_FULL},
	{"53200", PG_FULL},
	{"54", PG_FULL},
	{"22", PG_BAD_DATA},
	{"23", PG_BAD_DATA},
	{"42501", PG_DENIED},
	{"28", PG_DENIED},
	{"42P01", PG_SCHEMA},
	{"42703", PG_SCHEMA},
	{"42704", PG_SCHEMA},
	{"42883", PG_SCHEMA},
	{"3F", PG_SCHEMA},
	{"XX001", PG_DAMAGED},
	{"XX002", PG_DAMAGED},
};

enum pg_fault pg_fault_of(const char *sqlstate)
{
	if (sqlstate[0] == '\0') {
		return PG_LOST;
	}
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (strncmp(sqlstate, faults[i].code, strlen(faults[i].code)) == 0) {
			return faults[i].fault;
		}
	}
	return PG_OTHER;
}

int pg_fault_err(enum pg_fault fault)
{
	switch (fault) {
	case PG_OK:
		return 0;
	case PG_LOST:
		return ERR_UNCERTAIN;
	case PG_TWICE:
		return ERR_EXISTS;
	case PG_AGAIN:
		return ERR_BUSY;
	case PG_CANCELLED:
	case PG_READ_ONLY:
		return ERR_UNAVAILABLE;
	case PG_FULL:
		return ERR_STORAGE_FULL;
	case PG_BAD_DATA:
		return ERR_BAD_REQUEST;
	case PG_DENIED:
	case PG_SCHEMA:
		return ERR_CONFIG;
	case PG_DAMAGED:
		return ERR_CORRUPT;
	case PG_OTHER:
		break;
	}
	return ERR_INTERNAL;
}

/* ---- libpq's messages ---- */

/* Where in the line a code stands, as in "FATAL:  28P01: text": the severity's word may be in any
 * language. */
static const char *find_code(struct bytes line)
{
	for (size_t i = 0; i + 3 + CODE_SIZE < line.len; i++) {
		const char *p = line.ptr + i;
		if (memcmp(p, ":  ", 3) != 0 || p[3 + CODE_SIZE] != ':') {
			continue;
		}
		size_t good = 0;
		while (good < CODE_SIZE && (isdigit((unsigned char)p[3 + good]) ||
						   isupper((unsigned char)p[3 + good]))) {
			good++;
		}
		if (good == CODE_SIZE) {
			return p + 3;
		}
	}
	return NULL;
}

/* "LOCATION:  auth_failed, auth.c:338", whatever the first word is in this language. */
static bool is_place(struct bytes line)
{
	size_t end = line.len;
	while (end > 0 && isdigit((unsigned char)line.ptr[end - 1])) {
		end--;
	}
	return end < line.len && end > 3 && memcmp(line.ptr + end - 3, ".c:", 3) == 0 &&
	       bytes_find_char(line, ',') >= 0;
}

static struct bytes next_line(struct bytes *rest)
{
	struct bytes line = bytes_split(rest, '\n');
	while (line.len > 0 && isspace((unsigned char)line.ptr[line.len - 1])) {
		line.len--;
	}
	return line;
}

void pg_fault_line(struct bytes message, struct buf *out)
{
	struct bytes last = BYTES_NONE;
	while (message.len > 0) {
		struct bytes line = next_line(&message);
		/* A refusal comes twice where it was tried with TLS and without. */
		if (line.len == 0 || line.ptr[0] == '\t' || is_place(line) ||
			bytes_eq(line, last)) {
			continue;
		}
		buf_append_str(out, last.len > 0 ? "; " : "");
		last = line;
		const char *code = find_code(line);
		if (code != NULL) {
			buf_append(out, line.ptr, (size_t)(code - line.ptr));
			code += CODE_SIZE + 1;
			line = bytes_trim(bytes_of(code, (size_t)(line.ptr + line.len - code)));
		}
		buf_append_bytes(out, line);
	}
}

static bool contains(struct bytes text, const char *part)
{
	return text.len > 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* What libpq finds wrong by itself has no code. These are settings and certificates, not a network;
 * where libpq speaks another language they are taken for something that passes. */
static bool is_settings(struct bytes line)
{
	static const char *const said[] = {
		"no password supplied",
		"server does not support SSL",
		"certificate verify failed",
		"does not match host name",
		"root certificate file",
		"could not get server's host name",
		"could not get home directory",
		"change sslmode", /* how some of these go on in a second line */
		"could not load root certificate",
		"certificate file",
		"private key file",
		"could not load private key",
		"could not load SSL private key",
		"invalid connection option",
		"invalid port number",
		"could not match",
		"value: \"", /* invalid sslmode value: "..." */
		"for connection option",
		"definition of service",
		"authentication method requirement",
		"channel binding required",
	};
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		if (contains(line, said[i])) {
			return true;
		}
	}
	return false;
}

/* Roles, passwords, pg_hba.conf (28), no such database (3D000), no right to connect to it (42501).
 */
static bool is_refusal(const char *code)
{
	return memcmp(code, "28", CLASS_SIZE) == 0 || memcmp(code, "3D000", CODE_SIZE) == 0 ||
	       memcmp(code, "42501", CODE_SIZE) == 0;
}

int pg_fault_of_connect(struct bytes message, struct buf *why)
{
	int err = ERR_UNAVAILABLE;
	bool no_database = false;
	struct bytes rest = message;
	while (rest.len > 0) {
		struct bytes line = next_line(&rest);
		if (line.len == 0 || line.ptr[0] == '\t' || is_place(line)) {
			continue;
		}
		const char *code = find_code(line);
		bool settings = code != NULL ? is_refusal(code) : is_settings(line);
		err = settings ? ERR_CONFIG : ERR_UNAVAILABLE;
		no_database = code != NULL && memcmp(code, "3D000", CODE_SIZE) == 0;
	}
	pg_fault_line(message, why);
	if (no_database) {
		buf_append_str(why, "; make it with \"createdb --encoding=UTF8 "
				    "--template=template0 NAME\"");
	}
	return err;
}

int pg_fault_refusal(struct bytes message)
{
	int err = ERR_CONFIG;

	while (message.len > 0) {
		const char *code = find_code(next_line(&message));
		if (code != NULL && is_refusal(code)) {
			err = memcmp(code, "3D000", CODE_SIZE) == 0 ? ERR_NOT_FOUND : ERR_FORBIDDEN;
		}
	}
	return err;
}
