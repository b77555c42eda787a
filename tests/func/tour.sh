#!/bin/sh
# Everything that the REST API offers, with curl and jq alone: a tour for people to read, and a test. It needs
#   URL     of the daemon, such as http://127.0.0.1:5000
#   ALICE, BOB, ADMIN   tokens of two users and of one with the role admin, by `chatctl token mint --user NAME [--role admin]`
# Alice and Bob have no Direct room yet; the tour's own rooms are gone at the end.
# Each step says what it does; the first that does not answer as it should ends it with an error.
set -eu
api=$URL/api/v1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# call WHO METHOD TARGET STATUS [BODY [CURL OPTION...]]: the answer on stdout.
call() {
  who=$1 method=$2 target=$3 wanted=$4 body=${5-}
  shift "$(($# < 5 ? $# : 5))"
  [ -n "$body" ] && set -- -H 'Content-Type: application/json' --data "$body" "$@"
  [ -n "$who" ] && set -- -H "Authorization: Bearer $who" "$@"
  : >"$scratch/body"
  status=$(curl -sS -X "$method" -o "$scratch/body" -D "$scratch/head" -w '%{http_code}' "$@" "$target")
  if [ "$status" != "$wanted" ]; then
    echo "tour: $method $target: $status instead of $wanted: $(cat "$scratch/body")" >&2
    exit 1
  fi
  cat "$scratch/body"
}

# header NAME: of the last answer.
header() {
  sed -n "s/^$1: //Ip" "$scratch/head" | tr -d '\r'
}

# is WHAT WANTED GOT
is() {
  if [ "$2" != "$3" ]; then
    echo "tour: $1: '$3' instead of '$2'" >&2
    exit 1
  fi
  echo "ok $1"
}

say() {
  echo "# $*"
}

say 'Health: for everybody; details for administrators'
is 'live' Healthy "$(call '' GET "$URL/health/live" 200 | jq -r .status)"
is 'ready' Healthy "$(call '' GET "$URL/health/ready" 200 | jq -r .status)"
is 'no details' null "$(call '' GET "$URL/health" 200 | jq -r .checks)"
is 'details' Healthy "$(call "$ADMIN" GET "$URL/health" 200 | jq -r .checks.database)"
is 'the API describes itself' 3.1 "$(call '' GET "$api/openapi.json" 200 | jq -r .openapi | cut -c1-3)"
is 'nobody is told to say who he is' unauthorized "$(call '' GET "$api/rooms" 401 | jq -r .code)"

say 'Users'
alice=$(call "$ALICE" GET "$api/users/me" 200 | jq -r .id)
bob=$(call "$BOB" GET "$api/users/me" 200 | jq -r .id)
is 'a new name' 'Bob the builder' "$(call "$BOB" PATCH "$api/users/me" 200 '{"displayName":"Bob the builder","avatarUrl":"https://example.org/bob.png"}' | jq -r .displayName)"
is 'others see it' 'Bob the builder' "$(call "$ALICE" GET "$api/users/$bob" 200 | jq -r .displayName)"
is 'but not who he is elsewhere' null "$(call "$ALICE" GET "$api/users/$bob" 200 | jq -r .identity)"

