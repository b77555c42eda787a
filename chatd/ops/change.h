/* What operations that change rooms and memberships have in common. */
#ifndef CHATD_OPS_CHANGE_H
#define CHATD_OPS_CHANGE_H

#include "chatd/op/op.h"
#include "chatd/room/home.h"

/* Who asks, as the store judges it. */
struct store_actor change_actor(const struct op *op);
/* The failure that a home's or the store's error stands for: 0 for 0. */
int change_fail(struct op *op, int err);
/* The id of a user by id or identity. 0, or ERR_BAD_REQUEST for an empty text. */
int change_user(struct op *op, struct bytes text, struct uuid *ret_id);
/* What can be no name of a room is an error: 1 to 256 bytes without control characters. */
int change_check_name(struct op *op, struct bytes name);
/* https or http, at most 2048 bytes, without blanks and control characters: what clients can show
 * as a link without being made to run something. */
bool change_is_web_address(struct bytes url);
/* An address of a picture: such a one, or nothing. */
int change_check_avatar(struct op *op, struct bytes url);

#endif
