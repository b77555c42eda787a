/* Text from elsewhere, made safe for terminals. */
#ifndef CHATCTL_TEXT_H
#define CHATCTL_TEXT_H

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/value/value.h"

/* Appends with everything escaped that could steer a terminal or reorder what is shown: controls
 * (C0, DEL, C1) and what is no UTF-8 as \xNN, marks of direction as \u202E. keep_lines leaves tab
 * and line feed alone. The result is valid UTF-8. */
void text_escape(struct buf *out, struct bytes text, bool keep_lines);

/* Appends a value as one cell: text and numbers bare, arrays of such with commas between, all else
 * as JSON, null as nothing. Not escaped. */
void text_value(struct buf *out, const struct value *value);

/* Cuts blanks, tabs and line ends at both ends. */
struct bytes text_trim(struct bytes text);

/* "30", seconds, or "500ms", "2m". 0 or ERR_USAGE. */
int text_seconds(struct bytes text, uint64_t *ret_us);

#endif
