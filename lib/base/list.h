/* Doubly linked list whose links are embedded in the members. A node that is zeroed or was removed
 * is on no list. */
#ifndef LIB_BASE_LIST_H
#define LIB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
	struct list_node *prev, *next;
};

struct list {
	struct list_node head; /* circular; head.next is the first */
};

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->head.prev = list->head.next = &list->head;
}

static inline bool list_empty(const struct list *list)
{
	return list->head.next == &list->head;
}

static inline bool list_linked(const struct list_node *node)
{
	return node->next != NULL;
}

static inline void list_append(struct list *list, struct list_node *node)
{
	node->prev = list->head.prev;
	node->next = &list->head;
	list->head.prev->next = node;
	list->head.prev = node;
}

static inline void list_prepend(struct list *list, struct list_node *node)
{
	node->next = list->head.next;
	node->prev = &list->head;
	list->head.next->prev = node;
	list->head.next = node;
}

/* A node on no list is left alone. */
static inline void list_remove(struct list_node *node)
{
	if (node->next == NULL) {
		return;
	}
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = node->next = NULL;
}

static inline struct list_node *list_first(const struct list *list)
{
	return list->head.next == &list->head ? NULL : list->head.next;
}

static inline struct list_node *list_pop(struct list *list)
{
	struct list_node *node = list_first(list);
	if (node != NULL) {
		list_remove(node);
	}
	return node;
}

/* Makes list what from was, and from empty. */
static inline void list_take_all(struct list *list, struct list *from)
{
	list_init(list);
	if (!list_empty(from)) {
		list->head = from->head;
		list->head.prev->next = list->head.next->prev = &list->head;
		list_init(from);
	}
}

/* The current node may be removed inside the loop, its successor may not. */
#define LIST_FOREACH(list, node) \
	for (struct list_node *node = (list)->head.next, *node##_next = node->next; \
		node != &(list)->head; node = node##_next, node##_next = node->next)

#endif
