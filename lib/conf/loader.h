/* What the files of the loader share; for them alone. */
#ifndef LIB_CONF_LOADER_H
#define LIB_CONF_LOADER_H

#include "lib/base/arena.h"
#include "lib/conf/load.h"

struct loader {
	struct conf *conf; /* being filled; values of higher rank overwrite those of lower */
	struct arena *arena; /* of conf */
	struct conf_report *report;
	char *const *environment;
};

/* One value on its way in. */
struct offer {
	const struct conf_key *key;
	enum conf_origin_kind kind;
	const char *place; /* on the arena, or constant */
	unsigned line;
	const char *text; /* on the arena, or constant */
	bool names_file; /* text is the name of the file that holds the value */
};

/* Reads the text into its field and notes where it came from; what is wrong goes to the report. */
void loader_offer(struct loader *loader, const struct offer *offer);
/* Notes a problem: "PLACE:LINE: " or "environment NAME: " before the sentence. */
void loader_problem(struct loader *loader, enum conf_origin_kind kind, const char *place,
	unsigned line, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void loader_warning(struct loader *loader, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The value of a variable, or NULL. */
const char *loader_variable(const struct loader *loader, const char *name);
/* Whether name is key's own, or key's with "_file" behind it (then *ret_names_file). */
const struct conf_key *loader_find(struct bytes section, struct bytes name, bool *ret_names_file);
/* A file of at most 1 MiB. 0; ERR_SYSTEM with errno; ERR_TOO_LARGE. */
int loader_read_file(const char *path, struct buf *out);

/* Sets one field from text (parse.c). 0, or ERR_CONFIG where the text is not what the row allows.
 */
int conf_parse(
	struct arena *arena, const struct conf_key *key, const char *text, struct conf *conf);
/* The field of a row. */
void *conf_field(const struct conf *conf, const struct conf_key *key);

/* Offers every value of an INI text (ini_file.c, the only file that sees inih). */
void loader_ini(struct loader *loader, const char *name, struct bytes text);
/* Established names; credentials; CHATD_* (environment.c). */
void loader_established(struct loader *loader);
void loader_credentials(struct loader *loader);
void loader_environment(struct loader *loader);

#endif
