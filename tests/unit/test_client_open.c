/* An open client: records in all shapes, calls, pings and limits. test_client_end.c has its ends.
 */
#include "tests/unit/client_side.h"

static const struct client_options plain;
static const struct value no_arguments = {.kind = VALUE_ARRAY};

/* ---- records ---- */

static void test_several_in_a_frame(void **state)
{
	const char *three = "{\"type\":1,\"target\":\"A\",\"arguments\":[\"a\"]}" SEPARATOR
			    "{\"type\":6}" SEPARATOR "{\"type\":99,\"x\":1}" SEPARATOR
			    "{\"arguments\":[],\"target\":\"B\",\"type\":1}" SEPARATOR;
	(void)state;
	side_to_open(&plain);
	server_frame(0x81, three, strlen(three));
	turns(3);
	assert_heard("A[\"a\"];B[];");
	server_frame(0x81, "", 0);
	turns(3);
	assert_int_equal(closes, 0);
}

/* Over fragments of one message, over messages, and over bytes. */
static void test_split(void **state)
{
	char frame[256];
	const char *call = "{\"type\":1,\"target\":\"\xc3\xa4\",\"arguments\":[true]}" SEPARATOR;
	size_t len = strlen(call);
	(void)state;
	side_to_open(&plain);
	server_frame(0x01, call, 22); /* in the middle of a character */
	server_frame(0x89, "between", 7);
	server_frame(0x00, call + 22, 3);
	server_frame(0x80, call + 25, len - 25);
	assert_server_gets(0x8a, "between", 7);
	assert_heard("\xc3\xa4[true];");
	server_frame(0x81, call, 10);
	server_frame(0x81, call + 10, len - 10);
	turns(3);
	assert_heard("\xc3\xa4[true];");
	len = frame_write(frame, 0x81, call, len);
	server_dribble(frame, len);
	turns(3);
	assert_heard("\xc3\xa4[true];");
	/* The end of one record and the beginning of the next come together. */
	server_frame(0x81, call, 10);
	memcpy(frame, call + 10, strlen(call) - 10);
	memcpy(frame + strlen(call) - 10, call, 12);
	server_frame(0x81, frame, strlen(call) + 2);
	server_frame(0x81, call + 12, strlen(call) - 12);
	turns(3);
	assert_heard("\xc3\xa4[true];\xc3\xa4[true];");
	assert_int_equal(closes, 0);
}

static void test_long_record(void **state)
{
	const size_t len = 200000;
	char *record = malloc(len);
	char start[64];
	(void)state;
	side_to_open(&(struct client_options){.max_message = len});
	int head = snprintf(start, sizeof(start), "{\"type\":1,\"target\":\"T\",\"arguments\":[\"");
	memset(record, 'x', len);
	memcpy(record, start, (size_t)head);
	memcpy(record + len - 4, "\"]}" SEPARATOR, 4);
	server_frame(0x81, record, len); /* exactly what is allowed */
	for (int i = 0; i < 100 && heard.len == 0; i++) {
		loop_turn(loop, 5);
	}
	assert_int_equal(heard.len, len - (size_t)head - 4 + strlen("T[\"\"];"));
	buf_clear(&heard);
	memcpy(record + len - 4, "x\"]}", 4); /* its separator is one too late */
	server_frame(0x81, record, len);
	assert_closed(ERR_TOO_LARGE, "the server sent too long a message", false);
	assert_server_gets_close(1009);
	free(record);
}

static void test_client_results(void **state)
{
	(void)state;
	side_to_open(&plain);
	server_record("{\"type\":1,\"invocationId\":\"s1\",\"target\":\"Ask\",\"arguments\":[1]}");
	assert_server_gets_record("{\"type\":3,\"invocationId\":\"s1\","
				  "\"error\":\"Client didn't provide a result.\"}");
	assert_heard("Ask[1];");
}

/* ---- breaches ---- */

static void check_breach(const char *bytes, size_t len, int err, const char *text, unsigned code)
{
	side_to_open(&plain);
	side_call("a");
	assert_int_equal(client_calls(client), 1);
	assert_server_gets_record(
		"{\"type\":1,\"invocationId\":\"1\",\"target\":\"a\",\"arguments\":[]}");
	server_send(bytes, len);
	assert_closed(err, text, false);
	char answered[256];
	snprintf(answered, sizeof(answered), "a:closed:%s:null;", text);
	assert_heard(answered);
	assert_server_gets_close(code);
	assert_server_sees_end();
	client_close(&client);
	closes = opens = 0;
}

#define BREACH(bytes, text, code) \
	check_breach((bytes), sizeof(bytes) - 1, ERR_BAD_REQUEST, (text), (code))

