#include "tests/bench/bench_messages.h"

#include <stdlib.h>

#include "tests/bench/bench_proc.h"

#define TYPE_INVOCATION 1
#define TYPE_COMPLETION 3
#define TYPE_PING 6
#define TYPE_CLOSE 7
#define KIND_ERROR 1
#define NIL ((char)0xc0)
#define NO_HEADERS ((char)0x80)
#define ARRAY(n) ((char)(0x90 | (n)))
#define FIXTEXT_MAX 31
#define SMALL_MAX 127
#define JSON_PING BYTES_LIT("{\"type\":6}\x1e")
#define MESSAGEPACK_PING BYTES_LIT("\x02\x91\x06")

/* ---- writing MessagePack ---- */

static void pack_text(struct buf *out, struct bytes text)
{
	if (text.len <= FIXTEXT_MAX) {
		buf_append_char(out, (char)(0xa0 | text.len));
	} else {
		const char head[] = {(char)0xda, (char)(text.len >> 8), (char)text.len};
		buf_append(out, head, sizeof(head));
	}
	buf_append_bytes(out, text);
}

static void pack_number(struct buf *out, uint64_t number)
{
	char head[9] = {(char)0xcf};

	if (number <= SMALL_MAX) {
		buf_append_char(out, (char)number);
		return;
	}
	for (size_t i = 0; i < 8; i++) {
		head[1 + i] = (char)(number >> (56 - 8 * i));
	}
	buf_append(out, head, sizeof(head));
}

/* The length of the record in seven bits a byte, the lowest first, and the record. */
static void pack_frame(struct buf *out, const struct buf *record)
{
	size_t left = record->len;

	for (; left > SMALL_MAX; left >>= 7) {
		buf_append_char(out, (char)(0x80 | (left & SMALL_MAX)));
	}
	buf_append_char(out, (char)left);
	buf_append_bytes(out, buf_bytes(record));
}

static void pack_start(struct buf *record, int members, int type)
{
	const char start[] = {ARRAY(members), (char)type, NO_HEADERS};

	buf_append(record, start, sizeof(start));
}

/* ---- writing ---- */

static void write_call_json(struct bytes invocation, const char *target,
	const struct bench_argument *arguments, size_t count, struct buf *out)
{
	buf_printf(out, "{\"type\":1,\"invocationId\":\"%.*s\",\"target\":\"%s\",\"arguments\":[",
		BYTES_ARG(invocation), target);
	for (size_t i = 0; i < count; i++) {
		buf_append_str(out, i > 0 ? "," : "");
		if (arguments[i].text != NULL) {
			buf_printf(out, "\"%s\"", arguments[i].text);
		} else {
			buf_printf(out, "%llu", (unsigned long long)arguments[i].number);
		}
	}
	buf_append_str(out, "]}\x1e");
}

static void write_call_messagepack(struct bytes invocation, const char *target,
	const struct bench_argument *arguments, size_t count, struct buf *out)
{
	struct buf record = {0};

	pack_start(&record, 6, TYPE_INVOCATION);
	pack_text(&record, invocation);
	pack_text(&record, bytes_str(target));
	buf_append_char(&record, ARRAY(count));
	for (size_t i = 0; i < count; i++) {
		if (arguments[i].text != NULL) {
			pack_text(&record, bytes_str(arguments[i].text));
		} else {
			pack_number(&record, arguments[i].number);
		}
	}
	buf_append_char(&record, ARRAY(0));
	pack_frame(out, &record);
	buf_finish(&record);
}

void bench_write_call(enum bench_encoding encoding, struct bytes invocation, const char *target,
	const struct bench_argument *arguments, size_t count, struct buf *out)
{
	if (encoding == BENCH_JSON) {
		write_call_json(invocation, target, arguments, count, out);
	} else {
		write_call_messagepack(invocation, target, arguments, count, out);
	}
}

