'use strict';
// What is known about single cases of tests/vectors/server-observed.json before they are run: which are not played,
// where chatd does better than the recorded server and what is then to come, and which program and settings make it
// the server that the recording speaks of.

const NO_STATEFUL = 'stateful reconnect is not offered';

// Cases of stateful reconnect that show what holds without it too.
const STATEFUL_PLAYED = [
  'ack-none',
  'ack-over',
  'ack-text',
  'client-close-1000',
  'client-close-1001',
  'late-18',
  'no-auth',
  'not-negotiated',
  'over-polling',
  'protocol-breach',
  'sequence-live',
  'server-close',
  'version-1',
];

const WAITING = {
  'ws-open/onconnected-throws': "OnConnectedAsync is the application's own; nothing in chatd throws there",
  'own/stream-null': 'a streaming method of chatd says by its declaration that it streams; there is no null to return',
};

// Played only with OBSERVED_LONG=1.
const LONG = {
  'poll/timeout-90': 'takes 90 s; the same with another number is poll/timeout',
  'time/ws-keep-alive': 'takes 125 s; the same for 32 s is time/server-ping-15',
  'time/idle-60': 'takes 60 s; a shorter silence is time/server-ping-15',
};

// Why a case is not played; undefined where it is.
function waitingFor(name) {
  const [group, rest] = name.split('/');
  if (group === 'stateful' && !STATEFUL_PLAYED.includes(rest)) {
    return NO_STATEFUL;
  }
  return WAITING[name] || (process.env.OBSERVED_LONG ? undefined : LONG[name]);
}

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
const SECOND_UNKNOWN_METHOD = UNKNOWN_METHOD.replace('"1"', '"2"');
const CLOSED_BY_READER = [
  { type: 7, error: /^Connection closed with an error\. InvalidDataException: /, allowReconnect: true },
  { close: 1000, reason: '' },
  { then: 'TCP end' },
];
const ERROR_OF_NAN = (detail) =>
  `{"type":3,"invocationId":"1","error":"An unexpected error occurred invoking 'Nan' on the server.${detail}"}`;
const ASKED = ['{"type":1,"invocationId":"s<counter>","target":"Ask","arguments":[]}'];
const FAILED_ASK = (text) => ({
  type: 3,
  invocationId: '1',
  error: new RegExp(`^An unexpected error occurred invoking 'AskBack' on the server\\. HubException: ${text}`),
});

