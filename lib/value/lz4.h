/* LZ4 blocks (lz4_Block_format.md), and the two forms in which MessagePack-CSharp compresses a
 * value with them (its README, "LZ4 compression"). lz4.c is the only file that sees liblz4. */
#ifndef LIB_VALUE_LZ4_H
#define LIB_VALUE_LZ4_H

#include "lib/value/msgpack.h"

/* Lz4Block: ext 99 holds the plain length (int32 in five bytes) and one block. Lz4BlockArray: an
 * array whose first item, ext 98, holds the plain lengths of the bins behind it, a block each. */
enum msgpack_lz4 { MSGPACK_LZ4_NONE, MSGPACK_LZ4_BLOCK, MSGPACK_LZ4_BLOCK_ARRAY };

/* msgpack_read() for a value that may be in one of these forms. *plain_left bounds what it holds
 * when it is plain, in bytes, and is lowered by that: start with what a message may hold, and read
 * all its values with it. What liblz4 refuses, what is longer than that or than a block of its size
 * can ever be, what is in such a form once more, and what is no MessagePack value when it is plain,
 * is well-formed from outside: value_unfit. Memory is taken for no claimed length that a block of
 * that size cannot reach. */
int lz4_read_value(struct arena *arena, struct bytes *input, unsigned depth, size_t *plain_left,
	struct value *ret_value);
/* msgpack_write() in that form where that takes 64 bytes or more. */
void lz4_write_value(struct buf *out, const struct value *value, enum msgpack_names names,
	enum msgpack_lz4 form);

#endif
