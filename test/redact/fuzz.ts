/**
 * Looks for leaks: secrets of all kinds, in all encodings, next to and into each other and into marks, cut at
 * random and printed by several tasks in turns. The encodings are written down a second time (`fuzz-encodings.ts`), so
 * that what `src/redact` forgets is noticed; the slow reference says what has to come out.
 */
import { formsOf } from '../../src/redact/secret-forms.ts'
import { createRedactor, type Redactor } from '../../src/redact/redactor.ts'
import { Secret } from '../../src/redact/secret.ts'
import { ENCODINGS, type Printed } from './fuzz-encodings.ts'
import { MARK, redactByHand, seeded } from './reference.ts'
import { logText, ordinarySecrets } from './samples.ts'

/** Cases that share their secrets. */
export const GROUP = 250

type Random = () => number

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
  // With secrets within
  (r) =>
    pick(r, ['"', "'"])
      .repeat(1)
      .replace(/^./, (quote) => quote + noise(r, 4 + below(r, 20)) + quote),
  (r) =>
    JSON.stringify(
      { id: below(r, 1e9), key: noise(r, 8 + below(r, 30)), in: [[letters(r, 12)]] },
      null,
      below(r, 3),
    ),
  (r) => `postgres://app:${encodeURIComponent(noise(r, 8 + below(r, 20)))}@db.internal:5432/app?ssl=1`,
  (r) => pem(letters(r, 100 + below(r, 300)), pick(r, ['\\n', ' ', '\n'])),
  (r) => JSON.stringify({ key: pem(letters(r, 100 + below(r, 100)), '\n') }),
]

function pem(body: string, lineEnd: string): string {
  return ['-----BEGIN PRIVATE KEY-----', ...(body.match(/.{1,64}/g) ?? []), '-----END PRIVATE KEY-----'].join(
    lineEnd,
  )
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const CHARACTERS = Array.from(`${LETTERS}${LETTERS} \t!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~äß€🔑`)

function letters(random: Random, length: number): string {
  return Array.from({ length }, () => pick(random, LETTERS)).join('')
}

function noise(random: Random, length: number): string {
  return Array.from({ length }, () => pick(random, CHARACTERS)).join('')
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
