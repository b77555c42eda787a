/* The description of this interface for programs, OpenAPI 3.1
 * (https://spec.openapis.org/oas/v3.1.0), made from the tables of routes and schemas. */
#ifndef CHATD_REST_OPENAPI_H
#define CHATD_REST_OPENAPI_H

#include "lib/base/bytes.h"

/* Appends the document. */
void openapi_write(struct buf *out);

#endif
