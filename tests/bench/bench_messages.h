/* Hub messages of the benchmark in both encodings: those that its clients and its floor write, and
 * just as much reading as counting takes (HubProtocol.md of ASP.NET Core). */
#ifndef TESTS_BENCH_BENCH_MESSAGES_H
#define TESTS_BENCH_BENCH_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "tests/bench/bench_target.h"

/* What came in one or more reads. */
struct bench_seen {
	uint64_t reads; /* that something came with */
	uint64_t messages; /* ReceiveMessage */
	uint64_t sized; /* those of them that came alone */
	uint64_t sized_bytes; /* of these, with record separator or length */
	uint64_t completions;
	uint64_t completion_bytes; /* of payloads with nothing but completions */
	uint64_t handshakes; /* that succeeded */
	uint64_t pings;
};

struct bench_argument {
	const char *text; /* without what would need an escape; NULL: it is the number */
	uint64_t number;
};

/* What a client asks for. Views of the record. */
struct bench_call {
	struct bytes invocation;
	bool joins, sends; /* JoinRoom, SendMessage */
	struct bytes room;
};

/* These append one whole record. invocation: at most 31 bytes. */
void bench_write_call(enum bench_encoding encoding, struct bytes invocation, const char *target,
	const struct bench_argument *arguments, size_t count, struct buf *out);
/* The result is null. */
void bench_write_completion(enum bench_encoding encoding, struct bytes invocation, struct buf *out);
/* ReceiveMessage with a text, so long that the record has that many bytes: 80 to 4096, and at most
 * one less where the length of a length is in the way. */
void bench_write_message(enum bench_encoding encoding, size_t bytes, struct buf *out);
void bench_write_ping(enum bench_encoding encoding, struct buf *out);

/* What a client says first. */
struct bytes bench_handshake(enum bench_encoding encoding);

/* A call as bench_write_call() writes it. */
void bench_read_call(
	enum bench_encoding encoding, struct bytes record, struct bench_call *ret_call);

/* Takes the answer to the handshake off the front of the payload. Ends the program if it is a
 * refusal. */
void bench_look_handshake(struct bytes *payload, struct bench_seen *seen);
/* Adds what is in a payload of whole records to *seen. Ends the program if the server reports an
 * error or closes. */
void bench_look(enum bench_encoding encoding, struct bytes payload, struct bench_seen *seen);

#endif
