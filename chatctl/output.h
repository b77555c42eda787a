/* What a command answers, on stdout, in the form that was asked for:
 *   json   a single item as it is; a list as {"version":1,"items":[...]}
 *   jsonl  one item a line
 *   csv    a line of names, then one line an item (RFC 4180, lines end with LF)
 *   table  columns; a single item as lines of name and value
 * A failure is {"version":1,"error":{"code","message","hint"}} with json (within the list where it
 * has begun), and always a text on stderr. */
#ifndef CHATCTL_OUTPUT_H
#define CHATCTL_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "chatctl/failure.h"
#include "chatctl/options.h"
#include "lib/ctl/commands.h"
#include "lib/value/value.h"

struct output;

/* command: its columns and kind; NULL for failures alone. stream is not closed. 0; ERR_USAGE where
 * --columns names what the command does not have. */
int output_create(struct output **ret_output, const struct options *options,
	const struct ctl_command *command, FILE *stream, struct failure *failure);
void output_destroy(struct output **output);
/* One item (VALUE_OBJECT). 0; ERR_CLOSED: nobody reads any more, stop quietly; ERR_SYSTEM with the
 * failure. */
int output_item(struct output *output, const struct value *item);
/* Text as it is, for what has a form of its own; items do not come with it. 0, ERR_CLOSED,
 * ERR_SYSTEM. */
int output_raw(struct output *output, struct bytes text);
/* What was put out so far leaves now, since what comes next may take long. 0, ERR_CLOSED,
 * ERR_SYSTEM.
 */
int output_flush(struct output *output);
/* Whether a table of it has no line so far, so that nothing at all is seen. */
bool output_is_blank(const struct output *output);
/* Ends the output, with the failure's JSON where it failed. 0, ERR_CLOSED, ERR_SYSTEM as above. */
int output_finish(struct output *output);

#endif
