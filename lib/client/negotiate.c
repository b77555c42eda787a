#include "lib/client/negotiate.h"

#include "lib/base/err.h"
#include "lib/value/json.h"
#include "lib/wire/target.h"
#include "lib/wire/ws.h"

#define NO_SIGNALR BYTES_LIT("what answers there is no SignalR server")

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

/* ---- requests ---- */

static void write_head(struct buf *out, const char *method, const struct buf *target,
	const struct client_address *address, struct bytes token)
{
	http1_write_request_line(out, method, buf_bytes(target));
	http1_write_header(out, "Host", bytes_str(address->host));
	if (token.len > 0) {
		struct buf value = {0};
		buf_append_str(&value, "Bearer ");
		buf_append_bytes(&value, token);
		http1_write_header(out, "Authorization", buf_bytes(&value));
		mem_wipe(value.data, value.len);
		buf_finish(&value);
	}
}

static void append_pair(struct buf *target, const char *name, struct bytes value)
{
	buf_append_char(target, memchr(target->data, '?', target->len) != NULL ? '&' : '?');
	buf_append_str(target, name);
	buf_append_char(target, '=');
	target_encode(target, value);
}

static void append_query(struct buf *target, const struct client_address *address)
{
	if (address->query[0] != '\0') {
		buf_append_char(target, '?');
		buf_append_str(target, address->query);
	}
}

void negotiate_write(struct buf *out, const struct client_address *address, struct bytes token)
{
	struct buf target = {0};
	struct bytes path = bytes_str(address->path);
	/* One trailing slash counts as the one before "negotiate". */
	buf_append_bytes(&target, path);
	buf_append_str(&target, path.ptr[path.len - 1] == '/' ? "negotiate" : "/negotiate");
	append_query(&target, address);
	append_pair(&target, "negotiateVersion", BYTES_LIT("1"));
	write_head(out, "POST", &target, address, token);
	http1_write_header(out, "Connection", BYTES_LIT("close"));
	http1_write_header_u64(out, "Content-Length", 0);
	http1_write_end(out);
	buf_finish(&target);
}

void upgrade_write(struct buf *out, const struct client_address *address, struct bytes token,
	struct bytes id, const char *key)
{
	struct buf target = {0};
	buf_append_str(&target, address->path);
	append_query(&target, address);
	if (id.len > 0) {
		append_pair(&target, "id", id);
	}
	write_head(out, "GET", &target, address, token);
	http1_write_header(out, "Connection", BYTES_LIT("Upgrade"));
	http1_write_header(out, "Upgrade", BYTES_LIT("websocket"));
	http1_write_header(out, "Sec-WebSocket-Version", BYTES_LIT("13"));
	http1_write_header(out, "Sec-WebSocket-Key", bytes_str(key));
	http1_write_end(out);
	mem_wipe(target.data, target.len);
	buf_finish(&target);
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

static bool offers_websockets(const struct value *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct value *offer = &list->items[i];
		if (bytes_eq_nocase(text_of(offer, "transport"), BYTES_LIT("WebSockets")) &&
			array_has_text(value_get(offer, "transferFormats"), BYTES_LIT("Text"))) {
			return true;
		}
	}
	return false;
}

static int fail(struct bytes *ret_text, int err, struct bytes text)
{
	*ret_text = text;
	return err;
}

int negotiate_read(
	struct arena *arena, struct bytes body, struct bytes *ret_id, struct bytes *ret_text)
{
	struct value root;
	if (json_read(arena, body, &root, NULL) != 0 || root.kind != VALUE_OBJECT) {
		return fail(ret_text, ERR_UNREACHABLE, NO_SIGNALR);
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
		return fail(ret_text, ERR_UNREACHABLE, NO_SIGNALR);
	}
	if (!offers_websockets(transports)) {
		return fail(ret_text, ERR_NOT_SUPPORTED,
			BYTES_LIT("the server offers no WebSockets with text"));
	}
	const struct value *version = value_get(&root, "negotiateVersion");
	bool has_token = version != NULL && version->kind == VALUE_INT && version->integer >= 1;
	struct bytes id = text_of(&root, has_token ? "connectionToken" : "connectionId");
	if (id.len == 0) {
		return fail(ret_text, ERR_UNREACHABLE, BYTES_LIT("the server names no connection"));
	}
	*ret_id = id;
	return 0;
}

bool upgrade_accepted(const struct http1_response *response, const char *key)
{
	char accept[WS_ACCEPT_SIZE];
	const struct http1_headers *headers = &response->headers;
	const struct bytes *answer = http1_header(headers, "Sec-WebSocket-Accept");
	ws_accept_key(bytes_str(key), accept);
	/* We asked for no extension and no subprotocol, so none may be there. */
	return response->status == 101 && answer != NULL && bytes_eq(*answer, bytes_str(accept)) &&
	       http1_header_count(headers, "Sec-WebSocket-Accept") == 1 &&
	       http1_header(headers, "Sec-WebSocket-Extensions") == NULL &&
	       http1_header(headers, "Sec-WebSocket-Protocol") == NULL &&
	       http1_header_has_token(headers, "Upgrade", "websocket") &&
	       http1_header_has_token(headers, "Connection", "Upgrade");
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
