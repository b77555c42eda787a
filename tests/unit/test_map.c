#include "lib/base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/list.h"

struct item {
	struct map_node node;
	uint32_t n;
	int visits;
};

static struct bytes item_key(const struct map_node *node)
{
	const struct item *item = CONTAINER_OF(node, const struct item, node);
	return bytes_of(&item->n, sizeof(item->n));
}

static struct item *find(const struct map *map, uint32_t n)
{
	struct map_node *node = map_find(map, bytes_of(&n, sizeof(n)));
	return node != NULL ? CONTAINER_OF(node, struct item, node) : NULL;
}

/* Key 00 to 0f, input 00 01 02 ..., as OpenSSL's SIPHASH gives it with c-rounds 1, d-rounds 3. */
static void test_siphash(void **state)
{
	static const struct {
		size_t len;
		uint8_t hash[8];
	} known[] = {
		{0, {0xdc, 0xc4, 0x0f, 0x05, 0x58, 0x01, 0xac, 0xab}},
		{1, {0x93, 0xca, 0x57, 0x7d, 0xf3, 0x9b, 0xf4, 0xc9}},
		{7, {0x40, 0x11, 0xb1, 0x9b, 0x98, 0x7d, 0x92, 0xd3}},
		{8, {0x8e, 0x9a, 0x29, 0x8d, 0x11, 0x95, 0x90, 0x36}},
		{9, {0xe4, 0x3d, 0x06, 0x6c, 0xb3, 0x8e, 0xa4, 0x25}},
		{15, {0x56, 0x99, 0x51, 0x2a, 0x6d, 0xd8, 0x20, 0xd3}},
		{16, {0x66, 0x8b, 0x90, 0x7d, 0x1a, 0xdd, 0x4f, 0xcc}},
		{31, {0xbc, 0xd1, 0x21, 0x8c, 0x1f, 0xdd, 0x70, 0x23}},
		{63, {0xa8, 0xb3, 0xbb, 0xb7, 0x62, 0x90, 0x19, 0x9d}},
	};
	const uint64_t key[2] = {0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
	uint8_t in[64];
	(void)state;
	for (size_t i = 0; i < sizeof(in); i++) {
		in[i] = (uint8_t)i;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint64_t hash = map_hash_keyed(bytes_of(in, known[i].len), key);
		for (int b = 0; b < 8; b++) {
			assert_int_equal((uint8_t)(hash >> (8 * b)), known[i].hash[b]);
		}
	}
	assert_true(map_hash(BYTES_LIT("a")) == map_hash(BYTES_LIT("a")));
	assert_true(map_hash(BYTES_LIT("a")) != map_hash(BYTES_LIT("b")));
	/* The process has a key of its own. */
	assert_true(map_hash(BYTES_LIT("a")) != map_hash_keyed(BYTES_LIT("a"), key));
}

static void test_insert_find_remove(void **state)
{
	enum { COUNT = 1000 };
	static struct item items[COUNT];
	struct map map;
	(void)state;
	map_init(&map, item_key);
	assert_null(find(&map, 1));
	for (uint32_t i = 0; i < COUNT; i++) {
		items[i].n = i;
		map_insert(&map, &items[i].node);
	}
	assert_int_equal(map.count, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_ptr_equal(find(&map, i), &items[i]);
	}
	assert_null(find(&map, COUNT));
	for (uint32_t i = 0; i < COUNT; i += 2) {
		map_remove(&map, &items[i].node);
	}
	assert_int_equal(map.count, COUNT / 2);
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_ptr_equal(find(&map, i), i % 2 == 0 ? NULL : &items[i]);
	}
	/* What was removed can come again. */
	map_insert(&map, &items[0].node);
	assert_ptr_equal(find(&map, 0), &items[0]);
	map_finish(&map);
	assert_int_equal(map.count, 0);
}

static void remove_odd(struct map_node *node, void *ctx)
{
	struct item *item = CONTAINER_OF(node, struct item, node);
	item->visits++;
	if (item->n % 2 == 1) {
		map_remove(ctx, node);
		/* The visitor owns it now. */
		node->next = (struct map_node *)(uintptr_t)8;
	}
}

static void test_each_may_remove(void **state)
{
	enum { COUNT = 333 };
	static struct item items[COUNT];
	struct map map;
	(void)state;
	map_init(&map, item_key);
	map_each(&map, remove_odd, &map);
	for (uint32_t i = 0; i < COUNT; i++) {
		items[i].n = i;
		map_insert(&map, &items[i].node);
	}
	map_each(&map, remove_odd, &map);
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_int_equal(items[i].visits, 1);
		assert_ptr_equal(find(&map, i), i % 2 == 1 ? NULL : &items[i]);
	}
	assert_int_equal(map.count, COUNT / 2 + 1);
	map_finish(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_insert_find_remove),
		cmocka_unit_test(test_each_may_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
