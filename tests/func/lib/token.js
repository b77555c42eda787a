'use strict';
// Tokens as an identity provider would mint them, good and bad ones, with nothing but node:crypto.

const crypto = require('node:crypto');

const SECRET = 'a secret of the functional tests, 32 bytes or more';

const base64url = (data) => Buffer.from(data).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

// Signs what it is given, sense or not. algorithm is what the header says, key what fits it; with `signAs` the
// signature is made by another algorithm than the header names. header: further members.
function signToken(claims, { algorithm = 'HS256', key = SECRET, signAs = algorithm, header = {} } = {}) {
  const text = `${base64url(JSON.stringify({ alg: algorithm, typ: 'JWT', ...header }))}.${base64url(
    JSON.stringify(claims),
  )}`;
  if (signAs === 'none') {
    return `${text}.`;
  }
  const hash = `sha${signAs.slice(2)}`;
  if (signAs.startsWith('HS')) {
    return `${text}.${crypto.createHmac(hash, key).update(text).digest('base64url')}`;
  }
  const options = signAs.startsWith('ES') ? { key, dsaEncoding: 'ieee-p1363' } : { key };
  return `${text}.${crypto.sign(hash, Buffer.from(text), options).toString('base64url')}`;
}

// A good token of the user, for ttl seconds.
function userToken(name, { ttl = 3600, claims = {}, ...signing } = {}) {
  return signToken({ sub: name, exp: now() + ttl, ...claims }, signing);
}

// Version 5 of RFC 9562 section 5.5.
function uuid5(namespace, name) {
  const hash = crypto
    .createHash('sha1')
    .update(Buffer.concat([Buffer.from(namespace.replace(/-/g, ''), 'hex'), Buffer.from(name)]))
    .digest();
  hash[6] = (hash[6] & 0x0f) | 0x50;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  const hex = hash.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

// The user id that chatd gives to an identity name that is no UUID.
const userId = (name) => uuid5('6ba7b811-9dad-11d1-80b4-00c04fd430c8', `chatd:user:${name}`);

module.exports = { SECRET, signToken, userToken, userId, uuid5, now };
