#!/bin/sh
# Looks into release programs for the hardening that GUARANTEES.md names: hardening.sh PROGRAM... Writes TAP.
set -u

failed=0

# say TEXT: judges the command before it.
say() {
  if [ "$status" -eq 0 ]; then
    echo "ok - $program: $1"
  else
    echo "not ok - $program: $1"
    failed=1
  fi
}

# has TEXT COMMAND...: the command's output holds the pattern.
has() {
  text=$1 pattern=$2
  shift 2
  status=0
  LC_ALL=C "$@" "$program" 2>/dev/null | grep -Eq "$pattern" || status=1
  say "$text"
}

for program in "$@"; do
  has 'position-independent' 'Type:[[:space:]]+DYN' readelf -hW
  has 'relocations are read-only' 'GNU_RELRO' readelf -lW
  has 'and bound at start' '(BIND_NOW|FLAGS.*NOW)' readelf -dW
  has 'the stack is not executable' 'GNU_STACK.* RW ' readelf -lW
  has 'stack protector' '__stack_chk_fail' readelf -sW --dyn-syms
  has 'fortified library calls' '__(memcpy|snprintf|vsnprintf|fprintf|vfprintf|read|printf|memset|strcpy)_chk' \
    readelf -sW --dyn-syms
  case $(uname -m) in
  x86_64) has 'branch targets are marked' 'endbr64' objdump -d --no-show-raw-insn ;;
  esac
done
exit $failed
