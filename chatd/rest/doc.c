#include "chatd/rest/doc.h"

#include <ctype.h>
#include <string.h>

#include "chatd/rest/schemas.h"
#include "lib/value/json.h"

void doc_separate(struct buf *out)
{
	char last = out->len > 0 ? out->data[out->len - 1] : '{';
	if (last != '{' && last != '[') {
		buf_append_char(out, ',');
	}
}

void doc_name(struct buf *out, const char *name)
{
	doc_separate(out);
	json_write_text(out, bytes_str(name));
	buf_append_char(out, ':');
}

void doc_required(struct buf *out, bool *any, const char *name)
{
	if (!*any) {
		doc_name(out, "required");
		buf_append_char(out, '[');
	}
	*any = true;
	doc_separate(out);
	json_write_text(out, bytes_str(name));
}

void doc_required_end(struct buf *out, bool any)
{
	if (any) {
		buf_append_char(out, ']');
	}
}

void doc_text(struct buf *out, const char *name, const char *text)
{
	doc_name(out, name);
	json_write_text(out, bytes_str(text));
}

void doc_number(struct buf *out, const char *name, int64_t number)
{
	json_write_member_int(out, name, number);
}

void doc_true(struct buf *out, const char *name)
{
	doc_name(out, name);
	buf_append_str(out, "true");
}

void doc_texts(struct buf *out, const char *name, const char *const *texts)
{
	doc_name(out, name);
	buf_append_char(out, '[');
	for (; *texts != NULL; texts++) {
		doc_separate(out);
		json_write_text(out, bytes_str(*texts));
	}
	buf_append_char(out, ']');
}

void doc_open(struct buf *out, const char *name)
{
	doc_name(out, name);
	buf_append_char(out, '{');
}

void doc_shut(struct buf *out)
{
	buf_append_char(out, '}');
}

void doc_reference(struct buf *out, const char *kind, const char *target)
{
	doc_name(out, "$ref");
	buf_printf(out, "\"#/components/%s/%s\"", kind, target);
}

void doc_type(struct buf *out, const char *type, bool nullable)
{
	if (nullable) {
		doc_texts(out, "type", (const char *const[]){type, "null", NULL});
	} else {
		doc_text(out, "type", type);
	}
}

void doc_header(struct buf *out, const char *name, const char *doc)
{
	doc_open(out, name);
	doc_text(out, "description", doc);
	buf_append_str(out, ",\"schema\":{\"type\":\"string\"}");
	doc_shut(out);
}

void doc_content(struct buf *out, const char *media_type, const char *schema)
{
	doc_open(out, "content");
	doc_open(out, media_type);
	doc_open(out, "schema");
	doc_reference(out, "schemas", schema);
	doc_shut(out);
	doc_shut(out);
	doc_shut(out);
}

/* ---- schemas of parameters ---- */

static const char *type_of(enum param_kind kind)
{
	switch (kind) {
	case PARAM_INT:
		return "integer";
	case PARAM_BOOL:
		return "boolean";
	case PARAM_ARRAY:
		return "array";
	case PARAM_OBJECT:
		return "object";
	default:
		return "string";
	}
}

static void param_range(struct buf *out, const struct param *param)
{
	bool limited = param->min != 0 || param->max != 0;
	switch (param->kind) {
	case PARAM_INT:
		doc_text(out, "format", "int64");
		if (limited) {
			doc_number(out, "minimum", param->min);
			doc_number(out, "maximum", param->max);
		}
		break;
	case PARAM_TEXT:
		if (limited) {
			doc_number(out, "minLength", param->min);
			doc_number(out, "maxLength", param->max);
		}
		break;
	case PARAM_ARRAY:
		doc_open(out, "items");
		if ((param->flags & PARAM_OF_TEXTS) != 0) {
			doc_text(out, "type", "string");
		}
		doc_shut(out);
		if (limited) {
			doc_number(out, "maxItems", param->max);
		}
		break;
	default:
		break;
	}
}

/* The schema that a parameter of type object has: its name with a capital letter. */
static const struct schema *object_schema(const struct param *param)
{
	char upper[64];
	if (param->kind != PARAM_OBJECT || strlen(param->name) >= sizeof(upper)) {
		return NULL;
	}
	strcpy(upper, param->name);
	upper[0] = (char)toupper((unsigned char)upper[0]);
	return schema_find(upper);
}

static void param_object(struct buf *out, const struct param *param, const struct schema *schema)
{
	bool nullable = (param->flags & PARAM_NULLABLE) != 0;
	if (!nullable) {
		doc_reference(out, "schemas", schema->name);
		return;
	}
	doc_name(out, "anyOf");
	buf_append_str(out, "[{");
	doc_reference(out, "schemas", schema->name);
	buf_append_str(out, "},{\"type\":\"null\"}]");
}

void doc_param(struct buf *out, const struct param *param, bool documented)
{
	const struct schema *schema = object_schema(param);
	if (schema != NULL) {
		param_object(out, param, schema);
	} else {
		doc_type(out, type_of(param->kind), (param->flags & PARAM_NULLABLE) != 0);
		if (param->kind == PARAM_CHOICE) {
			doc_texts(out, "enum", param->choices);
		}
		param_range(out, param);
	}
	if (documented) {
		doc_text(out, "description", param->doc);
	}
}
