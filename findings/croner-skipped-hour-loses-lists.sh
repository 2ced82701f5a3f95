#!/usr/bin/env bash
# croner 11.0.1: in the hour that daylight saving skips, one time of day is moved, but a list of times is lost.
#
# `30 2 14 3 *` in New York runs in 2027 when the hour 2 to 3 is over, at 3:00; `0,30 2 14 3 *` does not run that day at
# all: its next occurrence is in 2028. In autumn it is the other way round: `30 1 * * *` runs once on the day that has
# that hour twice, `0,30 1 * * *` runs four times.
#
# fob asks it for times of day in UTC and places them in the zone by itself; it asks in the zone only for every hour.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error croner@11.0.1 >&2

cat > probe.mjs <<'JS'
import { Cron } from 'croner'
const next = (cron, from, count) =>
  new Cron(cron, { timezone: 'America/New_York' }).nextRuns(count, new Date(from)).map((at) => at.toISOString().slice(0, 16))
console.log(next('30 2 14 3 *', '2027-01-01T00:00:00Z', 1).join(' '))
console.log(next('0,30 2 14 3 *', '2027-01-01T00:00:00Z', 1).join(' '))
const autumn = (cron) => next(cron, '2027-11-07T04:50:00Z', 6).filter((at) => at.startsWith('2027-11-07')).length
console.log(autumn('30 1 * * *'), autumn('0,30 1 * * *'))
JS
seen=$(node probe.mjs | paste -sd ' ')
if [ "$seen" != '2027-03-14T07:00 2028-03-14T06:00 1 4' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
