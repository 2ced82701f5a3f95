#!/usr/bin/env bash
# citty 0.2.2: a command with subcommands runs its own `run` after that of the chosen subcommand.
#
# `run` of a parent reads like the fallback for a call without a subcommand. It is called in both cases.
#
# Seen: `tool` prints "parent"; `tool child` prints "child", then "parent"
#
# In fob a command with subcommands has no `run`; its fallback is another subcommand.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error citty@0.2.2 >&2

cat > probe.mjs <<'JS'
import { defineCommand, runCommand } from 'citty'
const child = defineCommand({ run: () => console.log('child') })
const tool = defineCommand({ subCommands: { child }, run: () => console.log('parent') })
await runCommand(tool, { rawArgs: process.argv.slice(2) })
JS
seen="$(node probe.mjs | paste -sd ' ') / $(node probe.mjs child | paste -sd ' ')"
if [ "$seen" != 'parent / child parent' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
