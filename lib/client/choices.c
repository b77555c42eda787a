/* What a client can be asked for, by name. */
#include "lib/client/client.h"

#include "lib/base/err.h"

static const char *const transports[CLIENT_TRANSPORT_COUNT] = {
	[CLIENT_TRANSPORT_AUTO] = "auto",
	[CLIENT_TRANSPORT_WEBSOCKETS] = "websockets",
	[CLIENT_TRANSPORT_SSE] = "sse",
	[CLIENT_TRANSPORT_LONGPOLLING] = "longpolling",
};

static const char *const encodings[CLIENT_ENCODING_COUNT] = {
	[CLIENT_ENCODING_JSON] = "json",
	[CLIENT_ENCODING_MESSAGEPACK] = "messagepack",
};

const char *client_transport_name(enum client_transport transport)
{
	return transports[transport];
}

const char *client_encoding_name(enum client_encoding encoding)
{
	return encodings[encoding];
}

/* The place of name among count ones, or count. */
static unsigned find(const char *const *names, unsigned count, struct bytes name)
{
	unsigned i = 0;
	while (i < count && !bytes_eq_nocase(name, bytes_str(names[i]))) {
		i++;
	}
	return i;
}

int client_transport_find(struct bytes name, enum client_transport *ret_transport)
{
	unsigned at = find(transports, CLIENT_TRANSPORT_COUNT, name);
	if (at == CLIENT_TRANSPORT_COUNT) {
		return ERR_NOT_FOUND;
	}
	*ret_transport = (enum client_transport)at;
	return 0;
}

int client_encoding_find(struct bytes name, enum client_encoding *ret_encoding)
{
	unsigned at = find(encodings, CLIENT_ENCODING_COUNT, name);
	if (at == CLIENT_ENCODING_COUNT) {
		return ERR_NOT_FOUND;
	}
	*ret_encoding = (enum client_encoding)at;
	return 0;
}

const char *client_options_fault(const struct client_options *options)
{
	if (options->transport == CLIENT_TRANSPORT_SSE &&
		options->encoding == CLIENT_ENCODING_MESSAGEPACK) {
		return "server-sent events carry text only, so that MessagePack goes over "
		       "websockets or longpolling";
	}
	if (options->skip_negotiation && options->transport != CLIENT_TRANSPORT_AUTO &&
		options->transport != CLIENT_TRANSPORT_WEBSOCKETS) {
		return "without negotiation there are only websockets";
	}
	return NULL;
}
