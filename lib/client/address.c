#include "lib/client/address.h"

#include <stdlib.h>

#include "lib/base/err.h"

#define DEFAULT_PATH BYTES_LIT("/chathub")

static struct bytes bytes_behind(struct bytes b, size_t n)
{
	return bytes_of(b.ptr + n, b.len - n);
}

/* Printable ASCII without blanks: what may stand in a request line and a Host header. */
static bool is_plain(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++) {
		if (b.ptr[i] <= ' ' || b.ptr[i] > '~') {
			return false;
		}
	}
	return true;
}

static bool has_port(struct bytes authority)
{
	ptrdiff_t bracket = bytes_find_char(authority, ']');
	struct bytes tail = bracket >= 0 ? bytes_behind(authority, (size_t)bracket + 1) : authority;
	return bytes_find_char(tail, ':') >= 0;
}

/* Host and port are checked for their form by who connects. */
static int authority_init(struct client_address *address, struct bytes authority)
{
	struct buf peer = {0};
	if (authority.len == 0 || !is_plain(authority) || bytes_find_char(authority, '@') >= 0) {
		return ERR_USAGE;
	}
	buf_append_bytes(&peer, authority);
	if (!has_port(authority)) {
		buf_append_str(&peer, ":80");
	}
	buf_append_char(&peer, '\0');
	address->peer = peer.data;
	address->host = mem_dup_bytes(authority);
	return 0;
}

static int target_init(struct client_address *address, struct bytes target)
{
	struct bytes query = bytes_split(&(struct bytes){target.ptr, target.len}, '#');
	struct bytes path = bytes_split(&query, '?');
	if (path.len == 0 || bytes_eq(path, BYTES_LIT("/"))) {
		path = DEFAULT_PATH;
	}
	if (path.ptr[0] != '/' || !is_plain(path) || !is_plain(query)) {
		return ERR_USAGE;
	}
	address->path = mem_dup_bytes(path);
	address->query = mem_dup_bytes(query);
	return 0;
}

static int http_init(struct client_address *address, struct bytes rest)
{
	size_t end = 0;
	while (end < rest.len && strchr("/?#", rest.ptr[end]) == NULL) {
		end++;
	}
	int err = authority_init(address, bytes_of(rest.ptr, end));
	return err != 0 ? err : target_init(address, bytes_behind(rest, end));
}

static int unix_init(struct client_address *address, struct bytes url, struct bytes path)
{
	if (bytes_find_char(url, '\0') >= 0) {
		return ERR_USAGE;
	}
	address->peer = mem_dup_bytes(url);
	address->host = mem_strdup("localhost");
	return target_init(address, path);
}

int client_address_init(struct client_address *address, struct bytes url, struct bytes unix_path)
{
	const struct bytes http = BYTES_LIT("http://");
	int err = ERR_USAGE;
	*address = (struct client_address){0};
	if (bytes_starts_nocase(url, http)) {
		err = http_init(address, bytes_behind(url, http.len));
	} else if (bytes_starts(url, BYTES_LIT("unix:"))) {
		err = unix_init(address, url, unix_path);
	} else if (bytes_starts_nocase(url, BYTES_LIT("https://"))) {
		err = ERR_NOT_SUPPORTED;
	}
	if (err != 0) {
		client_address_finish(address);
	}
	return err;
}

void client_address_finish(struct client_address *address)
{
	free(address->peer);
	free(address->host);
	free(address->path);
	free(address->query);
	*address = (struct client_address){0};
}
