/** Access rules: the documented ones, refused ones with their place, decisions, and bounded cost. */
import { describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/contract/fault.ts'
import type { Principal } from '../../../src/server/access-rules/principal.ts'
import { openRbac } from '../../../src/server/access-rules/access-rules.ts'
import { principal } from '../../support/servers/principal.ts'

const rbac = await openRbac()
const nobody = principal({
  kind: 'service',
  id: 'service:svk_1',
  email: null,
  name: null,
  nickName: null,
  avatarUrl: null,
  organizations: [],
  groups: [],
  provider: 'service',
  scopes: new Set(['runs:read']),
})

function fault(work: () => unknown): Fault {
  try {
    work()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('S10: the rules of the documents, verbatim', () => {
  test.each<[string, boolean, boolean]>([
    ['"myorg" in Organizations && Provider == "github"', true, false],
    ['Email endsWith "@company.com"', true, false],
    ['!("banned" in Groups)', true, true],
    ['NickName startsWith "admin"', true, false],
    ['Name contains "Smith"', true, false],
    ['Email == "ada@company.com"', true, false],
    ['Email == "eve@company.com" || Tenant == "default"', true, true],
    ['UserID == "4711"', true, false],
    ['"runs:read" in Scopes', true, true],
    ['AvatarURL startsWith "https://"', true, false],
    ['Email in ["ada@company.com", "eve@company.com"]', true, false],
    ['("myorg" in Organizations or "yourorg" in Organizations) and not ("banned" in Groups)', true, false],
    ['not (Email endsWith "@company.com")', false, true],
    ['!Email.endsWith("@company.com")', false, true],
    ["Name contains 'Smith'", true, false],
    ['size(Organizations) == 2', true, false],
    ['Organizations[0] startsWith "my"', true, false],
    ['Email contains ("comp" + "any")', true, false],
    ['Name startsWith NickName', false, true],
    ['Email.lowerAscii() endsWith "@company.com"', true, false],
    ['"ADA" startsWith "A" && "x" endsWith "x".lowerAscii()', true, true],
    ['true', true, true],
    ['Name contains " endsWith "', false, false],
    ['Name contains "a \\" || true || \\""', false, false],
  ])('%s', (rule, forAda, forNobody) => {
    rbac.check(rule)
    expect([rbac.allowed(principal(), rule), rbac.allowed(nobody, rule)]).toEqual([forAda, forNobody])
  })
})

describe('a rule that is not valid is refused when it is set', () => {
  const table: [name: string, rule: string, message: string, hint?: string][] = [
    ['an unknown name, with the nearest', 'Emial == "a"', 'column 1: "Emial" is not known', 'Email'],
    ['a name in other letters', 'true && userid == "a"', 'column 9: "userid"', 'did you mean UserID?'],
    ['a name like none', 'process == "a"', '"process" is not known', 'there are Email'],
    ['a method that is none', 'Email.constructor("a")', 'column 7: "constructor" is not known'],
    ['a loop', 'Groups.exists(Email, true)', '"exists" is not known'],
    [
      'a pattern, which could take forever',
      'Email matches "(a+)+$"',
      'matches is not supported',
      'startsWith',
    ],
    ['the same as a method', 'Email.matches("(a+)+$")', 'matches is not supported'],
    ['not in', '"a" not in Groups', 'column 5: "not in"', 'write !("x" in Groups)'],
    ['one =', 'Email = "a"', 'column 7: "=" has no meaning here', 'did you mean ==?'],
    ['one &', 'true & true', 'column 6', 'did you mean &&?'],
    ['nothing at the end', 'Email == ', 'something is missing here'],
    ['no value after an operator', 'Email endsWith', 'column 7: endsWith needs a value after it'],
    ['no value before one', 'endsWith "a"', 'column 1: endsWith needs a value before it'],
    ['text that does not end', 'Email == "abc', 'column 10: this text does not end'],
    ['text over lines', 'Email == "abc\n"', 'this text does not end'],
    ['three quotes', 'Email == """a"""', 'a quote follows a quote'],
    ['raw text', 'Email == r"a"', '"r" is not known'],
    ['bytes', 'Email == b"a"', '"b" is not known'],
    ['a comment', 'true // && false', '"/" has no meaning here'],
    ['a map', '{"a": 1}', '"{" has no meaning here'],
    ['a choice', 'true ? true : false', '"?" has no meaning here'],
    ['a bracket that is not closed', '("a" in Groups', 'column 1: this ( is not closed'],
    ['a bracket that is not opened', '"a" in Groups)', 'column 14'],
    ['brackets that cross', '("a" in Groups]', 'this ( is not closed'],
    ['types that do not fit', 'Email == 1', 'column 1: no such overload: string == int'],
    ['a list where text is meant', '"a" in Email', 'no such overload'],
    [
      'lists that are joined',
      'size(Groups + Groups) > 0',
      'column 6: + joins text, not lists',
      '"x" in Groups',
    ],
    ['lists that are compared', 'Groups == Organizations', 'column 1: lists cannot be compared', 'size'],
    ['a list that is compared with none', 'true && Groups != []', 'column 9: lists cannot be compared'],
    ['a list in a list', 'Groups in [Groups, Organizations]', 'column 11: a list holds no lists'],
    ['an entry of a list that stands there', '["a"][0] == Email', 'column 1: this is not supported'],
    ['a number that is none', `size(Groups) < ${'9'.repeat(20)}`, 'column 16: this number is too large'],
    ['a name as a field', 'Email.size == 1', 'column'],
    ['an operator on a list', 'Groups endsWith "a"', 'found no matching overload'],
    ['not before the wrong thing', '!"a" in Groups', 'no such overload'],
    ['what says no yes or no', 'Email', 'a rule says yes or no, and this one says a string', 'endsWith'],
    ['nothing', '  ', 'the rule is empty'],
    ['more than 2 KiB', `Email == "${'a'.repeat(2048)}"`, 'at most 2048 bytes'],
    ['a tower of brackets', `${'('.repeat(1000)}true${')'.repeat(1000)}`, 'too many brackets'],
    ['a tower of lists', `${'['.repeat(30)}1${']'.repeat(30)} == []`, 'too many brackets'],
    ['a wall of terms', Array.from({ length: 300 }, () => 'true').join('||'), 'column'],
    [
      'a row of values',
      `Email in [${Array.from({ length: 200 }, () => '"a"').join(',')}]`,
      'maxListElements',
    ],
  ]
  test.each(table.map(([name, ...row]) => ({ name, row })))(
    '$name',
    ({ row: [rule, message, hint = ''] }) => {
      const error = fault(() => rbac.check(rule))
      expect(error.code).toBe('usage')
      expect(error.message).toContain(message)
      expect(error.hint ?? '').toContain(hint)
    },
  )

  test('a place behind translated operators is the place in what was written', () => {
    const rule = 'Email endsWith "a" && Name contains "b" && Tenant == 5'
    expect(fault(() => rbac.check(rule)).message).toContain(`column ${rule.indexOf('Tenant') + 1}`)
  })
})

describe('who passes a rule', () => {
  test('S9: nobody passes one under Basic, and S3: everybody does on an open server', () => {
    expect(rbac.allowed(principal({ kind: 'basic' }), 'true')).toBe(false)
    expect(rbac.allowed(principal({ kind: 'anonymous' }), 'true')).toBe(false)
    expect(rbac.allowed(principal({ kind: 'open' }), 'false')).toBe(true)
  })

  test('what cannot be evaluated is a no, also inside a not', () => {
    const lonely = principal({ groups: [] })
    expect(rbac.allowed(lonely, 'Groups[0] == "a"')).toBe(false)
    expect(rbac.allowed(lonely, '!(Groups[0] == "a")')).toBe(false)
    expect(rbac.allowed(principal(), 'no rule at all')).toBe(false)
  })

  test('the rule of the server admits or not, and without one all are admitted', async () => {
    const strict = await openRbac('Email endsWith "@company.com"')
    expect(strict.admits(principal())).toBe(true)
    expect(strict.admits(principal({ email: 'eve@example.com' }))).toBe(false)
    expect(rbac.admits(principal({ email: null }))).toBe(true)
    await expect(openRbac('Emial == "a"')).rejects.toThrow('"Emial"')
  })
})

/** A term as often as a rule can hold it. */
function repeated(term: string, operator = '||', around = (terms: string) => terms): string {
  for (let n = Math.floor(2048 / (term.length + operator.length)); n > 1; n--) {
    const rule = around(Array.from({ length: n }, () => term).join(operator))
    if (isRule(rule)) return rule
  }
  throw new Error(`no rule: ${term}`)
}

function isRule(text: string): boolean {
  try {
    rbac.check(text)
    return true
  } catch {
    return false
  }
}

/** The middle of some tries, in milliseconds of processor time: other programs on the machine do not add to it. */
function timeOf(work: () => unknown): number {
  const tries = Array.from({ length: 15 }, () => {
    const started = process.threadCpuUsage()
    work()
    const { user, system } = process.threadCpuUsage()
    return (user + system - started.user - started.system) / 1000
  })
  return tries.toSorted((a, b) => a - b)[7] ?? Number.NaN
}

describe('the longest rule costs little, whoever asks', () => {
  const groups = Array.from({ length: 20_000 }, (_, i) => `team-${i}`)
  const large = principal({
    groups,
    organizations: groups.map((name) => `${name}-org`),
    name: 'ab'.repeat(1020),
    nickName: `${'ab'.repeat(300)}ba`,
    email: 'aA'.repeat(1020),
    avatarUrl: 'é'.repeat(2040),
  })
  const rules = [
    repeated('"a" in Groups'),
    repeated('!("team-1" in Organizations)'),
    repeated('Email+"" in Groups'),
    repeated('Groups[19999] in Organizations'),
    repeated('Name contains NickName'),
    repeated('(Name+"") contains (NickName+NickName+"a")'),
    repeated('Email.lowerAscii()==AvatarURL.upperAscii()'),
    repeated('size(AvatarURL)==0'),
    repeated('Name+"a"==Name+"b"'),
    repeated('Provider', '+', (terms) => `size(${terms})==0`),
    `Email in [${Array.from({ length: 120 }, (_, i) => `"${i}"`).join(',')}]`,
  ]

  test.each(rules.map((rule) => ({ name: rule.slice(0, 40), rule })))('$name …', ({ rule }) => {
    // What has to be looked up in so many groups is looked up once.
    rbac.allowed(large, rule)
    const plain = repeated('Email=="b"')
    const unit = timeOf(() => {
      for (let i = 0; i < 100; i++) rbac.allowed(large, plain)
    })
    // A rule without bounds took seconds for so many groups. Processor time is counted in steps of some milliseconds.
    expect(timeOf(() => rbac.allowed(large, rule))).toBeLessThan(100 * unit + 60)
  })

  test('somebody in thousands of groups is decided as fast as somebody in one', () => {
    const rule = repeated('"a" in Groups')
    const times = (groups: string[]) => {
      const who = principal({ groups })
      return timeOf(() => {
        for (let i = 0; i < 50; i++) rbac.allowed(who, rule)
      })
    }
    const one = times(['team-1'])
    expect(times(groups)).toBeLessThan(50 * one + 20)
  })

  test.each<[string, Partial<Principal>, string]>([
    ['more groups than anybody is in', { groups: [...groups, 'one more'] }, '!("banned" in Groups)'],
    ['a name longer than a rule', { name: 'a'.repeat(2049) }, '!(Name contains "banned")'],
    ['text that grows', { name: 'a'.repeat(1500) }, 'Name + Name != "banned"'],
  ])('%s cannot be evaluated, and that is no yes', (_what, given, rule) => {
    rbac.check(rule)
    expect(rbac.allowed(principal(), rule)).toBe(true)
    expect(rbac.allowed(principal(given), rule)).toBe(false)
    expect(rbac.allowed(principal(given), `!(${rule})`)).toBe(false)
  })
})

test('letters that only look like those of the alphabet stay what they are', () => {
  const kelvin = principal({ email: 'mike@\u212A.example', name: 'stra\u00DFe' })
  expect(rbac.allowed(kelvin, 'Email.lowerAscii() == "mike@k.example"')).toBe(false)
  expect(rbac.allowed(kelvin, 'Name.upperAscii() == "STRA\u00DFE"')).toBe(true)
})
