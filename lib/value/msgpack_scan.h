/* A look over MessagePack bytes before msgpack-c gets them: nothing that they claim is believed. */
#ifndef LIB_VALUE_MSGPACK_SCAN_H
#define LIB_VALUE_MSGPACK_SCAN_H

#include <stdint.h>

#include "lib/base/bytes.h"

enum msgpack_shape {
	MSGPACK_SHAPE_SCALAR, /* nil, booleans, numbers */
	MSGPACK_SHAPE_BLOB, /* str, bin */
	MSGPACK_SHAPE_EXT,
	MSGPACK_SHAPE_ARRAY,
	MSGPACK_SHAPE_MAP,
};

/* What stands at the start of each value (the specification's "Formats"). */
struct msgpack_head {
	enum msgpack_shape shape;
	size_t len; /* of the head itself; an ext's type is its last byte */
	uint32_t body; /* bytes behind it: SCALAR, BLOB, EXT */
	uint32_t items; /* values behind it: ARRAY; twice as many for MAP */
	int ext; /* EXT: its type, -128 to 127 */
};

/* Reads the head at the start of input. ERR_BAD_REQUEST where input ends before the head does, or
 * with the byte c1, which begins nothing. Of what is behind the head nothing is looked at. */
int msgpack_scan_head(struct bytes input, struct msgpack_head *ret_head);

/* Goes over the one value at the start of input and gives its length with all that is in it.
 * ERR_BAD_REQUEST where it does not end within input, or nests deeper than depth levels of arrays
 * and maps (at most MSGPACK_DEPTH_MAX; 0: it may be neither). A count that the bytes left cannot
 * hold is refused where it is met. Allocates nothing, does not recurse, passes once. */
int msgpack_scan(struct bytes input, unsigned depth, size_t *ret_len);

#endif
