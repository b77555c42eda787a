#include "lib/client/negotiate.h"

#include <stdio.h>

#include "lib/base/err.h"
#include "lib/value/json.h"
#include "lib/wire/http1.h"

bool negotiate_token_valid(struct bytes token)
{
	for (size_t i = 0; i < token.len; i++) {
		char c = token.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool digit = c >= '0' && c <= '9';
		if (c == '\0' || (!letter && !digit && strchr("-._~+/=", c) == NULL)) {
			return false;
		}
	}
	return token.len > 0;
}

/* ---- answers ---- */

static struct bytes text_of(const struct value *object, const char *name)
{
	const struct value *member = value_get(object, name);
	return member != NULL && member->kind == VALUE_TEXT ? member->text : BYTES_NONE;
}

static bool array_has_text(const struct value *array, struct bytes text)
{
	for (uint32_t i = 0; array != NULL && array->kind == VALUE_ARRAY && i < array->count; i++) {
		if (array->items[i].kind == VALUE_TEXT &&
			bytes_eq_nocase(array->items[i].text, text)) {
			return true;
		}
	}
	return false;
}

static enum client_transport transport_of(struct bytes name)
{
	static const struct {
		const char *name;
		enum client_transport transport;
	} rows[] = {
		{"WebSockets", CLIENT_TRANSPORT_WEBSOCKETS},
		{"ServerSentEvents", CLIENT_TRANSPORT_SSE},
		{"LongPolling", CLIENT_TRANSPORT_LONGPOLLING},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (bytes_eq_nocase(name, bytes_str(rows[i].name))) {
			return rows[i].transport;
		}
	}
	return CLIENT_TRANSPORT_COUNT;
}

/* Names that we do not know are none of our business. */
static void read_offers(const struct value *list, struct negotiation *negotiation)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct value *offer = &list->items[i];
		const struct value *formats = value_get(offer, "transferFormats");
		enum client_transport transport = transport_of(text_of(offer, "transport"));
		if (transport == CLIENT_TRANSPORT_COUNT) {
			continue;
		}
		if (array_has_text(formats, BYTES_LIT("Text"))) {
			negotiation->formats[transport] |= NEGOTIATE_TEXT;
		}
		if (array_has_text(formats, BYTES_LIT("Binary"))) {
			negotiation->formats[transport] |= NEGOTIATE_BINARY;
		}
	}
}

static int fail(struct bytes *ret_text, int err, struct bytes text)
{
	*ret_text = text;
	return err;
}

int negotiate_read(struct arena *arena, struct bytes body, struct negotiation *ret_negotiation,
	struct bytes *ret_text)
{
	struct value root;
	if (json_read(arena, body, &root, NULL) != 0 || root.kind != VALUE_OBJECT) {
		return fail(ret_text, ERR_UNREACHABLE, BYTES_LIT(NEGOTIATE_NO_SIGNALR));
	}
	struct bytes error = text_of(&root, "error");
	if (error.len > 0) {
		return fail(ret_text, ERR_UNAVAILABLE, error);
	}
	if (text_of(&root, "url").len > 0) {
		return fail(ret_text, ERR_NOT_SUPPORTED,
			BYTES_LIT("the server redirects to another one"));
	}
	const struct value *transports = value_get(&root, "availableTransports");
	if (transports == NULL || transports->kind != VALUE_ARRAY) {
		return fail(ret_text, ERR_UNREACHABLE, BYTES_LIT(NEGOTIATE_NO_SIGNALR));
	}
	const struct value *version = value_get(&root, "negotiateVersion");
	bool has_token = version != NULL && version->kind == VALUE_INT && version->integer >= 1;
	struct bytes id = text_of(&root, has_token ? "connectionToken" : "connectionId");
	if (id.len == 0) {
		return fail(ret_text, ERR_UNREACHABLE, BYTES_LIT("the server names no connection"));
	}
	*ret_negotiation = (struct negotiation){.id = id};
	read_offers(transports, ret_negotiation);
	return 0;
}

int negotiate_status_err(int status)
{
	switch (status) {
	case 401:
		return ERR_UNAUTHORIZED;
	case 403:
		return ERR_FORBIDDEN;
	case 404:
		return ERR_NOT_FOUND;
	case 429:
		return ERR_RATE_LIMITED;
	default:
		break;
	}
	if (status >= 300 && status < 400) {
		return ERR_NOT_SUPPORTED; /* a redirect */
	}
	return status >= 500 ? ERR_UNAVAILABLE : ERR_UNREACHABLE;
}

int negotiate_running_err(int status)
{
	return status == 404 ? ERR_CLOSED : negotiate_status_err(status);
}

void negotiate_status_text(int status, char out[NEGOTIATE_STATUS_SIZE])
{
	snprintf(out, NEGOTIATE_STATUS_SIZE, "the server answered %d %s", status,
		http1_status_text(status));
}
