#!/usr/bin/env bash
# Bun 1.4.5: `Bun.Transpiler.scan()` executes code that the scanned source names.
#
# An import with the attribute `{ type: 'macro' }` is a call at compile time. It is carried out not only by the
# bundler and `transformSync()`, but also by `scan()`, which is there to list imports and exports, and which
# programs use on sources that they do not trust. The macro has the files and the environment of the process.
# `scanImports()` executes nothing.
#
# Seen: scan: executed, transformSync: executed, scanImports: not executed
#
# fob switches macros off (`macro: false`) and transpiles in the child process that the script runs in anyway.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error bun@1.4.5 >&2
node node_modules/bun/install.js

cat > macro.ts <<'TS'
import { writeFileSync } from 'node:fs'
export function note() {
  writeFileSync('executed', '')
  return 1
}
TS
cat > probe.ts <<'TS'
import { existsSync, rmSync } from 'node:fs'
const source = `import { note } from '${process.cwd()}/macro.ts' with { type: 'macro' }\nexport const value = note()\n`
const calls = {
  scan: (transpiler: Bun.Transpiler) => transpiler.scan(source),
  transformSync: (transpiler: Bun.Transpiler) => transpiler.transformSync(source),
  scanImports: (transpiler: Bun.Transpiler) => transpiler.scanImports(source),
}
for (const [name, call] of Object.entries(calls)) {
  rmSync('executed', { force: true })
  call(new Bun.Transpiler({ loader: 'ts' }))
  console.log(`${name}: ${existsSync('executed') ? 'executed' : 'not executed'}`)
}
TS
seen=$(node_modules/.bin/bun probe.ts)
expected='scan: executed
transformSync: executed
scanImports: not executed'
if [ "$seen" != "$expected" ]; then printf 'changed:\n%s\n' "$seen" >&2; exit 1; fi
echo 'as described'
