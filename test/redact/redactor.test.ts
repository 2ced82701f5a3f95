/** The redactor against a slow reference: any split of the output, overlaps, counts, bytes and buffering. */
import { describe, expect, test } from 'bun:test'
import { createRedactor, type Redactor } from '../../src/redact/redactor.ts'
import { Secret } from '../../src/redact/secret.ts'
import { redactByHand, seeded } from './reference.ts'

const M = '***REDACTED***'
const SEED = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000)

const rows: { name: string; secrets: string[]; text: string; gives: string }[] = [
  { name: 'no secret at all', secrets: [], text: 'as it was', gives: 'as it was' },
  { name: 'an empty value is ignored', secrets: [''], text: 'as it was', gives: 'as it was' },
  { name: 'S60: one value', secrets: ['hunter22'], text: 'pw=hunter22!', gives: `pw=${M}!` },
  { name: 'the text is the value', secrets: ['hunter22'], text: 'hunter22', gives: M },
  { name: 'only a beginning of the value', secrets: ['hunter22'], text: 'hunter2', gives: 'hunter2' },
  { name: 'a beginning, then the value', secrets: ['hunter22'], text: 'hunthunter22', gives: `hunt${M}` },
  { name: 'one value after the other: a mark each', secrets: ['abcd'], text: 'abcdabcd', gives: M + M },
  { name: 'two values side by side', secrets: ['abcd', 'efgh'], text: 'abcdefgh', gives: M + M },
  { name: 'S62: a value that contains another', secrets: ['abcd', 'xabcdy'], text: 'xabcdy', gives: M },
  { name: 'S62: the same, added the other way', secrets: ['xabcdy', 'abcd'], text: 'xabcdy', gives: M },
  {
    name: 'the shorter one where the longer fails',
    secrets: ['abcd', 'xabcdy'],
    text: 'xabcdz',
    gives: `x${M}z`,
  },
  { name: 'a value that begins another', secrets: ['abcd', 'abcdefgh'], text: 'abcdef', gives: `${M}ef` },
  { name: 'overlapping values make one mark', secrets: ['abcd', 'cdef'], text: 'abcdef', gives: M },
  { name: 'a chain of overlaps', secrets: ['abc', 'cde', 'efg'], text: '-abcdefg-', gives: `-${M}-` },
  { name: 'a bridge over two values', secrets: ['ab', 'ef', 'bcde'], text: 'abcdef', gives: M },
  {
    name: 'a late, long one over two early ones',
    secrets: ['bc', 'ef', 'abcdefg'],
    text: 'abcdefg',
    gives: M,
  },
  { name: 'a value that overlaps itself', secrets: ['aaa'], text: 'baaaaab', gives: `b${M}b` },
  { name: 'one byte', secrets: ['x'], text: 'axxb', gives: `a${M}${M}b` },
  { name: 'the value is the mark', secrets: [M], text: `a${M}b`, gives: `a${M}b` },
  { name: 'the value is a part of the mark', secrets: ['REDACTED'], text: `a${M}b`, gives: `a${M}b` },
  { name: 'the same, outside of a mark', secrets: ['REDACTED'], text: '**REDACTED**', gives: `**${M}**` },
  { name: 'the value is the stars of the mark', secrets: ['***'], text: `${M}***`, gives: M },
  { name: 'the value contains the mark', secrets: [`x${M}y`], text: `_x${M}y_`, gives: `_${M}_` },
  { name: 'the value begins as the mark ends', secrets: ['abcd', '***z'], text: 'abcd***z', gives: M + M },
  { name: 'not ASCII', secrets: ['pässwörd🔑'], text: 'ä pässwörd🔑 🔑', gives: `ä ${M} 🔑` },
  {
    name: 'each line of several',
    secrets: ['line-one\nline-two'],
    text: 'line-two|line-one',
    gives: `${M}|${M}`,
  },
  { name: 'all lines at once', secrets: ['line-one\nline-two'], text: 'line-one\nline-two.', gives: `${M}.` },
  { name: 'CRLF lines', secrets: ['line-one\r\nline-two'], text: 'line-one\nline-two', gives: M },
  {
    name: 'line ends of a terminal, \\r\\r\\n, with a short line in between',
    secrets: ['line-one\nasdf\nline-two'],
    text: '[line-one\r\r\nasdf\r\r\nline-two]',
    gives: `[${M}]`,
  },
  {
    name: 'the same of a value with CRLF lines',
    secrets: ['line-one\r\nasdf\r\nline-two\r\n'],
    text: 'line-one\r\r\nasdf\r\r\nline-two\r\r\n.',
    gives: `${M}\r\r\n.`,
  },
  {
    name: 'mixed white space: long lines go, and a line under 6 bytes stays (docs/security.md)',
    secrets: ['line-one\nasdf\nline-two'],
    text: 'line-one\r\n\tasdf \n\nline-two',
    gives: `${M}\r\n\tasdf \n\n${M}`,
  },
  { name: 'a line under 6 bytes stays', secrets: ['short\nlong enough'], text: 'short', gives: 'short' },
  { name: 'the trailing line end is optional', secrets: ['hunter22\n'], text: '[hunter22]', gives: `[${M}]` },
  { name: 'and belongs to the value', secrets: ['hunter22\n'], text: 'hunter22\n.', gives: `${M}.` },
  { name: 'only line ends', secrets: ['\n\n'], text: 'a\n\nb\nc', gives: `a${M}b\nc` },
]

