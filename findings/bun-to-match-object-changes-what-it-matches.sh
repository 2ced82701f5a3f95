#!/usr/bin/env bash
# Bun 1.4.5: `expect(value).toMatchObject(…)` writes into the value that it looks at.
#
# Where the expected object has a matcher such as `expect.stringContaining()`, the property of the received object is
# replaced by that matcher. What a test reads from the object afterwards is no longer what the code returned, so a later
# `expect(value.text).not.toContain(…)` fails, or says nothing. `toEqual` with the same matcher leaves the value alone.
#
# Seen after a match of { text: 'hello' }: toMatchObject: object, toEqual: string
#
# In fob's tests a value is read before it is matched in this way.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error bun@1.4.5 >&2
node node_modules/bun/install.js

cat > match.test.ts <<'TS'
import { expect, test } from 'bun:test'
test.each(['toMatchObject', 'toEqual'] as const)('%s', (matcher) => {
  const value = { text: 'hello' }
  expect(value)[matcher]({ text: expect.stringContaining('ell') })
  console.log(`seen ${matcher}: ${typeof value.text}`)
})
TS
seen=$(node_modules/.bin/bun test 2>/dev/null | sed -n 's/^seen //p' | paste -sd, | sed 's/,/, /')
if [ "$seen" != 'toMatchObject: object, toEqual: string' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
