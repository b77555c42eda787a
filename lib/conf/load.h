/* Settings from the defaults, established names (DATABASE_URL), the file, $CREDENTIALS_DIRECTORY
 * and CHATD_SECTION_KEY; what comes later in this list wins (PRODUCT.md sections 6 and 10). */
#ifndef LIB_CONF_LOAD_H
#define LIB_CONF_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/bytes.h"
#include "lib/conf/conf.h"
#include "lib/conf/keys.h"

#define CONF_DEFAULT_PATH "/etc/chatd/chatd.conf"

enum conf_origin_kind {
	CONF_FROM_DEFAULT,
	CONF_FROM_ESTABLISHED, /* place: the variable's name */
	CONF_FROM_FILE, /* place: the path; line */
	CONF_FROM_CREDENTIAL, /* place: the file's name in $CREDENTIALS_DIRECTORY */
	CONF_FROM_ENVIRONMENT, /* place: the variable's name */
};

/* Where an effective value came from, and how it was written. */
struct conf_origin {
	enum conf_origin_kind kind;
	const char *place; /* NULL for a default */
	unsigned line; /* 0: none */
	const char *text; /* as written there; a secret too, so print it with conf_value_text() only
			   */
	bool through_file; /* text is the name of the file that holds the value (KEY_file) */
};

/* What is wrong, one whole sentence each: "/etc/chatd/chatd.conf:7: hub.keepalive: ... (allowed:
 * ...)". No text of a secret is in it. All zero is a valid empty one. */
struct conf_problem {
	char *text;
	bool warning; /* it can be started with */
};
struct conf_report {
	struct conf_problem *problems;
	size_t count;
	size_t errors; /* those that are no warnings */
};
void conf_report_finish(struct conf_report *report);

struct conf_load_params {
	/* NULL: CHATD_CONFIG from the environment, else default_path where it is there. A file that
	 * was named must be there. */
	const char *path;
	const char *default_path; /* NULL: CONF_DEFAULT_PATH */
	/* "NAME=value" entries, NULL-terminated, as environ; NULL: none. Variables that begin with
	 * CHATD_ and name no setting are errors (but for CHATD_CONFIG). */
	char *const *environment;
};

/* Reads everything and reports everything that is wrong, not only the first. 0: *ret_conf has one
 * reference (the report may hold warnings). ERR_CONFIG: the report says why. Blocking. */
int conf_load(
	const struct conf_load_params *params, struct conf **ret_conf, struct conf_report *report);
/* The same with the text of a file instead of a path; name stands for it in the report. */
int conf_load_text(const struct conf_load_params *params, const char *name, struct bytes text,
	struct conf **ret_conf, struct conf_report *report);

/* Where the value of a row came from. */
const struct conf_origin *conf_origin_of(const struct conf *conf, const struct conf_key *key);
/* Whether both hold the same value of a row: what a reload has to look at. */
bool conf_same(const struct conf *a, const struct conf *b, const struct conf_key *key);
/* fresh, which nobody else has seen yet, takes the value and its origin from old, by copy. */
void conf_keep(struct conf *fresh, const struct conf *old, const struct conf_key *key);

#endif
