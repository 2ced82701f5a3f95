/**
 * Looks for leaks: secrets of all kinds, in all encodings, next to and into each other and into marks, cut at
 * random and printed by several tasks in turns. The encodings are written down here a second time, so that what
 * `src/redact` forgets is noticed; the slow reference says what has to come out.
 */
import { formsOf } from '../../src/redact/secret-forms.ts'
import { createRedactor, type Redactor } from '../../src/redact/redactor.ts'
import { Secret } from '../../src/redact/secret.ts'
import { redactByHand, seeded } from './reference.ts'
import { logText, ordinarySecrets } from './samples.ts'

export const MARK = '***REDACTED***'
/** Cases that share their secrets. */
export const GROUP = 250

type Random = () => number

/** What a tool prints, and what of it must not show. */
export interface Printed {
  text: string
  needles: string[]
}

/** By name, how a value is printed. `before` and `after` are encoded together with it. */
export const ENCODINGS: Readonly<Record<string, (value: string, before: string, after: string) => Printed>> =
  {
    plain: (value, before, after) => whole(value, before, after),
    base64: (value, before, after) => base64(value, before, after, 'base64'),
    base64url: (value, before, after) => base64(value, before, after, 'base64url'),
    'base64 in lines of 64': (value) => inLines(Buffer.from(value).toString('base64'), 64),
    'base64 in lines of 76': (value) => inLines(Buffer.from(value).toString('base64'), 76),
    hex: (value, before, after) => whole(hex(value), hex(before), hex(after)),
    HEX: (value, before, after) => whole(hex(value).toUpperCase(), hex(before), hex(after)),
    'a URL component': (...texts) => each(texts, encodeURIComponent),
    'a URL component in lower case': (...texts) =>
      each(texts, (text) => encodeURIComponent(text).replace(/%../g, (code) => code.toLowerCase())),
    'a whole URL': (...texts) => each(texts, encodeURI),
    'a form': (...texts) => each(texts, (text) => new URLSearchParams({ _: text }).toString().slice(2)),
    JSON: (...texts) => each(texts, json),
    'JSON in JSON': (...texts) => each(texts, (text) => json(json(text))),
    'JSON in ASCII': (...texts) =>
      each(texts, (text) =>
        json(text)
          .split('')
          .map((unit) => (unit <= '~' ? unit : `\\u${hex16(unit)}`))
          .join(''),
      ),
    'JSON with \\/': (...texts) => each(texts, (text) => json(text).replaceAll('/', '\\/')),
    'single quotes': (...texts) => each(texts, (text) => text.split("'").join("'\\''")),
    'double quotes': (...texts) => each(texts, (text) => text.replace(/(["\\$`])/g, '\\$1')),
    'XML text': (...texts) => each(texts, (text) => named(text, '&<>')),
    'an XML attribute': (...texts) => each(texts, (text) => named(text, '&<>"')),
    'HTML with &#39;': (...texts) => each(texts, (text) => named(text, '&<>"').replaceAll("'", '&#39;')),
    'XML by number': (...texts) =>
      each(texts, (text) => text.replace(/[&<>"']|[^ -~]/gu, (one) => `&#${one.codePointAt(0)};`)),
    'CRLF line ends': (value, before, after) => whole(value.replace(/\r?\n/g, '\r\n'), before, after),
    'line ends of a terminal': (value, before, after) =>
      whole(value.replace(/\r?\n/g, '\r\r\n'), before, after),
    'one line': (value, before, after) =>
      whole(
        value
          .trim()
          .split(/[ \t\r\n]+/)
          .join(' '),
        before,
        after,
      ),
  }

export interface Finding {
  seed: number
  group: number
  secrets: string[]
  text: string
  out: string
  problem: string
}

/** Runs the cases of one group, which share their secrets. @returns the first thing that is wrong. */
export function fuzz(seed: number, group: number): Finding | undefined {
  const random = seeded(Math.imul(seed, 0x9e3779b1) + group)
  const secrets = someSecrets(random)
  const redactor = redactorFor(secrets)
  const patterns = [...new Set(secrets.flatMap((value) => [...formsOf(new Secret(value))]))]
  if (patterns.some(meetsMark)) patterns.push(MARK)
  for (let round = 0; round < GROUP; round++) {
    const tasks = Array.from({ length: 1 + below(random, 3) }, () => someText(random, secrets))
    const outs = inTurns(
      random,
      redactor,
      tasks.map(({ text }) => text),
    )
    for (const [index, { text, needles }] of tasks.entries()) {
      const out = outs[index] ?? ''
      const problem = problemOf(out, needles, utf8(redactByHand(latin1(text), patterns)))
      if (problem !== undefined) return { seed, group, secrets, text, out, problem }
    }
  }
  return falseHit(seed, group)
}

/** Whether a pattern and a mark can stand so that they share characters, and neither is all of the other's. */
function meetsMark(pattern: string): boolean {
  for (let shift = 1 - pattern.length; shift < MARK.length; shift++) {
    const from = Math.max(0, shift)
    const to = Math.min(MARK.length, shift + pattern.length)
    const contains = shift <= 0 && shift + pattern.length >= MARK.length
    if (!contains && MARK.slice(from, to) === pattern.slice(from - shift, to - shift)) return true
  }
  return false
}

function problemOf(out: string, needles: readonly string[], wanted: string): string | undefined {
  const parts = out.split(MARK)
  const leak = needles.find((needle) => parts.some((part) => part.includes(needle)))
  if (leak !== undefined) return `${JSON.stringify(leak)} is still there`
  return out === wanted ? undefined : `not ${JSON.stringify(wanted)}`
}

/** Ordinary secrets, and ordinary text in which there is none of them. */
function falseHit(seed: number, group: number): Finding | undefined {
  const secrets = ordinarySecrets(seed + group, 7)
  const text = logText(seed - group, 4000)
  const [out = ''] = inTurns(seeded(group), redactorFor(secrets), [text])
  return out === text ? undefined : { seed, group, secrets, text, out, problem: 'a false hit' }
}

export function redactorFor(secrets: readonly string[]): Redactor {
  const redactor = createRedactor()
  for (const [index, value] of secrets.entries()) redactor.add(`S${index}`, new Secret(value))
  return redactor
}

/** Streams of several tasks, cut at random and taking turns. */
function inTurns(random: Random, redactor: Redactor, texts: readonly string[]): string[] {
  // Some larger than what is joined to what was held back
  const most = pick(random, [3, 10, 40, 400])
  const tasks = texts.map((text) => {
    return { rest: Buffer.from(text), out: [] as Uint8Array[], stream: redactor.stream() }
  })
  for (let open = [...tasks]; open.length > 0; open = open.filter(({ rest }) => rest.length > 0)) {
    const task = open[below(random, open.length)]
    if (!task) break
    const size = below(random, most + 1)
    // Copies, as the pieces are good until the next call only.
    task.out.push(Buffer.concat(task.stream.push(task.rest.subarray(0, size))))
    task.rest = task.rest.subarray(size)
  }
  return tasks.map(({ out, stream }) => Buffer.concat([...out, ...stream.end()]).toString())
}

function someText(random: Random, secrets: readonly string[]): Printed {
  const encodings = Object.values(ENCODINGS)
  const all: Printed = { text: '', needles: [] }
  for (let piece = 1 + below(random, 6); piece > 0; piece--) {
    const value = pick(random, secrets)
    const kind = below(random, 10)
    if (kind < 5) {
      const encode = pick(random, encodings)
      // Nothing in between, now and then.
      const [before, after] = [noise(random, below(random, 5)), noise(random, below(random, 5))]
      const { text, needles } = encode(value, before, after)
      all.text += text
      all.needles.push(...needles)
    } else if (kind < 6) all.text += value.slice(0, below(random, value.length))
    else if (kind < 7) all.text += value.slice(below(random, value.length))
    else if (kind < 8) all.text += MARK.slice(below(random, 4))
    else all.text += noise(random, below(random, 40))
  }
  return all
}

function someSecrets(random: Random): string[] {
  const secrets: string[] = []
  for (let count = 1 + below(random, 4); count > 0; count--) {
    const other = secrets.at(-1) ?? 'hunter22'
    const make = pick(random, SECRETS)
    secrets.push(make(random, other))
  }
  // Halves of a character make no text.
  return secrets.map((value) => (Buffer.byteLength(value.trim()) < 4 ? `${value}pass` : value).toWellFormed())
}

const SECRETS: readonly ((random: Random, other: string) => string)[] = [
  (r) => letters(r, 4 + below(r, 40)),
  (r) => noise(r, 4 + below(r, 30)),
  (r) =>
    Array.from({ length: 2 + below(r, 4) }, () => noise(r, below(r, 20))).join(
      pick(r, ['\n', '\r\n', '\n  ']),
    ),
  (r) => `${letters(r, 8 + below(r, 8))}\n`,
  // One letter many times, and one value within, before and after another
  (r) => pick(r, ['a', 'ab', 'é', '*']).repeat(4 + below(r, 12)),
  (r, other) => `${letters(r, below(r, 3))}${other}${letters(r, below(r, 3))}`,
  (r, other) => `${other.slice(Math.floor(other.length / 2))}${letters(r, 4)}`,
  (r, other) => `${letters(r, 4)}${other.slice(0, Math.ceil(other.length / 2))}`,
  // The mark, and pieces of it
  (r) => `${letters(r, below(r, 3))}${MARK.slice(below(r, 8))}${letters(r, below(r, 3))}`,
  (r) => `${letters(r, 3)}${MARK}${letters(r, 3)}`,
  // Long enough to be broken over lines
  (r) => letters(r, 60 + below(r, 120)),
  (r) => noise(r, 60 + below(r, 60)),
]

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const CHARACTERS = Array.from(`${LETTERS}${LETTERS} \t!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~äß€🔑`)

function letters(random: Random, length: number): string {
  return Array.from({ length }, () => pick(random, LETTERS)).join('')
}

function noise(random: Random, length: number): string {
  return Array.from({ length }, () => pick(random, CHARACTERS)).join('')
}

function whole(value: string, before: string, after: string): Printed {
  return { text: before + value + after, needles: telling(value.replace(/[\r\n]+$/, '')) }
}

function each([value = '', before = '', after = '']: string[], encode: (text: string) => string): Printed {
  const text = encode(before) + encode(value) + encode(after)
  return { text, needles: telling(encode(value.replace(/[\r\n]+$/, ''))) }
}

function base64(value: string, before: string, after: string, encoding: 'base64' | 'base64url'): Printed {
  const text = Buffer.from(before + value + after).toString(encoding)
  // The characters that hold bits of the value alone
  const from = Math.ceil((8 * Buffer.byteLength(before)) / 6)
  const to = Math.floor((8 * Buffer.byteLength(before + value)) / 6)
  return { text, needles: telling(text.slice(from, to)) }
}

function inLines(text: string, columns: number): Printed {
  const lines = text.match(new RegExp(`.{1,${columns}}`, 'g')) ?? []
  return { text: `${lines.join('\n')}\n`, needles: lines.filter((line) => line.length >= 8) }
}

/** Shorter ones are not derived; and what is within the mark cannot be hidden by it. */
function telling(needle: string): string[] {
  return Buffer.byteLength(needle) < 6 || MARK.includes(needle) || needle.trim() === '' ? [] : [needle]
}

function hex(text: string): string {
  return [...Buffer.from(text)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function json(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

function hex16(unit: string): string {
  return unit.charCodeAt(0).toString(16).padStart(4, '0')
}

function named(text: string, which: string): string {
  const names: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' }
  return text
    .split('')
    .map((one) => (which.includes(one) ? `&${names[one]};` : one))
    .join('')
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function utf8(binary: string): string {
  return Buffer.from(binary, 'latin1').toString()
}

function pick<T>(random: Random, from: ArrayLike<T>): T {
  const chosen = from[below(random, from.length)]
  if (chosen === undefined) throw new Error('nothing to pick from')
  return chosen
}

function below(random: Random, bound: number): number {
  return Math.floor(random() * bound)
}
