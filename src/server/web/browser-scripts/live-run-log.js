/** The script of a run's page: the live log. */
/* eslint-env browser */
/*
 * The live log of one run. The page works without this; with it, the log follows the run, has colours, and stays
 * smooth with 100,000 lines and more: all lines are stored as text, and only those near the window are elements.
 * Whatever a run prints is put on the page as text, never as markup.
 */

import { canCopy, onCopy } from './copy-buttons.js'
import { firstError, plain, stretches } from './log-text.js'
import { adoptTasks, badge, hasEnded, takeTask, tasks } from './run-tasks.js'

/** Lines of one block. A block far from the window is an empty box of the right height. */
const BLOCK = 100
/** Beyond these many, the oldest lines go: a browser is no archive. */
const MAX_LINES = 300_000

const element = (id) => document.getElementById(id)
const box = element('log')

/* -------------------------------------------------------------------------------------------- all lines */

/** `{number, task, of, stream, startsAttempt, raw}`, `of` being the task's number, in the order in which they began. */
const lines = []
/** What was taken off the front: a line's place is its number less this. */
let dropped = 0
/** By task and stream, the line that has no end yet. */
const open = new Map()

/** The attempt whose first line comes next, of every attempt but the first. */
let startsAttempt

/** What an earlier attempt left without an end stays so. */
function takeAttempt(attempt) {
  open.clear()
  startsAttempt = attempt
}

function takeLog({ task = '', number, stream, data }) {
  const key = `${stream} ${number} ${task}`
  const of = task === '' ? undefined : String(number ?? task)
  for (const part of data.split(/(?<=\n)/)) {
    let line = open.get(key)
    if (!line) {
      line = { number: dropped + lines.length + 1, task, of, stream, startsAttempt, raw: '' }
      startsAttempt = undefined
      lines.push(line)
      if (matches(line)) shown.push(line)
    }
    line.raw += part.endsWith('\n') ? part.replace(/\r?\n$/, '') : part
    if (part.endsWith('\n')) open.delete(key)
    else open.set(key, line)
    touched(line)
  }
  if (lines.length > MAX_LINES + 10_000) {
    dropped += lines.splice(0, lines.length - MAX_LINES).length
    rebuild()
  }
}

/* -------------------------------------------------------------------------------------------- those on the page */

/** The lines that the filter lets through. */
let shown = []
let wanted = ''
const matches = (line) => wanted === '' || line.task === wanted

/** Elements of blocks, in order; each holds lines only while it is near the window. */
let blocks = []
const list = document.createElement('div')
let isScheduled = false
const stale = new Set()
let follows = false
/** Whether the page scrolls so that the end of the box stays in the window: until a person scrolls it out. */
let keepsInView = false
/** How far the box was scrolled when it was at its end. */
let endTop = 0
/** How far the page was, when last looked at. */
let pageY = 0
/** Whether the address names a line that has not come yet. */
let isSought = location.hash !== ''
let marked

const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) fill(target)
      else target.replaceChildren()
      target.dataset.filled = String(isIntersecting)
    }
  },
  { root: box, rootMargin: '600px 0px' },
)

function touched(line) {
  stale.add(line)
  schedule()
}

function schedule() {
  if (isScheduled) return
  isScheduled = true
  requestAnimationFrame(draw)
}

/** Once for all that came since the last frame. */
function draw() {
  isScheduled = false
  while (blocks.length * BLOCK < shown.length) addBlock()
  for (let i = 0; i < blocks.length; i++) size(blocks[i], i)
  const numbers = new Set([...stale].map((line) => blockOf(line)))
  stale.clear()
  for (const index of numbers) if (blocks[index]?.dataset.filled === 'true') fill(blocks[index])
  if (follows) toEnd()
  if (isSought) fromAddress()
}

/** To the newest line; the page scrolls with it unless a person has scrolled it elsewhere. */
function toEnd() {
  box.scrollTop = box.scrollHeight
  endTop = box.scrollTop
  if (keepsInView) scrollBy(0, Math.max(0, belowWindow()))
  pageY = scrollY
}

/** How far the end of the box is below the window, which is negative where it is inside. */
const belowWindow = () => box.getBoundingClientRect().bottom - innerHeight

function addBlock() {
  const block = document.createElement('div')
  block.className = 'block'
  block.dataset.index = String(blocks.length)
  blocks.push(block)
  list.append(block)
  near.observe(block)
}

const count = (index) => Math.min(BLOCK, shown.length - index * BLOCK)

/** A box's height is that of its lines, which do not wrap. */
function size(block, index) {
  const value = String(count(index))
  if (block.dataset.count === value) return
  block.dataset.count = value
  block.style.setProperty('--lines', value)
}

function fill(block) {
  const first = Number(block.dataset.index) * BLOCK
  block.replaceChildren(...shown.slice(first, first + BLOCK).map(render))
}

function render(line) {
  const row = document.createElement('div')
  row.className = `line ${line.stream}`
  row.id = `L${line.number}`
  if (line === marked) row.classList.add('marked')
  const link = document.createElement('a')
  link.href = `#L${line.number}`
  // Not a stop for the Tab key: there would be a hundred before the next control. The search reaches them too.
  link.tabIndex = -1
  link.textContent = String(line.number)
  const of = document.createElement('span')
  of.className = 'of'
  of.textContent = line.task
  of.title = line.task
  const text = document.createElement('span')
  for (const { text: part, classes } of stretches(line.raw)) {
    const span = document.createElement('span')
    span.className = classes.join(' ')
    span.textContent = part
    text.append(classes.length === 0 ? part : span)
  }
  row.append(link, of, ...attemptOf(line), text)
  return row
}

