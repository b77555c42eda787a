#include "lib/hubproto/handshake.h"

#include "lib/base/err.h"
#include "lib/hubproto/json_record.h"
#include "lib/value/json.h"

/* ---- requests, as the server reads them: HandshakeProtocol.cs of ASP.NET Core ---- */

/* What a request says. */
struct request {
	struct bytes protocol;
	bool has_protocol;
	int64_t version;
	bool has_version;
};

static int read_protocol(
	const struct value *value, struct request *request, const char **ret_detail)
{
	if (value->kind != VALUE_TEXT || value->bad_text) {
		*ret_detail = "InvalidDataException: Expected 'protocol' to be of type String.";
		return ERR_BAD_REQUEST;
	}
	request->protocol = value->text;
	request->has_protocol = true;
	return 0;
}

static int read_version(const struct value *value, struct request *request, const char **ret_detail)
{
	if (value->kind == VALUE_NULL) {
		return 0; /* as if it were not there */
	}
	if (value->kind != VALUE_INT || value->integer < INT32_MIN || value->integer > INT32_MAX) {
		*ret_detail = "InvalidDataException: Expected 'version' to be of type Number.";
		return ERR_BAD_REQUEST;
	}
	request->version = value->integer;
	request->has_version = true;
	return 0;
}

static int read_members(
	const struct value *object, struct request *request, const char **ret_detail)
{
	for (uint32_t i = 0; i < object->count; i++) {
		const struct value_member *member = &object->members[i];
		int err = 0;
		if (bytes_eq(member->name, BYTES_LIT("protocol"))) {
			err = read_protocol(&member->value, request, ret_detail);
		} else if (bytes_eq(member->name, BYTES_LIT("version"))) {
			err = read_version(&member->value, request, ret_detail);
		}
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

static int read_request(
	struct arena *arena, struct bytes record, struct request *request, const char **ret_detail)
{
	struct value root;
	const char *why = "";
	int err = json_read(arena, record, &root, &why);
	if (err != 0) {
		*ret_detail = arena_printf(arena, "JsonReaderException: %s.", why);
		return err;
	}
	if (root.kind != VALUE_OBJECT) {
		*ret_detail = arena_printf(
			arena, "InvalidDataException: %s", json_record_no_object(arena, &root));
		return ERR_BAD_REQUEST;
	}
	err = read_members(&root, request, ret_detail);
	if (err != 0) {
		return err;
	}
	if (!request->has_protocol || !request->has_version) {
		*ret_detail = arena_printf(arena,
			"InvalidDataException: Missing required property '%s'. "
			"Message content: %.*s",
			request->has_protocol ? "version" : "protocol", BYTES_ARG(record));
		return ERR_BAD_REQUEST;
	}
	return 0;
}

int handshake_read(struct arena *arena, struct bytes record, unsigned codecs, bool binary_ok,
	bool detailed, struct handshake_request *ret_request, const char **ret_error)
{
	static const char unexpected[] =
		"An unexpected error occurred during connection handshake.";
	struct request request = {0};
	const char *detail = "";
	if (read_request(arena, record, &request, &detail) != 0) {
		*ret_error =
			detailed ? arena_printf(arena, "%s %s", unexpected, detail) : unexpected;
		return ERR_BAD_REQUEST;
	}
	const struct hub_codec *codec = hub_codec_find(request.protocol);
	if (codec == NULL || (codecs & (1U << codec->id)) == 0) {
		*ret_error = arena_printf(arena, "The protocol '%.*s' is not supported.",
			BYTES_ARG(request.protocol));
		return ERR_BAD_REQUEST;
	}
	if (request.version > codec->max_version) {
		*ret_error = arena_printf(arena,
			"The server does not support version %d of the '%.*s' protocol.",
			(int)request.version, BYTES_ARG(request.protocol));
		return ERR_BAD_REQUEST;
	}
	if (codec->binary && !binary_ok) {
		*ret_error = arena_printf(arena,
			"Cannot use the '%s' protocol on the current transport. The transport does "
			"not support 'Binary' transfer format.",
			codec->name);
		return ERR_BAD_REQUEST;
	}
	*ret_request = (struct handshake_request){codec, (int)request.version};
	return 0;
}

void handshake_write_response(struct buf *out, const char *error)
{
	buf_append_char(out, '{');
	if (error != NULL) {
		json_write_member_text(out, "error", bytes_str(error));
	}
	buf_append_char(out, '}');
	buf_append_char(out, JSON_RECORD_SEPARATOR);
}

/* ---- the client's side ---- */

void handshake_write_request(struct buf *out, const struct hub_codec *codec, int version)
{
	buf_append_char(out, '{');
	json_write_member_text(out, "protocol", bytes_str(codec->name));
	json_write_member_int(out, "version", version);
	buf_append_char(out, '}');
	buf_append_char(out, JSON_RECORD_SEPARATOR);
}

int handshake_read_response(struct arena *arena, struct bytes record, const char **ret_error)
{
	struct value root;
	const char *why = "";
	if (json_read(arena, record, &root, &why) != 0) {
		*ret_error = arena_printf(arena, "The handshake response cannot be read: %s.", why);
		return ERR_BAD_REQUEST;
	}
	if (root.kind != VALUE_OBJECT || value_get(&root, "type") != NULL) {
		*ret_error = "Expected a handshake response from the server.";
		return ERR_BAD_REQUEST;
	}
	/* The JavaScript client takes null and empty text for no error, and so do we. */
	const struct value *error = value_get(&root, "error");
	if (error == NULL || error->kind == VALUE_NULL) {
		return 0;
	}
	if (error->kind != VALUE_TEXT) {
		*ret_error = "Expected 'error' to be of type String.";
		return ERR_BAD_REQUEST;
	}
	if (error->text.len == 0) {
		return 0;
	}
	*ret_error = error->text.ptr;
	return ERR_UNAVAILABLE;
}
