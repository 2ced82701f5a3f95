import { describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/contract/fault.ts'
import { openRbac } from '../../../src/server/rbac/rbac.ts'
import { principal } from '../../support/principal.ts'

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

describe('a rule that is none is refused when it is set', () => {
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

test('a rule at its limits is decided within a few milliseconds', () => {
  const rule = Array.from({ length: 60 }, (_, i) => `"group-${i}" in Groups`).join(' || ')
  const groups = Array.from({ length: 5000 }, (_, i) => `team-${i}`)
  rbac.check(rule)
  const started = performance.now()
  expect(rbac.allowed(principal({ groups }), rule)).toBe(false)
  expect(performance.now() - started).toBeLessThan(250)
})
