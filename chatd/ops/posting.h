/* What operations have in common that put an entry into a room: messages, edits, deletions. */
#ifndef CHATD_OPS_POSTING_H
#define CHATD_OPS_POSTING_H

#include "chatd/op/op.h"
#include "lib/store/store.h"

/* The content and client message id (len 0: none given) as every door must check them: 0, or
 * ERR_BAD_CONTENT with the message set. */
int posting_check_content(struct op *op, struct bytes content, bool may_be_empty);
int posting_check_id(struct op *op, struct bytes client_message_id);
/* Text without U+0000. */
bool posting_is_storable(struct bytes text);
/* The attachment of an image or file (item->type is set): {url, name, mediaType, size}, of which
 * only what the model knows is kept, as JSON on the operation's arena. 0, or ERR_BAD_CONTENT. */
int posting_set_attachment(struct op *op, const struct value *attachment, struct append_item *item);
/* Sets the key by which it takes effect once, and the hash by which a repeat is known; everything
 * else of the item must be set. */
void posting_set_key(const struct op *op, struct append_item *item, struct bytes client_message_id);
/* One more message of this node to the room: OP_NEXT, or ERR_RATE_LIMITED. Called last, so that
 * what is refused for another reason counts nothing. */
int posting_take_rate(struct op *op, const struct uuid *room);
/* The answer, {id, seq, sentAt}, or the failure that the outcome stands for. op->created: it is not
 * a repeat. */
int posting_reply(struct op *op, const struct append_item *item);

#endif
