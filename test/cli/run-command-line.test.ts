import { describe, expect, test } from 'bun:test'
import { runCommandLine } from '../../src/cli/run-command-line.ts'
import { type Group, type Node, TREE } from '../../src/cli/root-command.ts'
import { defineCommand } from '../../src/cli/command.ts'
import { Fault } from '../../src/contract/fault.ts'
import { fakeDeps } from '../support/client/fake-deps.ts'

function leaves(group: Group, path: string[] = []): { path: string[]; node: Node & { kind: 'leaf' } }[] {
  return Object.entries(group.children).flatMap(([word, node]) =>
    node.kind === 'group' ? leaves(node, [...path, word]) : [{ path: [...path, word], node }],
  )
}

const all = leaves(TREE)

/** A tree of one command that throws. */
function throwing(error: unknown): Group {
  const command = defineCommand({
    summary: '',
    examples: ['x'],
    flags: {},
    positionals: {},
    run: async () => {
      throw error
    },
  })
  const leaf = { kind: 'leaf' as const, summary: '', load: async () => ({ command }) }
  return { kind: 'group', summary: '', children: { boom: leaf } }
}

describe('every command', () => {
  test.each(all.map(({ path }) => path.join(' ')))(
    'fob %s --help shows usage and an example',
    async (words) => {
      const deps = fakeDeps()
      expect(await runCommandLine([...words.split(' '), '--help'], deps)).toBe(0)
      expect(deps.io.out()).toContain('Usage:')
      expect(deps.io.out()).toMatch(/Examples:\n {2}\S/)
      expect(deps.io.err()).toBe('')
    },
  )

  test.each(all.map(({ path }) => path.join(' ')))(
    'fob %s refuses a flag it does not know',
    async (words) => {
      const deps = fakeDeps()
      expect(await runCommandLine([...words.split(' '), '--certainly-not-a-flag'], deps)).toBe(2)
      expect(deps.io.err()).toContain('fob: unknown flag --certainly-not-a-flag\nhint: ')
      expect(deps.io.out()).toBe('')
    },
  )
})

describe('finding the command', () => {
  test.each([
    [['lgoin'], 'unknown command "lgoin"', 'did you mean "fob login"?'],
    [['auth', 'lgoin'], 'unknown command "auth lgoin"', 'did you mean "fob auth login"?'],
    [['qqqq'], 'unknown command "qqqq"', 'run "fob --help" for the commands'],
    [['constructor'], 'unknown command "constructor"', 'run "fob --help" for the commands'],
    [['--nonsense'], 'fob needs a command before --nonsense', 'run "fob --help" for the commands'],
  ])('%j is refused with the nearest match', async (argv, message, hint) => {
    const deps = fakeDeps()
    expect(await runCommandLine(argv, deps)).toBe(2)
    expect(deps.io.err()).toBe(`fob: ${message}\nhint: ${hint}\n`)
  })

  test.each([[[]], [['--help']], [['-h']]])('%j shows the help on stdout', async (argv) => {
    const deps = fakeDeps()
    expect(await runCommandLine(argv, deps)).toBe(0)
    expect(deps.io.out()).toContain('auth     ')
  })

  test('a group without a command is a wrong usage, and shows its commands', async () => {
    const deps = fakeDeps()
    expect(await runCommandLine(['auth'], deps)).toBe(2)
    expect(deps.io.out()).toBe('')
    expect(deps.io.err()).toContain('fob auth COMMAND')
  })

  test.each([[['version']], [['--version']], [['-v']], [['-q', 'version']], [['-s', 'http://x', 'version']]])(
    '%j prints the version',
    async (argv) => {
      const deps = fakeDeps()
      expect(await runCommandLine(argv, deps)).toBe(0)
      expect(deps.io.out()).toMatch(/^fob \d+\.\d+\.\d+/)
    },
  )
})

describe('errors', () => {
  test.each([
    ['unauthenticated', 'log in', 4, 'fob: it broke\nhint: log in\n'],
    ['forbidden', undefined, 5, 'fob: it broke\n'],
    ['unreachable', undefined, 7, 'fob: it broke\n'],
    ['interrupted', undefined, 130, 'fob: it broke\n'],
  ] as const)('%s is shown as a fact and a next step', async (code, hint, status, text) => {
    const deps = fakeDeps()
    expect(await runCommandLine(['boom'], deps, throwing(new Fault(code, 'it broke', { hint })))).toBe(status)
    expect(deps.io.err()).toBe(text)
  })

  test.each([[['boom', '-o', 'json']], [['boom', '--output=json']], [['-o', 'json', 'boom']]])(
    'with %j an error is one JSON object on stderr',
    async (argv) => {
      const deps = fakeDeps()
      expect(
        await runCommandLine(argv, deps, throwing(new Fault('not_found', 'gone', { hint: 'look' }))),
      ).toBe(6)
      expect(JSON.parse(deps.io.err())).toEqual({
        error: { code: 'not_found', message: 'gone', hint: 'look' },
      })
      expect(deps.io.out()).toBe('')
    },
  )

  test('the text of an error that is not ours is never shown, not even with --debug', async () => {
    const error = new TypeError('fetch failed for http://user:canary-5f1@host', { cause: 'canary-5f1' })
    const deps = fakeDeps()
    expect(await runCommandLine(['boom', '--debug'], deps, throwing(error))).toBe(1)
    expect(deps.io.err()).toContain('fob: unexpected TypeError')
    expect(deps.io.err()).not.toContain('canary-5f1')
  })
})