static void test_breaches(void **state)
{
	(void)state;
	BREACH("\x81\x84"
	       "abcd{}{}",
		"frame is masked", 1002);
	BREACH("\xc1\x01x", "reserved bit set", 1002);
	BREACH("\x83\x01x", "reserved opcode", 1002);
	BREACH("\x80\x01x", "continuation without a message", 1002);
	BREACH("\x09\x01x", "fragmented control frame", 1002);
	BREACH("\x81\x7f\x80\0\0\0\0\0\0\0", "length with the highest bit set", 1002);
	BREACH("\x88\x01x", "Close with half a code", 1002);
	BREACH("\x88\x02\x03\xed", "forbidden close code", 1002);
	BREACH("\x81\x01\xff", "text is not UTF-8", 1007);
	BREACH("\x82\x01x", "the server sent binary data", 1003);
	BREACH("\x81\x03{x" SEPARATOR, "Error reading JSON.", 1000);
	BREACH("\x81\x03{}" SEPARATOR, "Missing required property 'type'.", 1000);
	BREACH("\x81\x01" SEPARATOR, "Error reading JSON.", 1000);
	BREACH("\x81\x0b{\"type\":3}" SEPARATOR, "Missing required property 'invocationId'.", 1000);
}
#undef BREACH

/* ---- calls ---- */

static void test_out_of_order(void **state)
{
	(void)state;
	side_to_open(&plain);
	side_call("a");
	side_call("b");
	side_call("c");
	side_call("d");
	assert_int_equal(client_send(client, BYTES_LIT("tell"), &no_arguments), 0);
	assert_int_equal(client_calls(client), 4);
	assert_int_equal(heard.len, 0);
	assert_server_gets_record(
		"{\"type\":1,\"invocationId\":\"1\",\"target\":\"a\",\"arguments\":[]}");
	assert_server_gets_record(
		"{\"type\":1,\"invocationId\":\"2\",\"target\":\"b\",\"arguments\":[]}");
	assert_server_gets_record(
		"{\"type\":1,\"invocationId\":\"3\",\"target\":\"c\",\"arguments\":[]}");
	assert_server_gets_record(
		"{\"type\":1,\"invocationId\":\"4\",\"target\":\"d\",\"arguments\":[]}");
	assert_server_gets_record("{\"type\":1,\"target\":\"tell\",\"arguments\":[]}");
	server_record("{\"type\":3,\"invocationId\":\"4\",\"result\":{\"x\":[1,2]}}");
	server_record("{\"type\":3,\"invocationId\":\"2\"}");
	server_record("{\"type\":3,\"invocationId\":\"3\",\"result\":null}");
	server_record("{\"type\":3,\"invocationId\":\"4\",\"result\":\"again\"}");
	server_record("{\"type\":3,\"invocationId\":\"5\",\"result\":\"nobody's\"}");
	server_record("{\"type\":3,\"invocationId\":\"s1\",\"result\":\"no number\"}");
	server_record("{\"type\":3,\"invocationId\":\"1\",\"result\":false}");
	turns(5);
	assert_heard("d:ok::{\"x\":[1,2]};b:ok::null;c:ok::null;a:ok::false;");
	assert_int_equal(client_calls(client), 0);
	assert_int_equal(closes, 0);
}

#define THROWN "An unexpected error occurred invoking 'a' on the server."

static void check_error(const char *text, const char *code)
{
	char record[256], wanted[256];
	static unsigned id;
	if (client == NULL) {
		id = 0;
		side_to_open(&plain);
	}
	side_call("a");
	snprintf(record, sizeof(record), "{\"type\":3,\"invocationId\":\"%u\",\"error\":\"%s\"}",
		++id, text);
	server_record(record);
	turns(3);
	snprintf(wanted, sizeof(wanted), "a:%s:%s:null;", code, text);
	assert_heard(wanted);
}

static void test_errors(void **state)
{
	(void)state;
	check_error(THROWN " HubException: not_a_member: You are not.", "not_a_member");
	check_error(THROWN " HubException: rate_limited: Slowly.", "rate_limited");
	check_error(THROWN " HubException: what_is_this: Unknown.", "internal");
	check_error(THROWN " HubException: not_found", "internal");
	check_error(THROWN " HubException: : x", "internal");
	check_error(THROWN " HubException: ", "internal");
	check_error(THROWN, "internal");
	check_error("", "internal");
	check_error("Failed to invoke 'a' due to an error on the server. HubException: Method does "
		    "not exist.",
		"internal");
	check_error(
		"HubException: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		": x",
		"internal");
	const struct bytes text = BYTES_LIT(THROWN " HubException: bad_room: No.");
	const struct bytes code = client_error_code(text);
	assert_true(bytes_eq(code, BYTES_LIT("bad_room")));
	assert_true(code.ptr > text.ptr && code.ptr < text.ptr + text.len);
	assert_int_equal(client_error_code(BYTES_NONE).len, 0);
}

static void test_busy_calls(void **state)
{
	(void)state;
	side_to_open(&(struct client_options){.max_calls = 2});
	side_call("a");
	side_call("b");
	assert_int_equal(
		client_invoke(client, BYTES_LIT("c"), &no_arguments, side_done, NULL), ERR_BUSY);
	assert_int_equal(client_calls(client), 2);
	assert_int_equal(client_send(client, BYTES_LIT("tell"), &no_arguments), 0);
	server_record("{\"type\":3,\"invocationId\":\"1\",\"result\":1}");
	turns(3);
	side_call("d");
	server_record("{\"type\":3,\"invocationId\":\"3\",\"result\":3}");
	turns(3);
	assert_heard("a:ok::1;d:ok::3;");
}