say 'Rooms'
room=$(call "$ALICE" POST "$api/rooms" 201 '{"name":"Tour","visibility":"Private"}' | jq -r .id)
is 'Location' "/api/v1/rooms/$room" "$(header Location)"
is 'her role' Owner "$(call "$ALICE" GET "$api/rooms/$room" 200 | jq -r .role)"
etag=$(header ETag)
call "$ALICE" GET "$api/rooms/$room" 304 '' -H "If-None-Match: $etag" >/dev/null
is 'nothing new: 304 without a body' '' "$(cat "$scratch/body")"
is 'to others it does not exist' not_found "$(call "$BOB" GET "$api/rooms/$room" 404 | jq -r .code)"
is 'renamed' 'The tour' "$(call "$ALICE" PATCH "$api/rooms/$room" 200 '{"name":"The tour"}' -H "If-Match: $etag" | jq -r .name)"
is 'an old version is told so' precondition_failed "$(call "$ALICE" PATCH "$api/rooms/$room" 412 '{"name":"Mine"}' -H "If-Match: $etag" | jq -r .code)"
is 'Direct rooms are for two' Direct "$(call "$ALICE" POST "$api/rooms" 201 "{\"type\":\"Direct\",\"participants\":[\"$bob\"]}" | jq -r .type)"
direct=$(jq -r .id "$scratch/body")
is 'and once for each pair' "$direct" "$(call "$BOB" POST "$api/rooms" 200 "{\"type\":\"Direct\",\"participants\":[\"$alice\"]}" | jq -r .id)"
public=$(call "$ALICE" POST "$api/rooms" 201 '{"name":"A public room"}' | jq -r .id)

say 'Lists, page by page'
next=
while call "$ALICE" GET "$api/rooms?limit=2$next" 200 | jq -r '.items[].id' >>"$scratch/rooms"; do
  more=$(jq -r '.nextCursor // empty' "$scratch/body")
  [ -n "$more" ] || break
  cursor=$more
  next="&cursor=$cursor"
done
is 'all three' 3 "$(grep -c -e "$room" -e "$direct" -e "$public" "$scratch/rooms")"
is 'each once' '' "$(sort "$scratch/rooms" | uniq -d)"
is 'a cursor is good for its owner only' bad_request "$(call "$BOB" GET "$api/rooms?limit=2&cursor=$cursor" 400 | jq -r .code)"
is 'only Direct ones' Direct "$(call "$ALICE" GET "$api/rooms?type=Direct&limit=200" 200 | jq -r '[.items[].type] | unique[]')"
is 'public ones are for all to see' true "$(call "$BOB" GET "$api/rooms?scope=public&limit=200" 200 | jq ".items | any(.id == \"$public\")")"

say 'Participants'
is 'Bob is added' Member "$(call "$ALICE" POST "$api/rooms/$room/participants" 201 "{\"userId\":\"$bob\"}" | jq -r .role)"
is 'both are in' 2 "$(call "$BOB" GET "$api/rooms/$room/participants" 200 | jq '.items | length')"
is 'he may not promote himself' forbidden "$(call "$BOB" PATCH "$api/rooms/$room/participants/$bob" 403 '{"role":"Owner"}' | jq -r .code)"
is 'she may promote him' Admin "$(call "$ALICE" PATCH "$api/rooms/$room/participants/$bob" 200 '{"role":"Admin"}' | jq -r .role)"
is 'whoever likes joins a public room' 201 "$(call "$BOB" POST "$api/rooms/$public/participants" 201 "{\"userId\":\"$bob\"}" >/dev/null && echo 201)"
call "$BOB" DELETE "$api/rooms/$public/participants/$bob" 204
echo 'ok and leaves it'

say 'Messages'
is 'the first' 1 "$(call "$ALICE" POST "$api/rooms/$room/messages" 201 '{"content":"hello"}' -H 'Idempotency-Key: once' | jq .seq)"
first=$(jq -r .id "$scratch/body")
is 'the same again is the same' 1 "$(call "$ALICE" POST "$api/rooms/$room/messages" 200 '{"content":"hello"}' -H 'Idempotency-Key: once' | jq .seq)"
is 'another under its key is not' conflict "$(call "$ALICE" POST "$api/rooms/$room/messages" 409 '{"content":"other"}' -H 'Idempotency-Key: once' | jq -r .code)"
for n in 2 3 4 5; do
  call "$BOB" POST "$api/rooms/$room/messages" 201 "{\"content\":\"number $n\",\"clientMessageId\":\"n$n\"}" >/dev/null
