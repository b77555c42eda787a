#include "chatd/op/upload.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/err.h"

struct upload_item {
	struct list_node node;
	struct arena *arena; /* owned; value lives on it */
	struct value value;
};

static const char connection_closed[] = "The underlying connection was closed.";

static void item_destroy(struct upload_item **item)
{
	if (*item != NULL) {
		struct arena *arena = (*item)->arena;
		list_remove(&(*item)->node);
		*item = NULL;
		arena_destroy(&arena);
	}
}

static void drop_items(struct upload *upload)
{
	struct list_node *node;
	item_destroy(&upload->current);
	while ((node = list_pop(&upload->items)) != NULL) {
		struct upload_item *item = CONTAINER_OF(node, struct upload_item, node);
		item_destroy(&item);
	}
	upload->count = 0;
}

static void tell_room(struct upload *upload)
{
	if (upload->full) {
		upload->full = false;
		upload->on_room(upload);
	}
}

static void wake(struct upload *upload)
{
	if (op_waits_on(upload->op, &upload->wait)) {
		op_resume(upload->op, 0);
	}
}

static void give_up(struct op_wait *wait)
{
	(void)wait; /* the runner remembers who waits */
}

int upload_wait(struct upload *upload, struct op *op)
{
	assert(upload->op == op);
	if (upload->count > 0 || upload->ended || op->abandoned) {
		return OP_NEXT;
	}
	op_wait_on(op, &upload->wait);
	return OP_WAIT;
}

int upload_read(struct upload *upload, const struct value **ret_item)
{
	item_destroy(&upload->current);
	struct list_node *node = list_pop(&upload->items);
	if (node == NULL) {
		/* Whoever has been withdrawn, and runs on, gets no more. */
		if (!upload->ended) {
			list_remove(&upload->in_door);
			upload->ended = true;
			upload->error = connection_closed;
		}
		return upload->error != NULL ? ERR_CLOSED : 0;
	}
	upload->current = CONTAINER_OF(node, struct upload_item, node);
	*ret_item = &upload->current->value;
	if (--upload->count <= UPLOAD_PLACES) {
		tell_room(upload);
	}
	return 1;
}

int upload_fail(const struct upload *upload, struct op *op)
{
	return op_fail_said(op, ERR_CLOSED, "HubException", upload->error);
}

struct upload *upload_create(struct op *op, struct bytes id, const struct param *kind)
{
	struct upload *upload = arena_alloc(op->arena, sizeof(*upload));
	upload->op = op;
	upload->id = arena_dup(op->arena, id);
	upload->kind = kind;
	upload->wait.give_up = give_up;
	list_init(&upload->items);
	list_append(&op->uploads, &upload->in_op);
	return upload;
}

bool upload_put(struct upload *upload, const struct value *item, struct arena *arena)
{
	struct params_error error;
	assert(!upload->ended && !upload->full);
	if (params_check(upload->kind, item, &error) != 0) {
		arena_destroy(&arena);
		upload_end(upload, BYTES_LIT("Failed to bind Stream message."));
		return false;
	}
	struct upload_item *entry = arena_alloc(arena, sizeof(*entry));
	entry->arena = arena;
	entry->value = *item;
	list_append(&upload->items, &entry->node);
	if (++upload->count > UPLOAD_PLACES) {
		upload->full = true;
		return true; /* there is something to read: nobody waits */
	}
	wake(upload);
	return false;
}

void upload_end(struct upload *upload, struct bytes error)
{
	list_remove(&upload->in_door);
	upload->ended = true;
	if (error.len > 0) {
		upload->error = arena_dup(upload->op->arena, error).ptr;
	}
	wake(upload);
}

void upload_lose(struct upload *upload)
{
	list_remove(&upload->in_door);
	upload->door = NULL;
	upload->full = false;
	drop_items(upload);
	if (!upload->ended) {
		upload->ended = true;
		upload->error = connection_closed;
	}
	wake(upload);
}

void uploads_destroy(struct list *uploads)
{
	struct list_node *node;
	while ((node = list_pop(uploads)) != NULL) {
		struct upload *upload = CONTAINER_OF(node, struct upload, in_op);
		list_remove(&upload->in_door);
		drop_items(upload);
		tell_room(upload);
	}
}