void bench_write_completion(enum bench_encoding encoding, struct bytes invocation, struct buf *out)
{
	static const char null_result[] = {3, NIL};
	struct buf record = {0};

	if (encoding == BENCH_JSON) {
		buf_printf(out, "{\"type\":3,\"invocationId\":\"%.*s\",\"result\":null}\x1e",
			BYTES_ARG(invocation));
		return;
	}
	pack_start(&record, 5, TYPE_COMPLETION);
	pack_text(&record, invocation);
	buf_append(&record, null_result, sizeof(null_result));
	pack_frame(out, &record);
	buf_finish(&record);
}

static void fill(struct buf *out, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_append_char(out, 'x');
	}
}

static void write_message_json(size_t bytes, struct buf *out)
{
	static const char before[] = "{\"type\":1,\"target\":\"ReceiveMessage\",\"arguments\":[\"";
	static const char after[] = "\"]}\x1e";

	buf_append_str(out, before);
	fill(out, bytes - (sizeof(before) + sizeof(after) - 2));
	buf_append_str(out, after);
}

static void write_message_messagepack(size_t bytes, struct buf *out)
{
	size_t length = bytes > SMALL_MAX + 1 ? 2 : 1;
	struct buf record = {0}, text = {0};

	pack_start(&record, 6, TYPE_INVOCATION);
	buf_append_char(&record, NIL);
	pack_text(&record, BYTES_LIT("ReceiveMessage"));
	buf_append_char(&record, ARRAY(1));
	fill(&text, bytes - length - record.len - 3 - 1);
	pack_text(&record, buf_bytes(&text));
	buf_append_char(&record, ARRAY(0));
	pack_frame(out, &record);
	buf_finish(&text);
	buf_finish(&record);
}

void bench_write_message(enum bench_encoding encoding, size_t bytes, struct buf *out)
{
	if (encoding == BENCH_JSON) {
		write_message_json(bytes, out);
	} else {
		write_message_messagepack(bytes, out);
	}
}

void bench_write_ping(enum bench_encoding encoding, struct buf *out)
{
	buf_append_bytes(out, encoding == BENCH_JSON ? JSON_PING : MESSAGEPACK_PING);
}

struct bytes bench_handshake(enum bench_encoding encoding)
{
	return encoding == BENCH_JSON
		       ? BYTES_LIT("{\"protocol\":\"json\",\"version\":1}\x1e")
		       : BYTES_LIT("{\"protocol\":\"messagepack\",\"version\":1}\x1e");
}

/* ---- reading MessagePack ---- */

static void skip(struct bytes *in, size_t count)
{
	if (in->len < count) {
		bench_fail("a record that ends too soon");
	}
	*in = bytes_of(in->ptr + count, in->len - count);
}

static uint8_t take_byte(struct bytes *in)
{
	uint8_t byte = in->len > 0 ? (uint8_t)in->ptr[0] : 0;

	skip(in, 1);
	return byte;
}

/* A text, or nil as an empty one. */
static struct bytes take_text(struct bytes *in)
{
	uint8_t first = take_byte(in);
	size_t len = 0;

	if (first >= 0xa0 && first <= 0xbf) {
		len = first & 0x1f;
	} else if (first == 0xd9) {
		len = take_byte(in);
	} else if (first == 0xda) {
		len = (size_t)take_byte(in) << 8;
		len |= take_byte(in);
	} else if (first != (uint8_t)NIL) {
		bench_fail("0x%02x where a text was awaited", first);
	}
	struct bytes text = bytes_of(in->ptr, len);
	skip(in, len);
	return text;
}

/* The content of a record of which all is there. */
static struct bytes take_frame(struct bytes *in)
{
	size_t len = 0, shift = 0;
	uint8_t byte;

	do {
		byte = take_byte(in);
		len |= (size_t)(byte & SMALL_MAX) << shift;
		shift += 7;
	} while (byte > SMALL_MAX && shift < 35);
	struct bytes frame = bytes_of(in->ptr, len);
	skip(in, len);
	return frame;
}

/* ---- reading ---- */

/* The text between what precedes it and the next quotation mark; empty where it is not there. */
static struct bytes text_after(struct bytes in, const char *before)
{
	const char *at = memmem(in.ptr, in.len, before, strlen(before));