done
is 'an image' 6 "$(call "$BOB" POST "$api/rooms/$room/messages" 201 '{"content":"look","type":"Image","attachment":{"url":"https://example.org/a.png"}}' | jq .seq)"
is 'the newest two' '5 6' "$(call "$ALICE" GET "$api/rooms/$room/messages?limit=2" 200 | jq -r '[.items[].seq] | join(" ")')"
before=$(jq .nextBefore "$scratch/body")
is 'the two before' '3 4' "$(call "$ALICE" GET "$api/rooms/$room/messages?limit=2&before=$before" 200 | jq -r '[.items[].seq] | join(" ")')"
is 'what came after 4' '5 6' "$(call "$ALICE" GET "$api/rooms/$room/messages?after=4" 200 | jq -r '[.items[].seq] | join(" ")')"
call "$ALICE" PATCH "$api/rooms/$room/messages/$first" 200 '{"content":"hello, everybody"}' >/dev/null
is 'edited' 'hello, everybody' "$(call "$BOB" GET "$api/rooms/$room/messages/$first" 200 | jq -r .content)"
is 'only its sender may' forbidden "$(call "$BOB" PATCH "$api/rooms/$room/messages/$first" 403 '{"content":"mine"}' | jq -r .code)"
call "$BOB" DELETE "$api/rooms/$room/messages/$first" 200 >/dev/null
is 'an Admin may delete it' '' "$(call "$ALICE" GET "$api/rooms/$room/messages/$first" 200 | jq -r .content)"
is 'numbers have no holes' '1 2 3 4 5 6 7 8' "$(call "$ALICE" GET "$api/rooms/$room/messages?after=0" 200 | jq -r '[.items[].seq] | join(" ")')"

say 'A back end pushes without being in a room'
is 'to a user, on all connections' number "$(call "$ADMIN" POST "$api/admin/users/$alice/send" 200 '{"method":"Hello","arguments":[1,"two"]}' | jq -r '.connections | type')"
call "$ADMIN" POST "$api/admin/rooms/$room/send" 204 '{"method":"Hello"}'
echo 'ok to a room'
is 'to a connection that is not there' not_found "$(call "$ADMIN" POST "$api/admin/connections/AAAAAAAAAAAAAAAAAAAAAA/send" 404 '{"method":"Hello"}' | jq -r .code)"
is 'users may not' forbidden "$(call "$ALICE" POST "$api/admin/rooms/$room/send" 403 '{"method":"Hello"}' | jq -r .code)"

say 'Archive, leave, delete'
is 'archived' true "$(call "$ALICE" PATCH "$api/rooms/$room" 200 '{"archived":true}' | jq '.archivedAt != null')"
is 'it can only be read' archived "$(call "$BOB" POST "$api/rooms/$room/messages" 409 '{"content":"late"}' | jq -r .code)"
call "$BOB" DELETE "$api/rooms/$room/participants/$bob" 204
is 'who has left is outside' not_found "$(call "$BOB" GET "$api/rooms/$room/messages" 404 | jq -r .code)"
call "$ALICE" DELETE "$api/rooms/$room" 204
is 'deleted' not_found "$(call "$ALICE" GET "$api/rooms/$room" 404 | jq -r .code)"

say 'What HTTP offers besides'
call "$ALICE" HEAD "$api/rooms/$public" 200 '' --head >/dev/null
is 'HEAD tells the length of what GET would bring' "$(header Content-Length)" "$(call "$ALICE" GET "$api/rooms/$public" 200 | wc -c)"
call '' OPTIONS "$api/rooms" 204
is 'OPTIONS tells the methods' 'GET, HEAD, POST, OPTIONS' "$(header Allow)"
is 'others are refused' method_not_allowed "$(call "$ALICE" PUT "$api/rooms" 405 '{}' | jq -r .code)"
call '' GET "$api/openapi.json" 200 '' --compressed >/dev/null
is 'long answers are compressed' gzip "$(header Content-Encoding)"

say 'So that the tour can be made again'
for id in "$direct" "$public"; do
  call "$ALICE" DELETE "$api/rooms/$id" 204
done
echo '# done'