describe('each row, whole, byte by byte and at random cuts', () => {
  test.each(rows)('$name', ({ secrets, text, gives }) => {
    expect(redactor(secrets).text(text)).toBe(gives)
    expect(inPieces(redactor(secrets), text, () => 1)).toBe(gives)
    const random = seeded(SEED)
    for (let round = 0; round < 20; round++) {
      const cut = () => Math.floor(random() * 4)
      expect(`seed ${SEED}: ${inPieces(redactor(secrets), text, cut)}`).toBe(`seed ${SEED}: ${gives}`)
    }
  })
})

test('random secrets in random text come out as the slow reference has them', () => {
  const random = seeded(SEED)
  const word = (most: number) =>
    Array.from({ length: 1 + Math.floor(random() * most) }, () => 'abc'[Math.floor(random() * 3)]).join('')
  for (let round = 0; round < 3000; round++) {
    const secrets = Array.from({ length: 1 + Math.floor(random() * 6) }, () => word(6))
    const text = word(60)
    const gives = redactByHand(text, secrets)
    const pieces = inPieces(redactor(secrets), text, () => Math.floor(random() * 5))
    const label = `seed ${SEED}, round ${round}, ${secrets.join(' ')} in ${text}: `
    expect(label + redactor(secrets).text(text)).toBe(label + gives)
    expect(label + pieces).toBe(label + gives)
  }
})

test('hits do not depend on where the output was cut', () => {
  const random = seeded(SEED)
  for (let round = 0; round < 300; round++) {
    const text = Array.from({ length: 40 }, () => 'ab'[Math.floor(random() * 2)]).join('')
    const whole = redactor(['aab', 'abb', 'aabba', 'bb'])
    const cut = redactor(['aab', 'abb', 'aabba', 'bb'])
    whole.text(text)
    inPieces(cut, text, () => 1 + Math.floor(random() * 3))
    expect({ text, hits: hitsOf(cut) }).toEqual({ text, hits: hitsOf(whole) })
  }
})

test('hits are counted by mark and name, and a value inside a longer one is not counted', () => {
  const all = createRedactor()
  all.add('SHORT', new Secret('abcd'))
  all.add('LONG', new Secret('xabcdy'))
  all.add('TWIN', new Secret('abcd'))
  all.text('xabcdy abcd abcdabcd')
  expect(hitsOf(all)).toEqual({ LONG: 1, SHORT: 3, TWIN: 3 })
})

test('the report says where: in which stream, or else under the own name', () => {
  const all = createRedactor('deploy')
  all.add('TOKEN', new Secret('hunter22'))
  for (const place of ['build', 'build', 'test']) all.stream(place).push(encode('hunter22'))
  all.text('hunter22hunter22')
  expect(all.report()).toEqual([
    { secret: 'TOKEN', in: 'build', hits: 2 },
    { secret: 'TOKEN', in: 'test', hits: 1 },
    { secret: 'TOKEN', in: 'deploy', hits: 2 },
  ])
})

test('too much to look for is refused, and what was added before still counts', () => {
  const all = redactor(['hunter22'])
  const large = 'x'.repeat(256 * 1024)
  expect(() => {
    for (let index = 0; index < 100; index++) all.add(`S${index}`, new Secret(`${index}-${large}`))
  }).toThrow(RangeError)
  expect(all.text('hunter22')).toBe(M)
})

