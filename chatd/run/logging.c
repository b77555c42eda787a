#include "chatd/run/logging.h"

#include <stdlib.h>
#include <unistd.h>

#include "chatd/op/log_ring.h"
#include "chatd/op/log_switch.h"
#include "lib/base/log_journal.h"
#include "lib/conf/conf.h"

static enum log_format format_of(const struct conf *conf)
{
	switch ((enum conf_log_format)conf->log.format) {
	case CONF_LOG_TEXT:
		return LOG_FORMAT_TEXT;
	case CONF_LOG_JSON:
		return LOG_FORMAT_JSON;
	case CONF_LOG_JOURNAL:
		return LOG_FORMAT_JOURNAL;
	case CONF_LOG_AUTO:
		break;
	}
	return log_journal_reads(getenv("JOURNAL_STREAM"), STDERR_FILENO) ? LOG_FORMAT_JOURNAL
									  : LOG_FORMAT_TEXT;
}

void logging_open(struct logging *logging, const struct conf *conf)
{
	logging->ring = log_ring_create();
	log_set_level((enum log_level)conf->log.level);
	log_set_format(format_of(conf));
	if (log_open_journal(conf->log.journal_socket) != 0) {
		log_event(LOG_WARN, "the journal cannot be written to",
			LOG_STR("socket", conf->log.journal_socket));
	}
	log_set_tap(log_ring_add, logging->ring);
}

void logging_attach(struct logging *logging, const struct services *main)
{
	log_ring_attach(logging->ring, services_mailbox(main));
	logging->log_switch = log_switch_create(main->loop, log_get_level());
}

void logging_reload(struct logging *logging, const struct conf *conf)
{
	log_set_format(format_of(conf));
	log_switch_configure(logging->log_switch, (enum log_level)conf->log.level);
}

void logging_detach(struct logging *logging)
{
	log_ring_end(logging->ring);
	log_switch_destroy(&logging->log_switch);
}

void logging_close(struct logging *logging)
{
	log_set_tap(NULL, NULL);
	log_ring_destroy(&logging->ring);
}
