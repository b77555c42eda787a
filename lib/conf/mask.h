/* Texts that may hold a password, for people's eyes. */
#ifndef LIB_CONF_MASK_H
#define LIB_CONF_MASK_H

#include "lib/base/bytes.h"

/* A URL or a connection string with "***" in place of each password: that of
 * scheme://user:password@host, and the values of password, sslpassword, pwd and psw in a query
 * (RFC 3986) or in a list of keyword=value; (Npgsql's form, where values may be quoted). In doubt
 * more is hidden than need be. Appends. */
void mask_url(struct bytes url, struct buf *out);

#endif
