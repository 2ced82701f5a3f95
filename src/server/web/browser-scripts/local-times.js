/** The script of every page with a menu: times in the reader's own zone. */
/* eslint-env browser */
/*
 * The server writes times in UTC. With this they are shown in the zone of the browser, in the same form, so that
 * nothing moves, and what the server wrote is their title.
 */

const ZONE = new Intl.DateTimeFormat('en', { timeZoneName: 'short' })
const DISTANCE = new Intl.RelativeTimeFormat('en', { style: 'short' })
const MINUTE = 60_000
/** From this distance on, a date says more than a distance. */
const DAY = 24 * 60 * MINUTE

const two = (number) => String(number).padStart(2, '0')

/** `2026-01-31 18:05 GMT+1` */
function local(at) {
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const zone = ZONE.formatToParts(at).find(({ type }) => type === 'timeZoneName').value
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())} ${zone}`
}

/** `5 min. ago`; undefined where that is further away than a day. */
function distance(at) {
  const ms = at - Date.now()
  if (Math.abs(ms) < MINUTE) return 'just now'
  if (Math.abs(ms) >= DAY) return undefined
  const minutes = Math.trunc(ms / MINUTE)
  return Math.abs(minutes) < 60
    ? DISTANCE.format(minutes, 'minute')
    : DISTANCE.format(Math.trunc(minutes / 60), 'hour')
}

/** Shows the times of a document, or of a part of it, once. */
export function showLocalTimes(root) {
  for (const time of root.querySelectorAll('time[datetime]:not([title])')) {
    const at = new Date(time.dateTime)
    if (Number.isNaN(at.getTime())) continue
    const utc = time.textContent
    const isNear = time.dataset.relative !== undefined
    time.title = isNear ? `${local(at)}, ${utc}` : utc
    time.textContent = (isNear ? distance(at) : undefined) ?? local(at)
  }
}

/** A page that stays open would say "just now" all day. */
function showDistances() {
  for (const time of document.querySelectorAll('time[data-relative][title]')) {
    const at = new Date(time.dateTime)
    time.textContent = distance(at) ?? local(at)
  }
}

showLocalTimes(document)
setInterval(showDistances, MINUTE / 2)
