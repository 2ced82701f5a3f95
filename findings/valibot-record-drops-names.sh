#!/usr/bin/env bash
# valibot 1.5.0: `v.record` leaves out the keys `__proto__`, `constructor` and `prototype`, without an issue.
#
# The result is shorter than the input, and validation succeeded: what somebody named so is lost silently.
#
# Seen for {"a":1,"__proto__":2,"constructor":3,"prototype":4}: {"a":1}, success
#
# fob refuses these names with a message before the record is parsed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error valibot@1.5.0 >&2

cat > probe.mjs <<'JS'
import * as v from 'valibot'
const input = JSON.parse('{"a":1,"__proto__":2,"constructor":3,"prototype":4}')
const { success, output } = v.safeParse(v.record(v.string(), v.number()), input)
console.log(JSON.stringify(output), success)
JS
seen=$(node probe.mjs)
if [ "$seen" != '{"a":1} true' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
