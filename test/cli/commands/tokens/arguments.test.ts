/** The arguments of `fob tokens create` and `fob server service-key add`, as they reach the server. */
import { describe, expect, test } from 'bun:test'
import { parseLifetime } from '../../../../src/cli/parsing/duration-flags.ts'
import { runCommandLine } from '../../../../src/cli/run-command-line.ts'
import { parseScopes } from '../../../../src/cli/parsing/parse-token-scopes.ts'
import { fakeDeps } from '../../../support/client/fake-deps.ts'

describe('tokens create', () => {
  test.each([
    ['no scope', ['x', '--all-pipelines'], 'say what it may do', 'pipelines:read'],
    [
      'a scope that is none',
      ['x', '--all-pipelines', '--scope', 'runs:raed'],
      'no such scope',
      'did you mean runs:read?',
    ],
    [
      'nothing about pipelines',
      ['x', '--scope', 'runs:read'],
      'which pipelines',
      '--pipeline NAME or --all-pipelines',
    ],
    [
      'both',
      ['x', '--scope', 'runs:read', '-p', 'a', '--all-pipelines'],
      '--pipeline and --all-pipelines cannot be used together',
      '',
    ],
    ['a time that is none', ['x', '--scope', 'runs:read', '--all-pipelines', '--expires', '90'], '90d', ''],
    ['no name', ['--scope', 'runs:read', '--all-pipelines'], 'needs NAME', ''],
  ])('%s: usage, before anything is sent', async (_name, argv, fact, hint) => {
    const deps = fakeDeps()
    deps.fetch = () => Promise.reject(new Error('nothing is to be sent'))
    expect(await runCommandLine(['tokens', 'create', ...argv], deps)).toBe(2)
    expect(deps.io.err()).toContain(fact)
    expect(deps.io.err()).toContain(hint)
    expect(deps.io.out()).toBe('')
  })

  test.each([
    ['12h', 43_200],
    ['90d', 7_776_000],
    ['4w', 2_419_200],
  ])('--expires %s is %d seconds', (text, seconds) => expect(parseLifetime(text, '--expires')).toBe(seconds))

  test.each(['0d', '90', 'd', '-1d', '1.5d', '90m', '999999d', ''])('--expires %p is refused', (text) =>
    expect(() => parseLifetime(text, '--expires')).toThrow('such as 12h, 90d or 4w'),
  )

  test('what lives shorter says so', () =>
    expect(() => parseLifetime('91d', '--expires', 90)).toThrow('at most 90d'))

  test.each([
    [
      ['runs:read', 'runs:trigger'],
      ['runs:read', 'runs:trigger'],
    ],
    [['runs:read,runs:trigger'], ['runs:read', 'runs:trigger']],
    [['runs:read runs:read'], ['runs:read']],
  ])('--scope %j is %j', (given, scopes) => expect(parseScopes(given)).toEqual(scopes as never))
})

describe('server service-key add', () => {
  test.each([[['--scope', 'runs:read']], [['--scope', 'runs:read', '-p', 'a', '--all-pipelines']]])(
    '%j does not say which pipelines',
    async (argv) => {
      const deps = fakeDeps()
      expect(await runCommandLine(['server', 'service-key', 'add', 'ci', ...argv], deps)).toBe(2)
      expect(deps.io.err()).toContain('either --pipeline NAME or --all-pipelines')
    },
  )
})
