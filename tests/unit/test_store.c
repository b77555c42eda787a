/* The parts of the store that no back end has a hand in. */
#include "lib/store/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lib/base/err.h"

static const struct uuid sender = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

/* Computed with Python's hashlib. */
static void client_keys_are_known(void **state)
{
	static const uint8_t expected[] = {0x37, 0xd9, 0x17, 0x15, 0x9a, 0xab, 0xe2, 0x03, 0xb9,
		0x78, 0xdc, 0x33, 0x5d, 0x0d, 0xca, 0x81};
	static const uint8_t of_none[] = {0xbe, 0x45, 0xcb, 0x26, 0x05, 0xbf, 0x36, 0xbe, 0xbd,
		0xe6, 0x84, 0x84, 0x1a, 0x28, 0xf0, 0xfd};
	uint8_t key[16];

	(void)state;
	store_client_key(&sender, BYTES_LIT("msg-1"), key);
	assert_memory_equal(key, expected, 16);
	store_client_key(&sender, BYTES_NONE, key);
	assert_memory_equal(key, of_none, 16);
}

static void body_hashes_are_known(void **state)
{
	static const uint8_t plain[] = {0xa9, 0x38, 0xaa, 0x28, 0x7b, 0xa7, 0xdc, 0x03};
	static const uint8_t full[] = {0x80, 0x9b, 0xda, 0x18, 0x8b, 0xfd, 0x6b, 0x6a};
	struct append_item item = {.content = BYTES_LIT("hello")};
	uint8_t hash[8];

	(void)state;
	store_body_hash(&item, hash);
	assert_memory_equal(hash, plain, 8);
	item = (struct append_item){
		.type = MESSAGE_EDIT,
		.ref_seq = 7,
		.attachment = BYTES_LIT("{}"),
		.content = BYTES_LIT("\0\xff"),
		.nonce = BYTES_LIT("nonce"),
		.auth_tag = BYTES_LIT("tag"),
	};
	store_body_hash(&item, hash);
	assert_memory_equal(hash, full, 8);
	/* What is no part of the body does not count; moving a byte to the next part does. */
	item.sender = sender;
	item.client_message_id = BYTES_LIT("x");
	store_body_hash(&item, hash);
	assert_memory_equal(hash, full, 8);
	item.nonce = BYTES_LIT("noncet");
	item.auth_tag = BYTES_LIT("ag");
	store_body_hash(&item, hash);
	assert_memory_not_equal(hash, full, 8);
}

static void message_ids_follow_the_epoch_of_the_row(void **state)
{
	char epochs[4][17] = {"", "0123456789abcdef", "", "fedcba9876543210"};
	struct store store = {
		.epoch = "fedcba9876543210", .epoch_no = 3, .epochs = epochs, .epoch_count = 4};
	struct message_row row = {.room = sender, .seq = 42, .epoch_no = 3};
	struct uuid id, expected;

	(void)state;
	store_message_id(&store, &row, &id);
	ident_message(&sender, "fedcba9876543210", 42, &expected);
	assert_memory_equal(id.b, expected.b, 16);
	row.epoch_no = 1;
	store_message_id(&store, &row, &id);
	ident_message(&sender, "0123456789abcdef", 42, &expected);
	assert_memory_equal(id.b, expected.b, 16);
	/* Numbers without a row, and numbers to come, take the present one. */
	ident_message(&sender, "fedcba9876543210", 42, &expected);
	for (uint32_t no = 0; no < 6; no += 2) {
		row.epoch_no = no;
		store_message_id(&store, &row, &id);
		assert_memory_equal(id.b, expected.b, 16);
	}
	row.imported_id = sender;
	store_message_id(&store, &row, &id);
	assert_memory_equal(id.b, sender.b, 16);
}

static void refused(const char *url)
{
	struct store_open_params params = {.url = bytes_str(url), .migrate = true};
	struct store *store = NULL;
	struct buf why;

	buf_init(&why);
	assert_int_equal(store_open(&params, &store, &why), ERR_CONFIG);
	assert_null(store);
	assert_true(why.len > 10);
	assert_null(strstr(buf_cstr(&why), "secret"));
	buf_finish(&why);
}

static void urls_of_no_store_are_refused(void **state)
{
	(void)state;
	refused("");
	refused("/var/lib/chatd.db");
	refused("mysql://user:secret@host/db");
	refused("postgresql://user:secret@host/db?no_such_keyword=1");
	refused("sqlite:");
	refused("sqlite::memory:");
	refused("sqlite:/tmp/");
	refused("sqlite:/no/such/folder/chat.db");
	refused("sqlite:/etc/passwd/chat.db");
}

static void closing_nothing_is_fine(void **state)
{
	struct store *store = NULL;

	(void)state;
	store_close(&store);
	assert_null(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_keys_are_known),
		cmocka_unit_test(body_hashes_are_known),
		cmocka_unit_test(message_ids_follow_the_epoch_of_the_row),
		cmocka_unit_test(urls_of_no_store_are_refused),
		cmocka_unit_test(closing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
