/* A look over JSON text before jansson gets it: bounds its depth, for jansson recurses, and finds
 * what jansson would refuse though it is allowed, and what would cost it too much. */
#ifndef LIB_VALUE_JSON_SCAN_H
#define LIB_VALUE_JSON_SCAN_H

#include "lib/base/arena.h"
#include "lib/base/bytes.h"

#define JSON_DEPTH_MAX 64

/* What an unpaired surrogate becomes: U+FDD0, a noncharacter, which text does not hold. Should it
 * all the same, it is taken for the mark only where the same JSON text has unpaired surrogates. */
#define JSON_SCAN_MARK "\xef\xb7\x90"

/* jansson takes some 10 ns for each byte of a text. Long ones without escapes, of which nothing but
 * their UTF-8 has to be checked, are kept from it: in their places it reads U+FDD1 and the index in
 * json_scan.longs, as hexadecimal digits. If a text begins like that itself, it is not done. */
#define JSON_SCAN_LONG_MARK "\xef\xb7\x91"
#define JSON_SCAN_LONG_LEN 11 /* bytes of such a stand-in */

struct json_scan {
	struct bytes text;
	size_t marks; /* escapes of unpaired surrogates */
	size_t numbers; /* integers beyond 64 bits */
	size_t long_count; /* long texts; 0: they stay where they are */
	size_t long_bytes; /* in all of them */
	struct bytes *longs; /* set by json_scan_mend(): long_count of them, views of text */
	size_t at; /* after a failure: where, in bytes */
	const char *reason; /* after a failure: constant */
};

/* One pass. 0, or ERR_BAD_REQUEST for a depth over 64 and for an unpaired surrogate in a name. What
 * is no JSON otherwise passes: jansson will say so. */
int json_scan(struct json_scan *scan, struct bytes text);
/* Makes a copy in which these escapes are \uFDD0, "e0" stands behind these numbers, and the long
 * texts are replaced. 0 or ERR_NOMEM. */
int json_scan_mend(struct json_scan *scan, struct arena *arena, struct bytes *ret_text);
/* The long text that text stands for, or text itself. */
struct bytes json_scan_restore(const struct json_scan *scan, struct bytes text);

#endif
