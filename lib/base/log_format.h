/* How an event is written. All forms escape control characters (C0, C1, line and paragraph
 * separators, marks that change the direction of text or have no width) as \n, \xNN or \uNNNN, and
 * bytes that are no UTF-8 as \xNN (JSON: U+FFFD); they cut values to 1 KiB at the end of a
 * character, with "..." behind, and leave out fields that begin behind 16 KiB. */
#ifndef LIB_BASE_LOG_FORMAT_H
#define LIB_BASE_LOG_FORMAT_H

#include "lib/base/log.h"

/* "2024-01-02T03:04:05.678Z info ready listen=127.0.0.1:5000 what=\"two words\"\n". Appends. */
void log_format_text(const struct log_record *record, struct buf *out);
/* The same with "<6>" in the place of time and level (sd-daemon(3)). */
void log_format_prefixed(const struct log_record *record, struct buf *out);
/* {"time","level","event","thread", and the fields as members}, and a newline. */
void log_format_json(const struct log_record *record, struct buf *out);
/* {"time","level","event","thread","fields":{}} without a newline. */
void log_format_item(const struct log_record *record, struct buf *out);
/* A datagram of the journal's native protocol (systemd.io, JOURNAL_NATIVE_PROTOCOL): MESSAGE (as
 * text without time and level), PRIORITY, SYSLOG_IDENTIFIER=chatd, CHATD_EVENT, CHATD_THREAD,
 * CHATD_<FIELD>. No value has a newline, so that none needs the binary form. */
void log_format_journal(const struct log_record *record, struct buf *out);

#endif
