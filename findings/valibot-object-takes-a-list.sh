#!/usr/bin/env bash
# valibot 1.5.0: an object schema whose entries are all optional accepts a list, and returns an object.
#
# `v.object` and `v.strictObject` ask for `typeof input === 'object'`. A list passes `v.object`, and its elements are
# dropped like unknown keys; `v.record` takes it as well, with its indexes for keys. So a body that is a list where a
# settings object was expected counts as "nothing was set".
#
# Seen: object: {}, record: {"0":1}, strictObject: refused
#
# fob uses `v.strictObject` for parameters that are all optional.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error valibot@1.5.0 >&2

cat > probe.mjs <<'JS'
import * as v from 'valibot'
const shape = { name: v.optional(v.string()) }
const parse = (schema) => {
  const { success, output } = v.safeParse(schema, [1])
  return success ? JSON.stringify(output) : 'refused'
}
console.log(
  `object: ${parse(v.object(shape))}, record: ${parse(v.record(v.string(), v.number()))},`,
  `strictObject: ${parse(v.strictObject(shape))}`,
)
JS
seen=$(node probe.mjs)
if [ "$seen" != 'object: {}, record: {"0":1}, strictObject: refused' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
