/* Writing the OpenAPI document: JSON that is put together member by member, commas by itself. */
#ifndef CHATD_REST_DOC_H
#define CHATD_REST_DOC_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/value/params.h"

/* A comma, unless an object or an array begins here. */
void doc_separate(struct buf *out);
/* "name": with the comma before it. */
void doc_name(struct buf *out, const char *name);
/* One more name of an object's "required", which begins with the first: *any says whether it has.
 */
void doc_required(struct buf *out, bool *any, const char *name);
void doc_required_end(struct buf *out, bool any);
/* Members. texts ends with NULL. */
void doc_text(struct buf *out, const char *name, const char *text);
void doc_number(struct buf *out, const char *name, int64_t number);
void doc_true(struct buf *out, const char *name);
void doc_texts(struct buf *out, const char *name, const char *const *texts);
/* "name":{, and }. */
void doc_open(struct buf *out, const char *name);
void doc_shut(struct buf *out);
/* "$ref":"#/components/kind/target". */
void doc_reference(struct buf *out, const char *kind, const char *target);
/* "type":"string", or with null beside it. */
void doc_type(struct buf *out, const char *type, bool nullable);
/* "name":{"description":...} of a header that is a text. */
void doc_header(struct buf *out, const char *name, const char *doc);
/* The content of a response. */
void doc_content(struct buf *out, const char *media_type, const char *schema);

/* The members of a parameter's schema (JSON Schema 2020-12); documented: with what it is about. */
void doc_param(struct buf *out, const struct param *param, bool documented);

/* Responses that routes share. */
struct rest_route;
struct doc_failure {
	const char *status, *name, *doc;
	bool (*concerns)(const struct rest_route *route);
	const char *header, *header_doc; /* that it has; or NULL */
};
const struct doc_failure *doc_failures(size_t *ret_count);

/* The member "paths": all routes. */
void doc_paths(struct buf *out);

#endif
