/** Properties of the translation of rules into CEL: total, faithful, and with positions that lead back. */
import { Environment } from '@marcbachmann/cel-js'
import { expect, test } from 'bun:test'
import { Fault } from '../../../src/contract/fault.ts'
import { ATTRIBUTES, type Attributes } from '../../../src/server/access-rules/caller-attributes.ts'
import { openCompiler } from '../../../src/server/access-rules/compile-rule.ts'
import { openRbac } from '../../../src/server/access-rules/access-rules.ts'
import { translate } from '../../../src/server/access-rules/translate-rule-to-cel.ts'

const seed = Number(process.env.FOB_TEST_SEED ?? Math.trunc(Math.random() * 2 ** 31))

/** mulberry32: small, good enough, and the same everywhere for one seed. */
function generator(start: number) {
  let state = start
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}
const random = generator(seed)
const pick = <T>(of: readonly [T, ...T[]]): T => of[random(of.length)] ?? of[0]

const WORDS =
  'Email Groups Scopes in and or not endsWith contains startsWith matches size true nope r b'.split(' ')
const SYMBOLS = '&& || ! == != ( ) [ ] . , + < > = " \' \\ { } // ? : 7 é \n \u0000'.split(' ')

/** How much of a text is neither an operator that is translated nor what the translation adds. */
const letters = (s: string) => s.replace(/&&|\|\||\b(?:and|or)\b|[\s.()]/g, '').length

const literal = () => {
  const quote = pick(['"', "'"])
  const inside = Array.from({ length: random(12) }, () =>
    pick([' endsWith ', ' and ', '(', ')', 'a', '\\\\', '\\"', "\\'", ' not in ', '&&', '//', 'é']),
  ).join('')
  return quote + inside + quote
}

test(`soup of tokens is either a rule or a Fault, never anything else (seed ${seed})`, async () => {
  const rbac = await openRbac()
  for (let i = 0; i < 3000; i++) {
    const rule = Array.from({ length: random(14) }, () =>
      pick([() => pick(['Email', ...WORDS]), () => pick(['(', ...SYMBOLS]), literal])(),
    ).join(pick([' ', '', ' ']))
    try {
      rbac.check(rule)
    } catch (error) {
      if (!(error instanceof Fault)) throw new Error(JSON.stringify(rule), { cause: error })
      expect(error.code).toBe('usage')
    }
  }
})

test(`text in quotes is copied as it stands, in its order (seed ${seed})`, () => {
  for (let i = 0; i < 1000; i++) {
    const literals = Array.from({ length: 1 + random(4) }, literal)
    const rule = literals
      .map((text) => `Email ${pick(['endsWith', 'contains', 'startsWith', '=='])} ${text}`)
      .join(pick([' && ', ' or ', ' and ']))
    const { cel } = translate(rule)
    let from = 0
    for (const text of literals) {
      const at = cel.indexOf(text, from)
      expect({ seed, rule, cel, found: at >= 0 }).toEqual({ seed, rule, cel, found: true })
      from = at + text.length
    }
    // And nothing was added beyond brackets, dots and blanks.
    expect(letters(cel)).toBe(letters(rule))
  }
})

test(`every place in a translation leads back into the rule (seed ${seed})`, () => {
  const rule = 'Email endsWith "a" and not ("b" in Groups) or Name contains ("c" + "d")'
  const { cel, sourceOffset } = translate(rule)
  for (let i = 0; i <= cel.length; i++) {
    expect(sourceOffset(i)).toBeGreaterThanOrEqual(0)
    expect(sourceOffset(i)).toBeLessThanOrEqual(rule.length)
  }
  expect(rule.slice(sourceOffset(cel.indexOf('Name')))).toStartWith('Name')
  expect(rule.slice(sourceOffset(cel.indexOf('"c"')))).toStartWith('"c"')
})

/** A rule whose types fit, of the given type. */
function expression(type: 'bool' | 'string' | 'int' | 'list', depth: number): string {
  const of = (of: 'bool' | 'string' | 'int' | 'list') => expression(of, depth - 1)
  if (type === 'list') {
    const some = Array.from({ length: 1 + random(3) }, () => of('string'))
    return pick(['Groups', 'Organizations', 'Scopes', depth > 0 ? `[${some.join(', ')}]` : 'Groups'])
  }
  if (depth <= 0) {
    if (type === 'bool') return pick(['true', 'false'])
    if (type === 'int') return pick(['0', '1', '2', 'size(Groups)'])
    return pick(['"a"', "'ab'", '"B"', 'Email', 'Name', 'Groups[0]', 'Organizations[1]', '""'])
  }
  if (type === 'int') {
    return pick([
      () => `size(${of('string')})`,
      () => `size(${of('list')})`,
      () => `(${of('int')} + ${of('int')})`,
    ])()
  }
  if (type === 'string') {
    const cased = pick(['lowerAscii', 'upperAscii'])
    return pick([() => `(${of('string')} + ${of('string')})`, () => `(${of('string')}).${cased}()`])()
  }
  const word = pick(['contains', 'startsWith', 'endsWith'])
  const compared = pick(['==', '!=', '<', '<=', '>', '>='])
  return pick([
    () => `(${of('bool')} ${pick(['&&', '||', 'and', 'or'])} ${of('bool')})`,
    () => `!(${of('bool')})`,
    () => `(${of('string')} ${compared} ${of('string')})`,
    () => `(${of('int')} ${compared} ${of('int')})`,
    () => `(${of('string')} ${word} ${of('string')})`,
    () => `(${of('string')} in ${of('list')})`,
  ])()
}

const text = () => pick(['', 'a', 'ab', 'B', 'aB', 'team-7'])
const list = () => Array.from({ length: pick([0, 1, 2, 50]) }, (_, i) => pick([text(), `team-${i}`]))

test(`a rule says what CEL says (seed ${seed})`, () => {
  const compile = openCompiler()
  const library = new Environment()
  for (const [name, type] of Object.entries(ATTRIBUTES)) library.registerVariable(name, type)
  const verdicts = [0, 0]
  for (let i = 0; i < 2000; i++) {
    const rule = expression('bool', 4)
    let decide: ReturnType<typeof compile>
    try {
      decide = compile(rule)
    } catch {
      // Too long or too deep: another one.
      continue
    }
    const attributes: Attributes = {
      Email: text(),
      Name: text(),
      NickName: text(),
      AvatarURL: text(),
      Provider: text(),
      UserID: text(),
      Organizations: list(),
      Groups: list(),
      Scopes: list(),
      Tenant: text(),
    }
    let expected: unknown = false
    try {
      expected = library.evaluate(translate(rule).cel, { ...attributes })
    } catch {
      // What cannot be evaluated does not pass.
    }
    const verdict = decide(attributes)
    expect({ seed, rule, attributes, verdict }).toEqual({
      seed,
      rule,
      attributes,
      verdict: expected === true,
    })
    verdicts[verdict ? 1 : 0] = (verdicts[verdict ? 1 : 0] ?? 0) + 1
  }
  expect(Math.min(...verdicts)).toBeGreaterThan(100)
})