// got: what comes instead of the n-th recorded "got"; the last one named ends the case unless goOn is set; first: steps
// that chatd needs before anything is sent; byInvocation: order counts only within each invocation; anyOf: lists that
// are as good as each other. In objects a RegExp stands for the texts that it matches, an array in `status` for the
// statuses allowed.
const BETTER = {
  'negotiate/preflight': { why: 'no policy answers it', got: { 0: { status: [401, 405] } } },
  'negotiate/double-slash': { why: 'with a body that says so', got: { 0: { status: 404 } } },
  'negotiate/length-and-chunked': { why: 'refused', got: { 0: { status: 400 } } },
  'auth/other-user-ws': { why: 'the id belongs to the user that negotiated', got: { 0: { status: 403 } } },
  'auth/other-user-poll': { why: 'the id belongs to the user that negotiated', got: { 1: { status: 403 } } },
  'auth/other-user-post': { why: 'the id belongs to the user that negotiated', got: { 1: { status: 403 } } },
  'auth/get-negotiate': { why: 'either layer may answer', got: { 0: { status: [401, 405] } } },
  'auth/put-hub': { why: 'either layer may answer', got: { 0: { status: [401, 405] } } },
  'auth/unknown-path': { why: 'either layer may answer', got: { 0: { status: [401, 404] } } },
  'http/method-FOO': { why: 'servers refuse such methods on their own', got: { 0: { status: [400, 405, 501] } } },
  'http/id-nul': {
    why: 'either answer is as good',
    got: { 0: { status: [400, 404], 'content-type': 'text/plain' } },
  },
  'poll/post-gzip': { why: 'no encoding is taken', got: { 0: { status: 415 } } },
  'poll/bad-utf8': {
    why: 'malformed',
    got: {
      1: {
        status: 200,
        'content-type': 'application/octet-stream',
        body: '{"type":7,"error":"Connection closed with an error.","allowReconnect":true}␞',
        no_cache: true,
      },
    },
  },
  'poll/big-post': { why: 'that POST is answered too', goOn: true, got: { 0: { status: 413 } } },
  'sse/two-calls': {
    why: 'each record is an event of its own, encoded once for all who get it',
    got: { 4: { events: [`data: ${UNKNOWN_METHOD}␞\r\n\r\n`, `data: ${SECOND_UNKNOWN_METHOD}␞\r\n\r\n`] } },
  },
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
  'hub/two-streams': { why: 'streams interleave as they will', byInvocation: true, got: {} },
  'hub/detailed-empty-record': {
    why: "the JSON reader's own text",
    got: {
      0: CLOSED_BY_READER,
    },
  },
  'own/history': {
    why: 'history is for participants, so the room is joined first',
    first: [{ do: 'JoinRoom conform has been called' }],
    got: {},
  },
  'own/nan': {
    why: 'a value that cannot be written fails its call, not the connection',
    got: { 0: [ERROR_OF_NAN(''), 'PROBE ANSWERED'] },
  },
  'own/nan-detailed': {
    why: 'a value that cannot be written fails its call, not the connection',
    got: { 0: [ERROR_OF_NAN(' ArgumentException: NaN and infinity cannot be written as JSON.'), 'PROBE ANSWERED'] },
  },
  'own/bind-double-big': {
    why: 'a number that no double holds is malformed where it is read',
    got: { 0: CLOSED_BY_READER },
  },
  'own/ask-wrong-type': {
    why: "the JSON reader's own text",
    got: { 0: ASKED, 1: [FAILED_ASK('Error trying to deserialize result to String\\. ')] },
  },
  'own/ask-bare': {
    why: 'says what is missing instead of the name of an exception',
    got: { 0: ASKED, 1: [FAILED_ASK("Client didn't provide a result\\.$")] },
  },
  'own/upload-same-id': {
    why: 'the second call is refused, the first goes on',
    goOn: true,
    got: {
      0: [
        { type: 3, invocationId: '2', error: /^(Failed to invoke|An unexpected error occurred invoking) 'Sum'/ },
        '{"type":3,"invocationId":"1","result":3}',
      ],
    },
  },
  'time/server-ping-15': {
    why: 'pings come at the interval itself, not at the next whole second',
    got: { 0: [15, 30].map((afterS) => ({ ping: '{"type":6}', afterS })) },
  },
  'stateful/over-polling': {
    why: 'stateful reconnect is not offered, so nothing is acknowledged',
    goOn: true,
    got: { 5: { none: 'no answer within 1.5 s' } },
  },
  'frame/length-huge': { why: 'refused at once', got: { 0: [{ close: 1009, reason: '' }, { then: 'TCP reset' }] } },
  'frame/close-behind-call': {
    why: 'answered, then closed',
    got: { 0: [UNKNOWN_METHOD, { close: 1000, reason: '' }, { then: 'TCP end' }] },
  },
};

// The settings that make chatd the server that the recording speaks of.
const LIMIT = { CHATD_HUB_MAX_MESSAGE_SIZE: 32768 };
const DETAILED = {
  ...LIMIT,
  CHATD_SERVER_ENVIRONMENT: 'Development',
  CHATD_HUB_DETAILED_ERRORS: true,
  CHATD_HUB_MAX_PARALLEL_INVOCATIONS: 2,
};
const FAST = {
  CHATD_HUB_KEEPALIVE: '2s',
  CHATD_HUB_CLIENT_TIMEOUT: '4s',
  CHATD_HUB_HANDSHAKE_TIMEOUT: '2s',
  CHATD_HUB_POLL_TIMEOUT: '3s',
  CHATD_HUB_MAX_MESSAGE_SIZE: 2048,
};
// own: the program with the methods of the recording server.
const SERVERS = {
  default: { settings: LIMIT },
  detailed: { settings: DETAILED },
  fast: { settings: FAST },
  'json only': { settings: { ...LIMIT, CHATD_HUB_MESSAGEPACK: false } },
  'own default': { settings: LIMIT, own: true },
  'own detailed': { settings: DETAILED, own: true },
  'own fast': { settings: FAST, own: true },
};
const NEEDS_ASSISTANT =
  /^(hub\/((plain-of-)?stream|stream-(cancel-twice|duplicate)|call-beside-stream|two-streams)|(poll|sse)\/stream)$/;

function serverOf(name, { server = 'default' }) {
  if (name.endsWith('/messagepack') || name.endsWith('/messagepack-handshake')) {
    return 'json only';
  }
  return name.startsWith('own/') || NEEDS_ASSISTANT.test(name) ? `own ${server}` : server;
}

module.exports = { BETTER, SERVERS, waitingFor, serverOf };
