#!/usr/bin/env bash
# citty 0.2.2: a boolean that is declared as `no-color` can never be true.
#
# `--no-x` always means "`x` is false", also where `no-x` itself is declared and `x` is not. The declared flag stays
# undefined, and a flag that nobody declared appears.
#
# Seen for `--no-color`: no-color: undefined, color: false
#
# fob declares such flags by their positive name, true by default, with a `negativeDescription`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error citty@0.2.2 >&2

cat > probe.mjs <<'JS'
import { defineCommand, runCommand } from 'citty'
const tool = defineCommand({
  args: { 'no-color': { type: 'boolean' } },
  run: ({ args }) => console.log(`no-color: ${args['no-color']}, color: ${args.color}`),
})
await runCommand(tool, { rawArgs: ['--no-color'] })
JS
seen=$(node probe.mjs)
if [ "$seen" != 'no-color: undefined, color: false' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