/** As the server puts it before the first line of an attempt. */
function attemptOf({ startsAttempt: attempt }) {
  if (attempt === undefined) return []
  const start = document.createElement('b')
  start.className = 'attempt'
  start.textContent = `attempt ${attempt}`
  return [start]
}

/** Where a line stands among those shown: they are in order of their numbers. */
function placeOf(line) {
  let low = 0
  let high = shown.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const { number } = shown[middle]
    if (number === line.number) return middle
    if (number < line.number) low = middle + 1
    else high = middle - 1
  }
  return -1
}
const blockOf = (line) => Math.floor(placeOf(line) / BLOCK)

function rebuild() {
  near.disconnect()
  list.replaceChildren()
  blocks = []
  shown = lines.filter(matches)
  stale.clear()
  draw()
}

function goTo(line) {
  const place = line ? placeOf(line) : -1
  if (place < 0) return
  isSought = false
  setFollow(false)
  draw()
  const before = marked
  marked = line
  const height = list.getBoundingClientRect().height / shown.length
  box.scrollTop = Math.max(0, place * height - box.clientHeight / 3)
  const top = box.getBoundingClientRect().top + place * height - box.scrollTop
  // The box is never higher than the window: with all of it the line is inside, too.
  if (top < 0 || top + height > innerHeight) box.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  for (const one of [before, line]) if (one) touched(one)
}

function setFollow(value) {
  follows = value
  keepsInView = value
  if (value) isSought = false
  element('log-follow').setAttribute('aria-pressed', String(value))
  if (value) toEnd()
}

/* -------------------------------------------------------------------------------------------- tools */

let hits = []
let hit = -1

function search() {
  const needle = element('log-search').value.toLowerCase()
  hits = needle === '' ? [] : shown.filter((line) => plain(line.raw).toLowerCase().includes(needle))
  hit = -1
  element('log-count').textContent =
    needle === '' ? '' : hits.length === 0 ? 'not found' : `${hits.length} found`
}

function step(by) {
  if (hits.length === 0) search()
  if (hits.length === 0) return
  hit = (hit + by + hits.length) % hits.length
  element('log-count').textContent = `${hit + 1} of ${hits.length}`
  goTo(hits[hit])
}

/** Where no line says it, the run's own message does. */
function toFirstError() {
  const line = firstError(
    shown,
    [...tasks].map(([of, { status }]) => [of, status]),
  )
  const message = element('run-message')
  if (line && (message.hidden || tasks.get(line.of)?.status !== 'success')) goTo(line)
  else message.scrollIntoView({ block: 'nearest' })
}

/* -------------------------------------------------------------------------------------------- the stream */

function start() {
  for (const old of document.querySelectorAll('[data-static]')) old.remove()
  adoptTasks()
  element('log-tools').hidden = false
  box.append(list)
  setFollow(box.dataset.live !== undefined && location.hash === '')
  const events = new EventSource(box.dataset.events)
  const on = (type, take) => events.addEventListener(type, ({ data }) => take(JSON.parse(data)))
  on('log', takeLog)
  on('task', takeTask)
  on('run', ({ status, attempt }) => {
    element('run-status').replaceChildren(badge(status))
    if (status === 'queued' && attempt !== undefined) takeAttempt(attempt)
  })
  on('exit', ({ message }) => {
    events.close()
    if (message) {
      element('run-message').textContent = message
      element('run-message').hidden = false
    }
    if (box.dataset.live !== undefined) hasEnded()
  })
}

/** `#L12` */
function fromAddress() {
  const number = Number(/^#L(\d+)$/.exec(location.hash)?.[1])
  const line = lines[number - dropped - 1]
  if (line) goTo(line)
}

element('log-search').addEventListener('input', search)
element('log-search').addEventListener('keydown', (event) => {
  if (event.key === 'Enter') step(event.shiftKey ? -1 : 1)
})
element('log-next').addEventListener('click', () => step(1))
element('log-previous').addEventListener('click', () => step(-1))
if (canCopy) {
  element('log-copy').hidden = false
  onCopy(element('log-copy'), () => shown.map(({ raw }) => `${plain(raw)}\n`).join(''))
}
element('log-error').addEventListener('click', toFirstError)
element('log-follow').addEventListener('click', () => setFollow(!follows))
element('log-task').addEventListener('change', (event) => {
  wanted = event.target.value
  rebuild()
})
// Who scrolls up wants to read. A box that grew has also moved, but is at its end.
box.addEventListener(
  'scroll',
  () => {
    const left = box.scrollHeight - box.clientHeight - box.scrollTop
    if (follows && left > 1 && box.scrollTop < endTop - 1) setFollow(false)
  },
  { passive: true },
)
addEventListener(
  'scroll',
  () => {
    // What is new above the box moves it down as well, so only who goes up has left it.
    const isInside = belowWindow() <= 1
    if (isInside || scrollY < pageY) keepsInView = isInside
    pageY = scrollY
  },
  { passive: true },
)
// What is new above the box moves it down.
new ResizeObserver(schedule).observe(box.parentElement)
addEventListener('hashchange', () => {
  isSought = true
  fromAddress()
})

start()
