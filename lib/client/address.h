/* Where a hub is: its url taken apart. */
#ifndef LIB_CLIENT_ADDRESS_H
#define LIB_CLIENT_ADDRESS_H

#include "lib/base/bytes.h"

struct client_address {
	char *peer; /* for stream_connect_start(): "host:port", "[v6]:port" or "unix:PATH" */
	char *host; /* of the Host header */
	char *path; /* as it stands in a request line, starts with '/' */
	char *query; /* without '?', may be empty */
};

/* "http://host[:port][/path][?query]", a fragment is dropped, path "/" or none is "/chathub"; or
 * "unix:PATH" with the hub's path in unix_path (empty: "/chathub"). ERR_NOT_SUPPORTED: https;
 * ERR_USAGE: any other form, or characters that no request line can hold. On success
 * client_address_finish() is owed. */
int client_address_init(struct client_address *address, struct bytes url, struct bytes unix_path);
void client_address_finish(struct client_address *address);

#endif
