/* What the handshake and the JSON codec have in common: a record is one JSON object and 0x1E. */
#ifndef LIB_HUBPROTO_JSON_RECORD_H
#define LIB_HUBPROTO_JSON_RECORD_H

#include "lib/value/value.h"

#define JSON_RECORD_SEPARATOR '\x1e'

/* ASP.NET Core's sentence about a record that is JSON, but no object; on the arena. */
const char *json_record_no_object(struct arena *arena, const struct value *value);

#endif
