/* A look over JSON text before jansson gets it: bounds its depth, for jansson recurses, and finds
 * what jansson would refuse though it is allowed. */
#ifndef LIB_VALUE_JSON_SCAN_H
#define LIB_VALUE_JSON_SCAN_H

#include "lib/base/arena.h"
#include "lib/base/bytes.h"

#define JSON_DEPTH_MAX 64

/* What an unpaired surrogate becomes: U+FDD0, a noncharacter, which text does not hold. Should it
 * all the same, it is taken for the mark only where the same JSON text has unpaired surrogates. */
#define JSON_SCAN_MARK "\xef\xb7\x90"

struct json_scan {
	struct bytes text;
	size_t marks; /* escapes of unpaired surrogates */
	size_t numbers; /* integers beyond 64 bits */
	size_t at; /* after a failure: where, in bytes */
	const char *reason; /* after a failure: constant */
};

/* One pass. 0, or ERR_BAD_REQUEST for a depth over 64 and for an unpaired surrogate in a name. What
 * is no JSON otherwise passes: jansson will say so. */
int json_scan(struct json_scan *scan, struct bytes text);
/* Makes a copy in which these escapes are \uFDD0 and "e0" stands behind these numbers. 0 or
 * ERR_NOMEM. */
int json_scan_mend(const struct json_scan *scan, struct arena *arena, struct bytes *ret_text);

#endif
