/* An upload stream: items that the client sends beside its call, for the operation that the call
 * started (SignalR's hub protocol, «streamIds»; a ChannelReader parameter in .NET). The door makes
 * it and puts in what comes; a step reads it:
 *
 *	static int await_item(struct op *op) { return upload_wait(params->numbers, op); }
 *	static int add_item(struct op *op)
 *	{
 *		const struct value *item;
 *		int got = upload_read(params->numbers, &item);
 *		if (got < 0) { return upload_fail(params->numbers, op); }
 *		...
 *		return got > 0 ? OP_NEXT : OP_DONE;
 *	}
 *	static const struct op_step steps[] = {
 *		{"await", await_item, 0}, {"add", add_item, 0}, {"again", op_step_again, 0}, {0},
 *	};
 */
#ifndef CHATD_OP_UPLOAD_H
#define CHATD_OP_UPLOAD_H

#include "chatd/op/op.h"

/* Items that wait in one stream; with one more its producer has to wait (ASP.NET Core's
 * StreamBufferCapacity, which nobody sets). */
#define UPLOAD_PLACES 10

struct upload_item;

struct upload {
	/* The door's. */
	struct list_node in_door;
	struct bytes id; /* on the operation's arena */
	void *door; /* NULL once the door has gone */
	/* upload_put() answered that it is full, and there is room again, or the stream is being
	 * released. */
	void (*on_room)(struct upload *upload);
	/* Its own. */
	struct list_node in_op;
	struct op *op;
	const struct param *kind; /* what each item must be */
	struct list items;
	size_t count;
	struct upload_item *current; /* the one that was read last */
	struct op_wait wait;
	bool full; /* on_room is owed */
	bool ended; /* nothing more is put in */
	const char *error; /* of a stream that ended with one, on the operation's arena; else NULL
			    */
};

/* ---- for operations ---- */

/* A step's answer: OP_NEXT where upload_read() has something to say, else OP_WAIT until it has. */
int upload_wait(struct upload *upload, struct op *op);
/* 1 and the next item, good until the next call; 0: the stream has ended; negative: it broke, and
 * upload->error says why. Only behind upload_wait(). An operation that was withdrawn, and runs on,
 * gets what waits; then the stream is broken for it, and leaves the door's list. */
int upload_read(struct upload *upload, const struct value **ret_item);
/* Fails the operation with what broke the stream. */
int upload_fail(const struct upload *upload, struct op *op);

/* ---- for doors ---- */

/* Belongs to the operation, and is released with it. id is copied; kind is constant. */
struct upload *upload_create(struct op *op, struct bytes id, const struct param *kind);
/* Takes over the arena that the item lives on. An item that is not of the stream's kind ends it as
 * ASP.NET Core does ("Failed to bind Stream message."). The operation may go on, and even end,
 * inside. true: all places are taken; nothing more is put in before on_room. */
bool upload_put(struct upload *upload, const struct value *item, struct arena *arena);
/* The producer has ended it; error empty: in order. It leaves the door's list. The operation may go
 * on, and even end, inside. */
void upload_end(struct upload *upload, struct bytes error);
/* The door goes: what was not read is void, and reading fails ("The underlying connection was
 * closed."). */
void upload_lose(struct upload *upload);

/* For the runner. */
void uploads_destroy(struct list *uploads);

#endif
