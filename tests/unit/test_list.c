#include "lib/base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct item {
	int n;
	struct list_node node;
};

/* The numbers of the list's members as decimal digits. */
static int digits(struct list *list)
{
	int all = 0;
	LIST_FOREACH (list, node) {
		all = all * 10 + CONTAINER_OF(node, struct item, node)->n;
	}
	return all;
}

static void test_order(void **state)
{
	struct item items[] = {{.n = 0}, {.n = 1}, {.n = 2}, {.n = 3}};
	struct list list;
	(void)state;
	list_init(&list);
	assert_true(list_empty(&list));
	assert_null(list_first(&list));
	assert_null(list_pop(&list));
	assert_false(list_linked(&items[1].node));
	list_append(&list, &items[2].node);
	list_append(&list, &items[3].node);
	list_prepend(&list, &items[1].node);
	assert_int_equal(digits(&list), 123);
	assert_true(list_linked(&items[1].node));
	list_remove(&items[2].node);
	assert_false(list_linked(&items[2].node));
	list_remove(&items[2].node);
	assert_int_equal(digits(&list), 13);
	assert_ptr_equal(list_pop(&list), &items[1].node);
	assert_ptr_equal(list_first(&list), &items[3].node);
	list_remove(&items[3].node);
	assert_true(list_empty(&list));
}

static void test_remove_inside_foreach(void **state)
{
	struct item items[] = {{.n = 1}, {.n = 2}, {.n = 3}, {.n = 4}};
	struct list list;
	(void)state;
	list_init(&list);
	for (int i = 0; i < 4; i++) {
		list_append(&list, &items[i].node);
	}
	LIST_FOREACH (&list, node) {
		if (CONTAINER_OF(node, struct item, node)->n % 2 == 0) {
			list_remove(node);
		}
	}
	assert_int_equal(digits(&list), 13);
}

static void test_take_all(void **state)
{
	struct item items[] = {{.n = 1}, {.n = 2}, {.n = 3}};
	struct list from, list;
	(void)state;
	list_init(&from);
	list_take_all(&list, &from);
	assert_true(list_empty(&list));
	for (int i = 0; i < 3; i++) {
		list_append(&from, &items[i].node);
	}
	list_take_all(&list, &from);
	assert_true(list_empty(&from));
	assert_int_equal(digits(&list), 123);
	list_remove(&items[2].node);
	list_append(&from, &items[2].node);
	list_remove(&items[0].node);
	assert_int_equal(digits(&list), 2);
	assert_int_equal(digits(&from), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_remove_inside_foreach),
		cmocka_unit_test(test_take_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
