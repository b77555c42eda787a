/* The messages of the SignalR hub protocol, as a tagged union (protocols: HubProtocol.md of ASP.NET
 * Core). Everything that is read views an arena. */
#ifndef LIB_HUBPROTO_MESSAGE_H
#define LIB_HUBPROTO_MESSAGE_H

#include "lib/value/value.h"

enum hub_type {
	HUB_INVOCATION = 1,
	HUB_STREAM_ITEM = 2,
	HUB_COMPLETION = 3,
	HUB_STREAM_INVOCATION = 4,
	HUB_CANCEL_INVOCATION = 5,
	HUB_PING = 6,
	HUB_CLOSE = 7,
	HUB_ACK = 8,
	HUB_SEQUENCE = 9,
	HUB_UNKNOWN = 0, /* read only: any other number; to be skipped */
};

enum hub_outcome { HUB_OUTCOME_VOID, HUB_OUTCOME_RESULT, HUB_OUTCOME_ERROR };

struct hub_message {
	enum hub_type type;
	struct bytes
		invocation_id; /* 1 to 5; in type 1 empty (len 0) means that no answer is wanted */
	struct bytes target; /* 1, 4 */
	struct value arguments; /* 1, 4: VALUE_ARRAY */
	struct bytes *stream_ids; /* 1, 4 */
	uint32_t stream_id_count;
	struct value item; /* 2; also the result of 3 */
	enum hub_outcome outcome; /* 3 */
	struct bytes error; /* 3 with HUB_OUTCOME_ERROR, 7 (len 0: none) */
	bool allow_reconnect; /* 7 */
	int64_t sequence_id; /* 8, 9 */
};

#endif
