#!/usr/bin/env bash
# croner 11.0.1: `0 0 */2 * 1` means "every second day, and every Monday", not "Mondays that fall on such a day".
#
# Where both days are restricted, cron joins them by OR. In the cron of Paul Vixie, and so in that of most systems, a
# field that begins with `*` does not count as restricted, also `*/2`: there the two are joined by AND, and the line is
# an idiom for "every other Monday". croner counts `*/2` as restricted.
#
# Seen from Thursday 1 January 2026 on, UTC: days 3 5 7 9 11 12 13 (5 and 12 are Mondays)
#
# fob's page on schedules says that either of the two days will do.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error croner@11.0.1 >&2

cat > probe.mjs <<'JS'
import { Cron } from 'croner'
const days = new Cron('0 0 */2 * 1', { timezone: 'UTC' }).nextRuns(7, new Date('2026-01-01T00:00:00Z'))
console.log(days.map((day) => day.getUTCDate()).join(' '))
JS
seen=$(node probe.mjs)
if [ "$seen" != '3 5 7 9 11 12 13' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