	if (at == NULL) {
		return BYTES_NONE;
	}
	at += strlen(before);
	struct bytes rest = bytes_of(at, (size_t)(in.ptr + in.len - at));
	return bytes_split(&rest, '"');
}

void bench_read_call(enum bench_encoding encoding, struct bytes record, struct bench_call *ret_call)
{
	struct bytes target;

	if (encoding == BENCH_JSON) {
		ret_call->invocation = text_after(record, "\"invocationId\":\"");
		target = text_after(record, "\"target\":\"");
		ret_call->room = text_after(record, "\"arguments\":[\"");
	} else {
		struct bytes frame = take_frame(&record);
		skip(&frame, 3);
		ret_call->invocation = take_text(&frame);
		target = take_text(&frame);
		skip(&frame, 1);
		ret_call->room = take_text(&frame);
	}
	ret_call->joins = bytes_eq(target, BYTES_LIT("JoinRoom"));
	ret_call->sends = bytes_eq(target, BYTES_LIT("SendMessage"));
}

static uint64_t count_text(struct bytes in, const char *text, size_t text_len)
{
	const char *at = in.ptr, *end = in.ptr + in.len;
	uint64_t count = 0;

	while ((at = memmem(at, (size_t)(end - at), text, text_len)) != NULL) {
		count++;
		at += text_len;
	}
	return count;
}

static void look_json(struct bytes payload, uint64_t *ret_messages, uint64_t *ret_completions,
	uint64_t *ret_pings)
{
	if (bytes_eq(payload, JSON_PING)) {
		*ret_pings = 1;
		return;
	}
	*ret_messages = count_text(payload, "\"ReceiveMessage\"", 16);
	*ret_completions = count_text(payload, "\"type\":3,", 9);
	if ((*ret_completions > 0 && memmem(payload.ptr, payload.len, "\"error\"", 7) != NULL) ||
		bytes_starts(payload, BYTES_LIT("{\"type\":7"))) {
		bench_fail("the server says: %.*s", BYTES_ARG(payload));
	}
}

static void look_messagepack(struct bytes payload, uint64_t *ret_messages,
	uint64_t *ret_completions, uint64_t *ret_pings)
{
	while (payload.len > 0) {
		struct bytes frame = take_frame(&payload), left = frame;
		skip(&left, 1);
		uint8_t type = take_byte(&left);
		if (type == TYPE_PING) {
			++*ret_pings;
			continue;
		}
		if (type == TYPE_CLOSE) {
			bench_fail("the server closes: %.*s", BYTES_ARG(left));
		}
		skip(&left, 1);
		take_text(&left);
		if (type == TYPE_COMPLETION) {
			++*ret_completions;
			if (take_byte(&left) == KIND_ERROR) {
				bench_fail("the server says: %.*s", BYTES_ARG(left));
			}
		} else if (type == TYPE_INVOCATION) {
			*ret_messages += bytes_eq(take_text(&left), BYTES_LIT("ReceiveMessage"));
		}
	}
}

void bench_look_handshake(struct bytes *payload, struct bench_seen *seen)
{
	struct bytes answer = *payload;
	struct bytes first = bytes_split(&answer, '\x1e');

	if (!bytes_eq(first, BYTES_LIT("{}"))) {
		bench_fail("the handshake is refused: %.*s", BYTES_ARG(*payload));
	}
	seen->handshakes++;
	*payload = answer;
}

void bench_look(enum bench_encoding encoding, struct bytes payload, struct bench_seen *seen)
{
	uint64_t messages = 0, completions = 0, pings = 0;

	if (encoding == BENCH_JSON) {
		look_json(payload, &messages, &completions, &pings);
	} else {
		look_messagepack(payload, &messages, &completions, &pings);
	}
	if (messages == 1 && completions == 0) {
		seen->sized++;
		seen->sized_bytes += payload.len;
	}
	if (messages == 0 && completions > 0) {
		seen->completion_bytes += payload.len;
	}
	seen->messages += messages;
	seen->completions += completions;
	seen->pings += pings;
}
