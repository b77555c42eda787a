#include "tests/bench/bench_target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/base/ident.h"
#include "lib/base/digest.h"
#include "tests/bench/bench_proc.h"

#define TOKEN_LIFE_S 3600

static bool find(const char *const *names, size_t count, const char *name, size_t *ret_place)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_place = i;
			return true;
		}
	}
	return false;
}

bool bench_transport_find(const char *name, enum bench_transport *ret_transport)
{
	static const char *const names[] = {
		[BENCH_WEBSOCKETS] = "websockets",
		[BENCH_EVENTS] = "sse",
		[BENCH_POLLS] = "longpolling",
	};
	size_t place;

	if (!find(names, sizeof(names) / sizeof(names[0]), name, &place)) {
		return false;
	}
	*ret_transport = (enum bench_transport)place;
	return true;
}

bool bench_encoding_find(const char *name, enum bench_encoding *ret_encoding)
{
	static const char *const names[] = {
		[BENCH_JSON] = "json",
		[BENCH_MESSAGEPACK] = "messagepack",
	};
	size_t place;

	if (!find(names, sizeof(names) / sizeof(names[0]), name, &place)) {
		return false;
	}
	*ret_encoding = (enum bench_encoding)place;
	return true;
}

void bench_room_name(const struct bench_target *target, size_t room, char out[BENCH_ROOM_SIZE])
{
	snprintf(out, BENCH_ROOM_SIZE, "%s-room-%zu", target->name, room);
}

void bench_token(const struct bench_target *target, size_t user, uint64_t number, struct buf *out)
{
	static const struct bytes header = {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", 27};
	char claims[256], encoded[400];
	uint8_t signature[32];

	int len = snprintf(claims, sizeof(claims),
		"{\"sub\":\"%s-%zu\",\"exp\":%lld,\"jti\":\"%llu\"}", target->name, user,
		(long long)time(NULL) + TOKEN_LIFE_S, (unsigned long long)number);
	size_t start = out->len;
	buf_append(out, encoded, base64url_encode(header, encoded));
	buf_append_char(out, '.');
	buf_append(out, encoded, base64url_encode(bytes_of(claims, (size_t)len), encoded));
	digest_hmac_sha256(bytes_str(target->secret), bytes_of(out->data + start, out->len - start),
		signature);
	buf_append_char(out, '.');
	buf_append(out, encoded, base64url_encode(bytes_of(signature, sizeof(signature)), encoded));
}

int bench_connect(const struct bench_target *target)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(target->port)};
	struct timeval timeout = {.tv_sec = BENCH_TIMEOUT_S};
	int one = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0) {
		bench_fail("connection to port %u: %s", target->port, strerror(errno));
	}
	return fd;
}
