/* Reading the settings anew while the process runs. */
#ifndef CHATD_RUN_RELOAD_H
#define CHATD_RUN_RELOAD_H

#include "chatd/op/server_control.h"
#include "lib/base/bytes.h"
#include "lib/conf/conf.h"
#include "lib/conf/load.h"

struct jwt_verifier;
struct key_source;

/* Reads what params name and visits each setting that differs from running (visit may be NULL).
 * Where ret_fresh is not NULL it gets what can come into force: the new settings, with the old
 * values of those that need a restart, and the verifier that belongs to them; one reference each.
 * Blocking. 0, or ERR_CONFIG or ERR_SYSTEM with a sentence appended to why; problems of the
 * settings themselves are logged too. */
int reload_read(const struct conf_load_params *params, const struct conf *running,
	struct key_source *source, setting_visit_fn visit, void *ctx, struct conf **ret_fresh,
	struct jwt_verifier **ret_verifier, struct buf *why);

#endif
