#include "chatd/run/reload.h"

#include "chatd/auth/jwt.h"
#include "chatd/run/keys.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/conf/keys.h"
#include "lib/conf/print.h"

/* Each is logged; the first error is also for who asked. */
static void tell_problems(const struct conf_report *problems, struct buf *why)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct conf_problem *problem = &problems->problems[i];
		log_event(problem->warning ? LOG_WARN : LOG_ERROR, "settings",
			LOG_STR("problem", problem->text));
		if (!problem->warning && why->len == 0) {
			buf_append_str(why, problem->text);
		}
	}
}

/* What differs, told when all has turned out well. */
struct changes {
	struct arena *arena;
	struct setting_change *rows; /* conf_key_count of them */
	size_t count;
};

static const char *value_of(
	struct arena *arena, const struct conf *conf, const struct conf_key *key)
{
	struct buf text = {0};
	conf_value_text(conf, key, &text);
	const char *copy = arena_strdup(arena, buf_cstr(&text));
	buf_finish(&text);
	return copy;
}

static void changes_find(
	struct changes *changes, const struct conf *running, const struct conf *fresh)
{
	struct arena *arena = changes->arena = arena_create(4096);
	changes->rows = arena_alloc(arena, conf_key_count * sizeof(*changes->rows));
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		if (conf_same(running, fresh, key)) {
			continue;
		}
		changes->rows[changes->count++] = (struct setting_change){
			.key = arena_printf(arena, "%s.%s", key->section, key->key),
			.running = value_of(arena, running, key),
			.configured = value_of(arena, fresh, key),
			.reloadable = key->reloadable,
		};
	}
}

/* What cannot change while the process runs keeps its old value; it is said. */
static void keep_unreloadable(const struct conf *old, struct conf *fresh)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		if (!key->reloadable && !conf_same(old, fresh, key)) {
			log_event(LOG_WARN, "setting needs a restart",
				LOG_STR("section", key->section), LOG_STR("key", key->key));
			conf_keep(fresh, old, key);
		}
	}
}

/* What was good with an environment that has to wait for a restart may not be so without it. */
static int check_kept(const struct conf *fresh, struct buf *why)
{
	if (fresh->hub.detailed_errors && fresh->server.environment == CONF_PRODUCTION) {
		buf_append_str(why, "hub.detailed_errors needs a restart into Development");
		return ERR_CONFIG;
	}
	return 0;
}

static int make_applicable(const struct conf *running, struct conf *fresh,
	struct key_source *source, struct jwt_verifier **ret_verifier, struct buf *why)
{
	keep_unreloadable(running, fresh);
	int err = check_kept(fresh, why);
	return err != 0 ? err : keys_load(fresh, source, ret_verifier, NULL, why);
}

int reload_read(const struct conf_load_params *params, const struct conf *running,
	struct key_source *source, setting_visit_fn visit, void *ctx, struct conf **ret_fresh,
	struct jwt_verifier **ret_verifier, struct buf *why)
{
	struct conf_report problems = {0};
	struct changes changes = {0};
	struct conf *fresh = NULL;
	int err = conf_load(params, &fresh, &problems);
	tell_problems(&problems, why);
	conf_report_finish(&problems);
	if (err != 0) {
		return err;
	}
	changes_find(&changes, running, fresh);
	if (ret_fresh != NULL) {
		err = make_applicable(running, fresh, source, ret_verifier, why);
	}
	for (size_t i = 0; err == 0 && visit != NULL && i < changes.count; i++) {
		visit(ctx, &changes.rows[i]);
	}
	arena_destroy(&changes.arena);
	if (err == 0 && ret_fresh != NULL) {
		*ret_fresh = fresh;
		return 0;
	}
	conf_unref(&fresh);
	return err;
}
