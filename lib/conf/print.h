/* The settings as texts: effective ones with their origin, the reference, the sample file. */
#ifndef LIB_CONF_PRINT_H
#define LIB_CONF_PRINT_H

#include "lib/base/bytes.h"
#include "lib/conf/conf.h"
#include "lib/conf/keys.h"

/* The effective value of a row as it would be written in the file. A secret is "(set)" or "";
 * passwords in URLs are "***". Appends. */
void conf_value_text(const struct conf *conf, const struct conf_key *key, struct buf *out);
/* "default", "/etc/chatd/chatd.conf:7", "environment CHATD_HUB_KEEPALIVE", "credential
 * auth_jwt_secret". Appends. */
void conf_origin_text(const struct conf *conf, const struct conf_key *key, struct buf *out);
/* All rows: "section.key = value  # origin", one a line. Appends. */
void conf_print_effective(const struct conf *conf, struct buf *out);
/* The commented sample file with every default, which is the reference too. Appends. */
void conf_print_sample(struct buf *out);

#endif
