#!/usr/bin/env bash
# Bun 1.4.5: `timeout` under `[test]` in bunfig.toml changes nothing.
#
# Other keys of that table are read from the same file (`root`, `preload`), and an unknown key is no error, so the
# setting looks accepted. A test still ends at the default of 5 s. `--timeout` on the command line works.
#
# Seen with `timeout = 20000` and a test of 6 s: bunfig.toml: fails, --timeout: passes
#
# fob gives `--timeout` in its scripts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error bun@1.4.5 >&2
node node_modules/bun/install.js

printf '[test]\ntimeout = 20000\n' > bunfig.toml
cat > slow.test.ts <<'TS'
import { test } from 'bun:test'
test('takes six seconds', async () => void (await Bun.sleep(6000)))
TS
outcome() { if node_modules/.bin/bun test "$@" >/dev/null 2>&1; then echo passes; else echo fails; fi; }
seen="bunfig.toml: $(outcome), --timeout: $(outcome --timeout 20000)"
if [ "$seen" != 'bunfig.toml: fails, --timeout: passes' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
