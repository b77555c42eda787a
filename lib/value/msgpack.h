/* MessagePack (github.com/msgpack/msgpack, spec.md) to and from values. Reading and writing is
 * msgpack-c's work, which msgpack.c and msgpack_write.c alone see; reading begins with a look of
 * our own over the bytes (msgpack_scan.h). */
#ifndef LIB_VALUE_MSGPACK_H
#define LIB_VALUE_MSGPACK_H

#include "lib/value/value.h"

/* Levels of arrays and maps, as in JSON. */
#define MSGPACK_DEPTH_MAX 64

/* How names of fields are spelt when they are written: with an upper-case first letter, as .NET
 * declares them, or as they are. Those of dictionaries always stay as they are. */
enum msgpack_names { MSGPACK_NAMES_PASCAL, MSGPACK_NAMES_CAMEL };

/* ---- reading: each takes what it reads off the start of *input ---- */

/* Reads one value that has at most depth levels (up to MSGPACK_DEPTH_MAX). ERR_BAD_REQUEST:
 * malformed, cut off, or deeper; ERR_NOMEM; *input is then left alone. Memory is taken only for
 * what has really come: some 50 bytes for each byte at most. Nothing of the result views *input.
 *
 * Integers beyond int64 become VALUE_DOUBLE, float32 and float64 are VALUE_DOUBLE, bin is
 * VALUE_BINARY, the timestamp extension VALUE_TIME (rounded down to ms). Maps are marked
 * dictionary; of repeated names the last wins. What is well-formed and has no kind becomes
 * value_unfit, so that it binds to nothing: text that is no UTF-8, a map with a key that is no
 * (good) text, a timestamp outside the years 1 to 9999 or with a second's worth of nanoseconds or
 * more, and all other extensions. */
int msgpack_read(struct arena *arena, struct bytes *input, unsigned depth, struct value *ret_value);
/* Takes one value off without reading it, and gives its bytes. ERR_BAD_REQUEST as above. */
int msgpack_skip(struct bytes *input, unsigned depth, struct bytes *ret_skipped);
/* Takes the head of an array (map) off: the next *ret_count values (twice as many) are in it. They
 * are fewer than the bytes left. ERR_BAD_REQUEST where it is none, or they cannot all have come. */
int msgpack_read_array(struct bytes *input, uint32_t *ret_count);
int msgpack_read_map(struct bytes *input, uint32_t *ret_count);

/* ---- writing: appends, in the shortest form of each length and integer ---- */

/* A double is always float64. Text must be valid UTF-8, or marked bad_text. Texts, binaries, arrays
 * and objects must be under 4 GiB or 2^32 items. */
void msgpack_write(struct buf *out, const struct value *value, enum msgpack_names names);
void msgpack_write_nil(struct buf *out);
void msgpack_write_int(struct buf *out, int64_t n);
void msgpack_write_text(struct buf *out, struct bytes text);
/* Heads: the caller appends count values, or len bytes, behind them. */
void msgpack_write_array(struct buf *out, uint32_t count);
void msgpack_write_map(struct buf *out, uint32_t count);
void msgpack_write_ext(struct buf *out, int8_t type, uint32_t len);

#endif
