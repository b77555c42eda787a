#include "chatd/rest/openapi.h"

#include "chatd/rest/doc.h"
#include "chatd/rest/schemas.h"

/* ---- schemas ---- */

static void object_or_null(struct buf *out, const struct schema_field *field)
{
	if ((field->flags & SCHEMA_NULLABLE) == 0) {
		doc_reference(out, "schemas", field->other);
		return;
	}
	doc_name(out, "anyOf");
	buf_append_str(out, "[{");
	doc_reference(out, "schemas", field->other);
	buf_append_str(out, "},{\"type\":\"null\"}]");
}

static void choices(struct buf *out, const struct schema_field *field)
{
	bool nullable = (field->flags & SCHEMA_NULLABLE) != 0;
	doc_type(out, "string", nullable);
	doc_texts(out, "enum", field->choices);
	if (nullable) {
		out->len--;
		buf_append_str(out, ",null]");
	}
}

static void field_type(struct buf *out, const struct schema_field *field)
{
	bool nullable = (field->flags & SCHEMA_NULLABLE) != 0;
	switch (field->kind) {
	case SCHEMA_TEXT:
		doc_type(out, "string", nullable);
		break;
	case SCHEMA_ID:
		doc_type(out, "string", nullable);
		doc_text(out, "format", "uuid");
		break;
	case SCHEMA_TIME:
		doc_type(out, "string", nullable);
		doc_text(out, "format", "date-time");
		break;
	case SCHEMA_INT:
		doc_type(out, "integer", nullable);
		doc_text(out, "format", "int64");
		doc_number(out, "minimum", 0);
		break;
	case SCHEMA_BOOL:
		doc_type(out, "boolean", nullable);
		break;
	case SCHEMA_CHOICE:
		choices(out, field);
		break;
	case SCHEMA_OBJECT:
		object_or_null(out, field);
		break;
	case SCHEMA_LIST:
		doc_type(out, "array", nullable);
		doc_open(out, "items");
		doc_reference(out, "schemas", field->other);
		doc_shut(out);
		break;
	}
}

static void required(struct buf *out, const struct schema *schema)
{
	bool any = false;
	for (size_t i = 0; i < schema->count; i++) {
		if ((schema->fields[i].flags & SCHEMA_OPTIONAL) == 0) {
			doc_required(out, &any, schema->fields[i].name);
		}
	}
	doc_required_end(out, any);
}

static void one_schema(struct buf *out, const struct schema *schema)
{
	doc_open(out, schema->name);
	doc_text(out, "description", schema->doc);
	doc_text(out, "type", "object");
	required(out, schema);
	doc_open(out, "properties");
	for (size_t i = 0; i < schema->count; i++) {
		doc_open(out, schema->fields[i].name);
		field_type(out, &schema->fields[i]);
		doc_text(out, "description", schema->fields[i].doc);
		doc_shut(out);
	}
	doc_shut(out);
	doc_shut(out);
}

static void all_schemas(struct buf *out)
{
	size_t count;
	const struct schema *all = schemas(&count);
	doc_open(out, "schemas");
	for (size_t i = 0; i < count; i++) {
		one_schema(out, &all[i]);
	}
	doc_shut(out);
}

/* ---- what operations share ---- */

static void all_failures(struct buf *out)
{
	size_t count;
	const struct doc_failure *failures = doc_failures(&count);
	doc_open(out, "responses");
	doc_open(out, "NotModified");
	doc_text(out, "description", "It is what If-None-Match names.");
	doc_shut(out);
	for (size_t i = 0; i < count; i++) {
		doc_open(out, failures[i].name);
		doc_text(out, "description", failures[i].doc);
		if (failures[i].header != NULL) {
			doc_open(out, "headers");
			doc_header(out, failures[i].header, failures[i].header_doc);
			doc_shut(out);
		}
		doc_content(out, "application/problem+json", "Problem");
		doc_shut(out);
	}
	doc_shut(out);
}

static void header_parameter(struct buf *out, const char *key, const char *header, const char *doc)
{
	doc_open(out, key);
	doc_text(out, "name", header);
	doc_text(out, "in", "header");
	doc_text(out, "description", doc);
	buf_append_str(out, ",\"schema\":{\"type\":\"string\"");
	doc_number(out, "minLength", 1);
	doc_number(out, "maxLength", 128);
	doc_shut(out);
	doc_shut(out);
}

static void components(struct buf *out)
{
	doc_open(out, "components");
	all_schemas(out);
	all_failures(out);
	doc_open(out, "parameters");
	header_parameter(out, "IdempotencyKey", "Idempotency-Key",
		"The same as clientMessageId in the body.");
	header_parameter(out, "IfMatch", "If-Match",
		"ETag of the state that is to be changed: another one is not touched.");
	doc_shut(out);
	doc_open(out, "securitySchemes");
	doc_open(out, "bearerAuth");
	doc_text(out, "type", "http");
	doc_text(out, "scheme", "bearer");
	doc_text(out, "bearerFormat", "JWT");
	doc_shut(out);
	doc_shut(out);
	doc_shut(out);
}

static void info(struct buf *out)
{
	doc_open(out, "info");
	doc_text(out, "title", "chatd");
	doc_text(out, "version", CHATD_VERSION);
	doc_text(out, "description",
		"Rooms, messages, participants and users of a chat server that SignalR clients "
		"talk to as well. Failures are problem+json with a stable code; lists go on where "
		"their Link says so.");
	doc_open(out, "license");
	doc_text(out, "name", "Apache-2.0");
	doc_text(out, "identifier", "Apache-2.0");
	doc_shut(out);
	doc_shut(out);
}

static void tags(struct buf *out)
{
	static const struct {
		const char *name, *doc;
	} all[] = {
		{"Rooms", "What is talked in."},
		{"Messages", "What is said."},
		{"Participants", "Who is in a room, and with which rights."},
		{"Users", "Who there is."},
		{"Admin", "Calls of clients from a back end."},
		{"Node", "The server itself."},
	};
	doc_name(out, "tags");
	buf_append_char(out, '[');
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		doc_separate(out);
		buf_append_char(out, '{');
		doc_text(out, "name", all[i].name);
		doc_text(out, "description", all[i].doc);
		doc_shut(out);
	}
	buf_append_char(out, ']');
}

void openapi_write(struct buf *out)
{
	buf_append_char(out, '{');
	doc_text(out, "openapi", "3.1.0");
	info(out);
	buf_append_str(out, ",\"servers\":[{\"url\":\"/\"}],\"security\":[{\"bearerAuth\":[]}]");
	tags(out);
	doc_paths(out);
	components(out);
	doc_shut(out);
}
