/* What comes into force while the process runs: settings that are read anew, and keys that were
 * fetched. */
#include "chatd/auth/jwt.h"
#include "chatd/run/key_source.h"
#include "chatd/run/keys.h"
#include "chatd/run/reload.h"
#include "chatd/run/server_state.h"
#include "chatd/run/worker.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/conf/load.h"

int server_report(int err, const char *what, struct buf *why)
{
	log_event(LOG_ERROR, what, LOG_STR("why", why->len > 0 ? buf_cstr(why) : err_text(err)));
	return err;
}

/* Takes the reference, and gives it and the settings to all workers. */
static void give_verifier(struct server *server, struct jwt_verifier *verifier)
{
	jwt_verifier_unref(&server->verifier);
	server->verifier = verifier;
	for (unsigned i = 0; i <= server->worker_count; i++) {
		worker_reload(server->workers[i], server->conf, verifier);
	}
}

void server_on_keys(void *ctx)
{
	struct server *server = ctx;
	struct buf why = {0};
	struct jwt_verifier *verifier = NULL;
	int err = keys_load(server->conf, server->key_source, &verifier, NULL, &why);
	if (err != 0) {
		server_report(err, "the keys before stay", &why);
	} else {
		give_verifier(server, verifier);
	}
	buf_finish(&why);
}

int server_reload(void *ctx, bool apply, setting_visit_fn visit, void *visit_ctx, struct buf *why)
{
	struct server *server = ctx;
	struct conf_load_params params = {
		.path = server->params->config_path,
		.environment = server->params->environment,
	};
	struct conf *fresh = NULL;
	struct jwt_verifier *verifier = NULL;
	int err = reload_read(&params, server->conf, server->key_source, visit, visit_ctx,
		apply ? &fresh : NULL, apply ? &verifier : NULL, why);
	if (err != 0 || !apply) {
		return err;
	}
	conf_unref(&server->conf);
	server->conf = fresh;
	logging_reload(&server->logging, fresh);
	give_verifier(server, verifier);
	key_source_reload(server->key_source, fresh);
	log_event(LOG_INFO, "reloaded");
	return 0;
}

void server_on_hangup(void *ctx)
{
	struct buf why = {0};
	int err = server_reload(ctx, true, NULL, NULL, &why);
	if (err != 0) {
		server_report(err, "reload refused, the old settings stay", &why);
	}
	buf_finish(&why);
}
