#include "lib/conf/key_url.h"

#include <arpa/inet.h>
#include <stdbool.h>

#include "lib/base/bytes.h"

static bool is_plain(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c <= ' ' || c >= 0x7f || c == '\\' || c == '#') {
			return false;
		}
	}
	return true;
}

/* What stands before the path; a user name may not. */
static struct bytes authority_of(struct bytes rest)
{
	size_t len = 0;
	while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?') {
		len++;
	}
	struct bytes authority = bytes_of(rest.ptr, len);
	return bytes_find_char(authority, '@') < 0 ? authority : BYTES_NONE;
}

/* Cuts a port off. false: there is one that is none, or no host. */
static bool split_port(struct bytes *host)
{
	size_t at = host->len;
	unsigned long long port = 1;
	while (at > 0 && host->ptr[at - 1] != ':' && host->ptr[at - 1] != ']') {
		at--;
	}
	if (at > 0 && host->ptr[at - 1] == ':') {
		struct bytes digits = bytes_of(host->ptr + at, host->len - at);
		if (bytes_to_u64(digits, &port) != 0 || port == 0 || port > 65535) {
			return false;
		}
		host->len = at - 1;
	}
	return host->len > 0;
}

static bool is_host(struct bytes host)
{
	bool bracketed = host.ptr[0] == '[';
	if (bracketed != (host.ptr[host.len - 1] == ']') || (bracketed && host.len < 4)) {
		return false;
	}
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];
		bool outer = i == 0 || i == host.len - 1;
		if ((c == ':' && !bracketed) || ((c == '[' || c == ']') && !outer)) {
			return false;
		}
	}
	return true;
}

static bool is_loopback(struct bytes host)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr address;
	if (bytes_eq_nocase(host, BYTES_LIT("localhost")) || bytes_eq(host, BYTES_LIT("[::1]"))) {
		return true;
	}
	if (host.len >= sizeof(text)) {
		return false;
	}
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

const char *key_url_check(const char *text)
{
	static const char allowed[] =
		"an address such as https://id.example.org/keys without user name and '#'; http "
		"only to a loopback address";
	struct bytes url = bytes_str(text);
	bool secure = bytes_starts_nocase(url, BYTES_LIT("https://"));
	if (!is_plain(url) || (!secure && !bytes_starts_nocase(url, BYTES_LIT("http://")))) {
		return allowed;
	}
	size_t scheme = secure ? 8 : 7;
	struct bytes host = authority_of(bytes_of(text + scheme, url.len - scheme));
	if (!split_port(&host) || !is_host(host)) {
		return allowed;
	}
	return secure || is_loopback(host) ? NULL : allowed;
}
