/** Rules about the claims of a JWT. */
import { describe, expect, test } from 'bun:test'
import { compileClaimRule } from '../../../src/server/access-rules/compile-claim-rule.ts'
import { GITLAB_CLAIMS } from '../../support/stand-ins/workload-issuer.ts'

const claims = {
  ...GITLAB_CLAIMS,
  groups: ['ops', 'deployers'],
  'kubernetes.io': { namespace: 'ci' },
  email_verified: true,
  level: 3,
  share: 0.5,
}

describe('a rule about claims lets these in, as the document writes it', () => {
  test.each([
    'claims.ref == "main"',
    'claims.ref == "main" || claims.environment == "production"',
    'claims.environment == "production" or claims.ref == "main"',
    'claims.project_path startsWith "my-group/" and claims.ref_protected == "true"',
    'claims.project_path.startsWith("my-group/")',
    '"deployers" in claims.groups',
    'claims["kubernetes.io"].namespace == "ci"',
    'not has(claims.environment)',
    'claims.level >= 3 && claims.level in [1, 3]',
    'size(claims.groups) == 2',
    'claims.email_verified',
    'claims.sub contains ":ref:main"',
  ])('%s', (rule) => expect(compileClaimRule(rule)(claims)).toBe(true))
})

describe('and these not: no, of another type, or not there', () => {
  test.each([
    'claims.ref == "dev"',
    'claims.environment == "production"',
    '!(claims.environment == "production")',
    'claims.ref == 1',
    'claims.ref',
    'claims.share',
    '"main" in claims.ref',
    'claims.groups == "ops"',
    'claims.constructor == "x"',
    'claims.ref.a.b == "x"',
  ])('%s', (rule) => expect(compileClaimRule(rule)(claims)).toBe(false))
})

describe('a rule that cannot be one is refused with its place', () => {
  test.each([
    ['', 'the rule is empty'],
    ['claim.ref == "x"', 'at column 1: "claim" is not known'],
    ['Email == "x"', 'at column 1: "Email" is not known'],
    ['claims.ref.matches("a+")', 'at column 12: matches is not supported'],
    ['claims.ref.foo("a")', 'at column 12: "foo" is not known'],
    ['claims.ref == ', 'something is missing here'],
    ['size(claims.groups)', 'this one says a int'],
    ['claims.ref = "x"', 'at column 12'],
  ])('%s', (rule, words) => expect(() => compileClaimRule(rule)).toThrow(words))
})