test('bytes that are not text are found too, and so are their encodings', () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, index) => 255 - 7 * index)
  const all = createRedactor()
  all.add('KEY', new Secret(bytes))
  const stream = all.stream()
  expect(decode(stream.push(bytes))).toBe(M)
  expect(all.text(`<${Buffer.from(bytes).toString('base64')}>`)).toBe(`<${M}>`)
  expect(all.text(`<${Buffer.from(bytes).toString('hex')}>`)).toBe(`<${M}>`)
})

test('nothing but the longest live partial match is held back', () => {
  const stream = redactor(['hunter22', 'terminal']).stream()
  const steps: [string, string][] = [
    ['Password: ', 'Password: '],
    ['hun', ''],
    ['ter', ''],
    ['m', 'hun'],
    ['x', 'termx'],
    ['hunter2', ''],
    ['2', M],
    ['done\n', 'done\n'],
  ]
  for (const [text, gives] of steps) expect(decode(stream.push(encode(text)))).toBe(gives)
  expect(decode(stream.end())).toBe('')
})

test('the end lets go of what was only the beginning of a value', () => {
  const stream = redactor(['hunter22']).stream()
  expect(decode(stream.push(encode('hunter2')))).toBe('')
  expect(decode(stream.end())).toBe('hunter2')
  expect(decode(stream.push(encode('2!')))).toBe('2!')
})

test('a value added in mid-stream is found in the bytes held back and in all that follows', () => {
  const all = redactor(['hunter22'])
  const stream = all.stream()
  expect(decode(stream.push(encode('a hunt')))).toBe('a ')
  all.add('LATE', new Secret('untold'))
  expect(decode(stream.push(encode('old ')))).toBe(`h${M} `)
  expect(decode(stream.push(encode('hunter22')))).toBe(M)
})

test('a value added to a redactor that had none is found from the next push on', () => {
  const all = createRedactor()
  const stream = all.stream()
  expect(decode(stream.push(encode('hunter22 ')))).toBe('hunter22 ')
  all.add('LATE', new Secret('hunter22'))
  expect(decode(stream.push(encode('hunter22')))).toBe(M)
})

test('a match that began in bytes already dropped survives an added value', () => {
  const all = redactor(['aaaa'])
  const stream = all.stream()
  expect(decode(stream.push(encode('aaaaaa')))).toBe('')
  all.add('LATE', new Secret('wxyz'))
  expect(decode(stream.push(encode('a.wxyz')))).toBe(`${M}.${M}`)
})

test('what was given out does not change when more is pushed', () => {
  const stream = redactor(['hunter22']).stream()
  stream.push(encode('hunter'))
  const first = stream.push(encode('s and hunter'))
  stream.push(encode('XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX'))
  expect(decode(first)).toBe('hunters and ')
})

test('all 256 bytes may occur in values', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  const value = Buffer.from(bytes).toString('latin1')
  const all = redactor([value, 'é'])
  expect(all.text(`<${value}>`)).toBe(`<${M}>`)
})

test('a value of 256 KiB is found at any cut, in bounded memory and time', () => {
  const random = seeded(SEED)
  const parts = Array.from({ length: 4096 }, () => random().toString(36).slice(2).padEnd(64, '0'))
  // It must not end as it starts, or the part of a value and the value would overlap in two.
  const value = `x${parts.join('')}`
  const all = redactor([value])
  // Processor time: on a busy machine the time on the wall says how busy it is.
  const started = process.cpuUsage()
  expect(all.text(`<${value.slice(0, -1)}${value}>`)).toBe(`<${value.slice(0, -1)}${M}>`)
  expect(inPieces(all, `<${value}>`, () => 7)).toBe(`<${M}>`)
  expect(process.cpuUsage(started).user / 1000).toBeLessThan(2000)
})

function redactor(secrets: readonly string[]): Redactor {
  const made = createRedactor()
  for (const [index, secret] of secrets.entries()) made.add(`S${index}`, new Secret(secret))
  return made
}

function hitsOf(all: Redactor): Record<string, number> {
  return Object.fromEntries(all.report().map(({ secret, hits }) => [secret, hits]))
}

function inPieces(from: Redactor, text: string, size: () => number): string {
  const bytes = encode(text)
  const stream = from.stream()
  const out: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const next = at + size()
    // A fresh buffer each time, overwritten afterwards: nobody may keep the caller's bytes.
    const chunk = bytes.slice(at, next)
    out.push(Buffer.concat(stream.push(chunk)))
    chunk.fill(0)
    at = next
  }
  out.push(...stream.end())
  return Buffer.concat(out).toString('utf8')
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function decode(pieces: readonly Uint8Array[]): string {
  return Buffer.concat(pieces).toString()
}
