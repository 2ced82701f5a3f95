#!/usr/bin/env bash
# Linux: a terminal in its usual (canonical) mode gives a program at most 4,095 characters of a line.
#
# What is typed or pasted beyond that is dropped without an error, and the line arrives with its end, so a long token
# that was pasted looks complete. macOS keeps 1,024. Pipes have no such bound. (termios(3), "canonical mode": the bound
# is there, what becomes of the rest is easily missed.) Uses python3's `pty`.
#
# Seen for a line of 5,000 characters: 4095 and a line end
#
# fob reads what people paste in raw mode.
set -euo pipefail
command -v python3 >/dev/null || { echo 'needs python3' >&2; exit 2; }
[ "$(uname)" = Linux ] || { echo 'about Linux only' >&2; exit 2; }
seen=$(python3 - <<'PY'
import os, pty, time
keyboard, terminal = pty.openpty()
os.write(keyboard, b'x' * 5000 + b'\n')
time.sleep(0.2)
line = os.read(terminal, 10000)
print(len(line.rstrip(b'\n')), 'and a line end' if line.endswith(b'\n') else 'without a line end')
PY
)
if [ "$seen" != '4095 and a line end' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
