/* Durations and sizes as people write them (PRODUCT.md section 10), and addresses to listen on. */
#ifndef LIB_CONF_UNITS_H
#define LIB_CONF_UNITS_H

#include <stdint.h>

#include "lib/base/bytes.h"

/* Digits and one of us, ms, s, m, h, d, without a blank between: "500ms", "30d"; "0" needs no unit.
 * 0, or ERR_BAD_REQUEST: no such text, or over 2^63 microseconds. */
int units_duration(struct bytes text, uint64_t *ret_us);
/* Digits and one of nothing, B, KiB, MiB, GiB, TiB. 0 or ERR_BAD_REQUEST. */
int units_size(struct bytes text, uint64_t *ret_size);
/* "host:port", "[v6]:port", "unix:PATH": the form only, nothing is looked up. 0 or
 * ERR_BAD_REQUEST. */
int units_address(struct bytes text);

/* The shortest text that reads back as the same number, such as "1m" or "1500ms". Append. */
void units_duration_text(uint64_t us, struct buf *out);
void units_size_text(uint64_t size, struct buf *out);

#endif
