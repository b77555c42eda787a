'use strict';
// What is known about single cases of tests/vectors/server-observed.json before they are run: which wait for a part
// that is not there, and where chatd does better than the recorded server and what is then to come.

// Groups that are run. The others speak of transports that are not offered or of methods that only the recording
// server has.
const GROUPS = ['negotiate', 'auth', 'http', 'ws-open', 'handshake', 'hub', 'frame', 'time'];

const NO_POLLING = 'long polling is not offered';
const NO_SSE = 'server-sent events are not offered';
const NO_ASSISTANT = 'no assistant, and so no StreamAIResponse';

const WAITING = {
  'auth/sse-query': NO_SSE,
  'auth/poll-then-none': NO_POLLING,
  'auth/other-user-poll': NO_POLLING,
  'auth/other-user-post': NO_POLLING,
  'http/GET-no-id': NO_POLLING,
  'http/POST-no-id': NO_POLLING,
  'http/POST-unknown-id': NO_POLLING,
  'http/DELETE-empty-id': NO_POLLING,
  'http/sse-no-id': NO_SSE,
  'http/GET-http-1.0': NO_POLLING,
  'http/id-twice': NO_POLLING,
  'http/id-nul': NO_POLLING,
  'http/version-0-id': NO_POLLING,
  'ws-open/onconnected-throws': 'a method of the recording server only',
  'hub/plain-of-stream': NO_ASSISTANT,
  'hub/stream': NO_ASSISTANT,
  'hub/stream-cancel-twice': NO_ASSISTANT,
  'hub/stream-duplicate': NO_ASSISTANT,
  'hub/call-beside-stream': NO_ASSISTANT,
  'hub/two-streams': NO_ASSISTANT,
  'time/ws-keep-alive': 'takes 125 s; the same is seen in time/idle-60 and time/server-ping',
  'time/client-timeout-30': 'takes 31 s; the same with other numbers is time/client-timeout',
  'time/server-ping-15': 'takes 32 s; the same with other numbers is time/server-ping',
  'time/idle-60': 'takes 60 s; chatd may time out clients that never ping',
};

const HANDSHAKE_REFUSED = [
  '{"error":"An unexpected error occurred during connection handshake."}',
  { close: 1000, reason: '' },
  { then: 'TCP end' },
];
const CLOSED_WITH_ERROR = [
  '{"type":7,"error":"Connection closed with an error.","allowReconnect":true}',
  { close: 1000, reason: '' },
  { then: 'TCP end' },
];
const UNKNOWN_METHOD =
  '{"type":3,"invocationId":"1","error":"Failed to invoke \'NoSuchMethod\' due to an error on the server. ' +
  'HubException: Method does not exist."}';

// got: what comes instead of the n-th recorded "got"; the last one named ends the case. In objects a RegExp stands for
// the texts that it matches, an array in `status` for the statuses allowed; anyOf: lists that are as good as each other.
const BETTER = {
  'negotiate/preflight': { why: 'no policy answers it', got: { 0: { status: [401, 405] } } },
  'negotiate/double-slash': { why: 'with a body that says so', got: { 0: { status: 404 } } },
  'negotiate/length-and-chunked': { why: 'refused', got: { 0: { status: 400 } } },
  'auth/other-user-ws': { why: 'the id belongs to the user that negotiated', got: { 0: { status: 403 } } },
  'auth/get-negotiate': { why: 'either layer may answer', got: { 0: { status: [401, 405] } } },
  'auth/put-hub': { why: 'either layer may answer', got: { 0: { status: [401, 405] } } },
  'auth/unknown-path': { why: 'either layer may answer', got: { 0: { status: [401, 404] } } },
  'http/method-FOO': { why: 'servers refuse such methods on their own', got: { 0: { status: [400, 405, 501] } } },
  'ws-open/version-12': {
    why: 'names the version that is spoken',
    got: { 0: { status: [400, 426], 'sec-websocket-version': '13' } },
  },
  'ws-open/http-1.0': { why: 'refused', got: { 0: { status: 400 } } },
  'ws-open/origin-other': { why: 'the origin is checked', got: { 0: { status: 403 } } },
  'handshake/trailing-garbage': { why: 'refused', got: { 0: HANDSHAKE_REFUSED } },
  'handshake/two-objects': { why: 'refused', got: { 0: HANDSHAKE_REFUSED } },
  'handshake/detailed-not-json': {
    why: "the detail is the JSON reader's own text",
    got: {
      0: [
        { error: /^An unexpected error occurred during connection handshake\. \w+Exception: / },
        { close: 1000, reason: '' },
        { then: 'TCP end' },
      ],
    },
  },
  'hub/send-unicode': { why: 'the message may precede the answer', unordered: true, got: {} },
  'hub/args-null': {
    why: 'the room id is checked',
    got: {
      0: [
        { type: 3, invocationId: '1', error: /^(Failed to invoke|An unexpected error occurred invoking) 'LeaveRoom'/ },
        'PROBE ANSWERED',
      ],
    },
  },
  'hub/type-10': { why: 'skipped', got: { 0: ['PROBE ANSWERED'] } },
  'hub/type-99': { why: 'skipped', got: { 0: ['PROBE ANSWERED'] } },
  'hub/type-unknown-then-close': {
    why: 'skipped, then the Close counts',
    got: { 0: ['{"type":7}', { close: 1000, reason: '' }, { then: 'TCP end' }] },
  },
  'hub/trailing-garbage': { why: 'malformed', got: { 0: CLOSED_WITH_ERROR } },
  'hub/two-objects': { why: 'malformed', got: { 0: CLOSED_WITH_ERROR } },
  'hub/bad-utf8-binary': { why: 'malformed', got: { 0: CLOSED_WITH_ERROR } },
  'hub/bad-utf8-binary-bound': {
    why: 'malformed, or does not bind',
    anyOf: [CLOSED_WITH_ERROR],
    got: {},
  },
  'hub/detailed-empty-record': {
    why: "the JSON reader's own text",
    got: {
      0: [
        { type: 7, error: /^Connection closed with an error\. InvalidDataException: /, allowReconnect: true },
        { close: 1000, reason: '' },
        { then: 'TCP end' },
      ],
    },
  },
  'frame/length-huge': { why: 'refused at once', got: { 0: [{ close: 1009, reason: '' }, { then: 'TCP reset' }] } },
  'frame/close-behind-call': {
    why: 'answered, then closed',
    got: { 0: [UNKNOWN_METHOD, { close: 1000, reason: '' }, { then: 'TCP end' }] },
  },
};

// The settings that make chatd the server that the recording speaks of.
const SERVERS = {
  default: { CHATD_HUB_MAX_MESSAGE_SIZE: 32768 },
  detailed: {
    CHATD_HUB_MAX_MESSAGE_SIZE: 32768,
    CHATD_SERVER_ENVIRONMENT: 'Development',
    CHATD_HUB_DETAILED_ERRORS: true,
    CHATD_HUB_MAX_PARALLEL_INVOCATIONS: 2,
  },
  fast: {
    CHATD_HUB_KEEPALIVE: '2s',
    CHATD_HUB_CLIENT_TIMEOUT: '4s',
    CHATD_HUB_HANDSHAKE_TIMEOUT: '2s',
    CHATD_HUB_MAX_MESSAGE_SIZE: 2048,
  },
};

module.exports = { GROUPS, WAITING, BETTER, SERVERS };