static void test_busy_queue(void **state)
{
	(void)state;
	side_to_open(&(struct client_options){.max_queued = 120});
	/* 54, 39 and 39 bytes, and 6 of each frame; they wait until the turn is over. */
	side_call("a");
	assert_int_equal(client_send(client, BYTES_LIT("b"), &no_arguments), 0);
	assert_int_equal(client_send(client, BYTES_LIT("c"), &no_arguments), ERR_BUSY);
	assert_int_equal(
		client_invoke(client, BYTES_LIT("c"), &no_arguments, side_done, NULL), ERR_BUSY);
	assert_int_equal(client_calls(client), 1);
	turns(2);
	assert_int_equal(client_send(client, BYTES_LIT("c"), &no_arguments), 0);
	assert_server_gets_record(
		"{\"type\":1,\"invocationId\":\"1\",\"target\":\"a\",\"arguments\":[]}");
	assert_server_gets_record("{\"type\":1,\"target\":\"b\",\"arguments\":[]}");
	assert_server_gets_record("{\"type\":1,\"target\":\"c\",\"arguments\":[]}");
}

static void test_not_open(void **state)
{
	(void)state;
	side_to_handshake(&plain);
	assert_int_equal(
		client_invoke(client, BYTES_LIT("a"), &no_arguments, side_done, NULL), ERR_CLOSED);
	assert_int_equal(client_send(client, BYTES_LIT("a"), &no_arguments), ERR_CLOSED);
	server_hang_up(false);
	assert_closed(ERR_CLOSED, "the connection was lost", false);
	assert_int_equal(client_send(client, BYTES_LIT("a"), &no_arguments), ERR_CLOSED);
	assert_int_equal(client_calls(client), 0);
}

/* ---- pings ---- */

static void test_pings(void **state)
{
	uint64_t start;
	(void)state;
	side_to_open(&(struct client_options){.keepalive_us = 30000, .server_timeout_us = 800000});
	start = loop_now_us(loop);
	for (int i = 0; i < 8; i++) {
		assert_server_gets_record("{\"type\":6}");
		server_record("{\"type\":6}");
	}
	assert_true(loop_now_us(loop) - start >= 8 * 30000 - 30000);
	assert_int_equal(closes, 0);
	server_frame(0x89, "", 0);
	server_frame(0x8a, "unasked", 7);
	for (char first = 0; first != '\x8a';) {
		char got[64];
		first = (char)server_take(got, sizeof(got));
		assert_string_equal(got, first == '\x8a' ? "" : "{\"type\":6}" SEPARATOR);
	}
	start = loop_now_us(loop);
	side_call("a");
	assert_closed(ERR_TIMEOUT, "the server has fallen silent", false);
	assert_true(loop_now_us(loop) - start >= 790000);
	assert_heard("a:closed:the server has fallen silent:null;");
}

/* Half a record is life too. */
static void test_any_byte_is_life(void **state)
{
	(void)state;
	side_to_open(&(struct client_options){.server_timeout_us = 400000});
	server_say("\x81\x14");
	for (int i = 0; i < 6; i++) {
		usleep(100000);
		server_say(" ");
		turns(2);
	}
	assert_int_equal(closes, 0);
	assert_closed(ERR_TIMEOUT, "the server has fallen silent", false);
}

/* A server that wants answers but takes none does not make us hold them for ever. */
static void test_takes_no_answers(void **state)
{
	char pings[127 * 100];
	size_t len = 0;
	(void)state;
	stream_pool_set_sndbuf(pool, 4096);
	side_to_open(&(struct client_options){.max_queued = 1000});
	memset(pings, 'p', sizeof(pings));
	for (int i = 0; i < 100; i++) {
		char payload[125];
		memset(payload, 'p', sizeof(payload));
		len += frame_write(pings + len, 0x89, payload, sizeof(payload));
	}
	for (int i = 0; i < 2000 && closes == 0; i++) {
		ssize_t n = send(peer, pings, len, MSG_NOSIGNAL);
		assert_true(n == (ssize_t)len || n < 0);
		turns(1);
		assert_true(stream_pool_queued(pool) < 1000 + 65536 + 300);
	}
	assert_closed(ERR_CLOSED, "the server takes no answers", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_several_in_a_frame),
		CLIENT_TEST(test_split),
		CLIENT_TEST(test_long_record),
		CLIENT_TEST(test_client_results),
		CLIENT_TEST(test_breaches),
		CLIENT_TEST(test_out_of_order),
		CLIENT_TEST(test_errors),
		CLIENT_TEST(test_busy_calls),
		CLIENT_TEST(test_busy_queue),
		CLIENT_TEST(test_not_open),
		CLIENT_TEST(test_pings),
		CLIENT_TEST(test_any_byte_is_life),
		CLIENT_TEST(test_takes_no_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
