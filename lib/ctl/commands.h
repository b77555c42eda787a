/* THE table of control commands (commands.c, commands_db.c). chatctl parses, explains and completes
 * by it; the daemon's control door checks what it is asked by it. */
#ifndef LIB_CTL_COMMANDS_H
#define LIB_CTL_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/value/value.h"

enum ctl_arg_kind {
	CTL_ARG_TEXT, /* JSON text */
	CTL_ARG_NUMBER, /* JSON integer from min to max */
	CTL_ARG_FLAG, /* takes no value; JSON true */
	CTL_ARG_DURATION, /* "90s", "1h"; JSON integer, milliseconds, from min to max */
	CTL_ARG_PAIR, /* K=V; JSON object of texts, the repetitions gathered in it */
	CTL_ARG_INPUT, /* a file's name, "-" or nothing for stdin: its contents (trimmed) as JSON
			  text; so secrets get in */
	CTL_ARG_INTERNAL, /* any JSON; not on the command line: what chatctl itself adds */
};

struct ctl_arg {
	const char *name; /* member of args; an option is --name */
	char letter; /* an option's short form, -n; 0: none. None of those of all commands */
	enum ctl_arg_kind kind;
	bool positional;
	bool required;
	bool repeatable; /* JSON array of texts (pairs: one object) */
	int64_t min, max; /* texts: bytes, max 0 is 4096 */
	const char *placeholder; /* "ROOM"; NULL for flags */
	const char *excludes; /* name of an argument that cannot be given with it, or NULL */
	const char *const *choices; /* CTL_ARG_TEXT: one of these, without regard to case, ends with
				       NULL; NULL: any */
	const char *doc;
};

/* A member of the items, in the order of tables and CSV. */
struct ctl_column {
	const char *name; /* camelCase, as in the item */
	bool extra; /* not in tables unless --columns names it; always in CSV */
	bool right; /* numbers stand on the right */
	const char *doc;
};

enum ctl_place {
	CTL_DAEMON, /* sent over the control socket */
	CTL_LOCAL, /* done by chatctl itself */
	CTL_EITHER, /* the daemon's; chatctl's own where --config was given */
};

struct ctl_command {
	const char *group; /* NULL: the verb stands alone */
	const char *verb;
	const char *name; /* "room create": what the request's command says */
	enum ctl_place place;
	bool read_only; /* control.read_group may */
	bool list; /* any number of items; else exactly one, or none */
	bool streaming; /* items come one by one for long; printed as they come, jsonl by default */
	const char *quiet; /* the column that -q prints alone, or NULL: -q prints nothing more */
	bool bare; /* prints that column alone unless -o or --columns was given */
	const struct ctl_arg *args; /* positional ones first, in order; ends with name NULL */
	const struct ctl_column *columns; /* ends with name NULL */
	const char *doc; /* one line */
	const char *more; /* further lines for --help, or NULL */
	const char *destroys; /* what will be gone, asked about before; NULL: nothing */
};

/* For args of several commands: end with NULL. */
extern const char *const ctl_roles[], *const ctl_levels[], *const ctl_transports[],
								   *const ctl_encodings[];

/* The rows, in the order of help texts. */
size_t ctl_command_count(void);
const struct ctl_command *ctl_command_at(size_t place);

struct ctl_group {
	const char *name;
	const char *doc;
};
extern const struct ctl_group ctl_groups[];
extern const size_t ctl_group_count;

/* "room", "create"; group NULL for verbs that stand alone. NULL where there is none. */
const struct ctl_command *ctl_command_find(const char *group, const char *verb);
/* By the text of a request: "room create". NULL where there is none. */
const struct ctl_command *ctl_command_named(struct bytes name);
const struct ctl_group *ctl_group_find(const char *name);
/* NULL where there is none. */
const struct ctl_arg *ctl_arg_find(const struct ctl_command *command, const char *name);

/* Checks args (VALUE_OBJECT) against the table: unknown names, kinds, ranges, what is required and
 * what excludes each other. 0, or ERR_USAGE with a sentence on the arena in *ret_why. The daemon
 * must do it, since anybody may write to the socket. */
int ctl_args_check(struct arena *arena, const struct ctl_command *command, const struct value *args,
	const char **ret_why);

/* Reading checked args. Text: the member, or len 0. */
struct bytes ctl_args_text(const struct value *args, const char *name);
int64_t ctl_args_number(const struct value *args, const char *name, int64_t otherwise);
bool ctl_args_flag(const struct value *args, const char *name);

#endif
