#include "chatd/auth/origin.h"

#include "lib/conf/conf.h"

/* "http://host:port" to "host:port". */
static struct bytes origin_host(struct bytes origin)
{
	static const char mark[] = "://";
	for (size_t i = 0; i + sizeof(mark) - 1 <= origin.len; i++) {
		if (memcmp(origin.ptr + i, mark, sizeof(mark) - 1) == 0) {
			size_t start = i + sizeof(mark) - 1;
			return bytes_of(origin.ptr + start, origin.len - start);
		}
	}
	return BYTES_NONE;
}

static struct bytes without_port(struct bytes host)
{
	if (host.len > 0 && host.ptr[0] == '[') {
		ptrdiff_t end = bytes_find_char(host, ']');
		return end < 0 ? host : bytes_of(host.ptr, (size_t)end + 1);
	}
	ptrdiff_t colon = bytes_find_char(host, ':');
	return colon < 0 ? host : bytes_of(host.ptr, (size_t)colon);
}

static bool is_loopback(struct bytes host)
{
	struct bytes name = without_port(host);
	return bytes_eq_nocase(name, BYTES_LIT("localhost")) ||
	       bytes_eq(name, BYTES_LIT("127.0.0.1")) || bytes_eq(name, BYTES_LIT("[::1]"));
}

bool origin_allowed(const struct conf *conf, struct bytes origin, struct bytes host)
{
	if (origin.len == 0) {
		return true;
	}
	struct bytes from = origin_host(origin);
	if (from.len > 0 && bytes_eq_nocase(from, host)) {
		return true;
	}
	if (conf->server.environment == CONF_DEVELOPMENT && is_loopback(from)) {
		return true;
	}
	for (size_t i = 0; i < conf->server.allowed_origins.count; i++) {
		const char *allowed = conf->server.allowed_origins.items[i];
		if (strcmp(allowed, "*") == 0 || bytes_eq_nocase(bytes_str(allowed), origin)) {
			return true;
		}
	}
	return false;
}
