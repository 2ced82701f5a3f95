/** The command line as a whole: the command tree, its definitions, help, aliases and unknown words. */
import { describe, expect, test } from 'bun:test'
import { runCommandLine } from '../../src/cli/run-command-line.ts'
import { ROOT } from '../../src/cli/root-command.ts'
import { type Command, defineCommand, defineGroup } from '../../src/cli/command.ts'
import { effectOf, otherNumber } from '../../src/cli/parsing/command-synonyms-and-effects.ts'
import { findCommand, loadAll } from '../../src/cli/parsing/find-command.ts'
import { Fault } from '../../src/contract/fault.ts'
import { aliasesOf, type Args, flagsOf, positionalsOf } from '../../src/cli/parsing/argument-definitions.ts'
import { flagTable } from '../../src/cli/parsing/flag-spellings.ts'
import { GLOBAL_FLAGS } from '../../src/cli/parsing/global-flags.ts'
import { fakeDeps } from '../support/client/fake-deps.ts'

interface Typed {
  path: string[]
  command: Command
}

/** Every word that can be typed, the hidden ones too: groups and commands. */
async function typed(group: Command, path: string[] = []): Promise<Typed[]> {
  const found: Typed[] = []
  for (const [word, command] of await loadAll(group, { hidden: true })) {
    found.push({ path: [...path, word], command }, ...(await typed(command, [...path, word])))
  }
  return found
}

function spellingsOf(args: Args): string[] {
  return [...flagTable(args).keys(), ...positionalsOf(args).map(([name]) => name)]
}

function lastWords(some: readonly Typed[]): string[] {
  return some.map(({ path }) => path.at(-1) ?? '')
}

function runOf(words: string) {
  return all.find(({ path }) => path.join(' ') === words)?.command.run
}

const everything = await typed(ROOT)
const all = everything.filter(({ command }) => command.subCommands === undefined)
const groups = everything.filter(({ command }) => command.subCommands !== undefined)

/** A root with one command that throws. */
function throwing(error: unknown): Command {
  const boom = defineCommand({
    meta: { description: '', examples: ['x'] },
    args: {},
    run: async () => {
      throw error
    },
  })
  return defineGroup({ meta: { description: '', examples: ['x'] }, subCommands: { boom } })
}

test('there are as many commands as ever', () => {
  expect(all.length).toBeGreaterThanOrEqual(60)
  expect(groups.length).toBeGreaterThanOrEqual(12)
})

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

describe('every group', () => {
  test.each(groups.map(({ path }) => path.join(' ')))('fob %s --help shows an example', async (words) => {
    const deps = fakeDeps()
    expect(await runCommandLine([...words.split(' '), '--help'], deps)).toBe(0)
    expect(deps.io.out()).toMatch(/Examples:\n {2}\S/)
    expect(deps.io.out()).toContain('Commands:\n')
  })

  test.each(groups.map(({ path, command }) => [path.join(' '), command] as const))(
    'fob %s has no run of its own, which citty would run after that of a command under it',
    (_, command) => expect(command.run).toBeUndefined(),
  )
})

describe('the definitions', () => {
  test.each(all.map(({ path, command }) => [path.join(' '), command] as const))(
    'fob %s: no flag or argument has the name or a spelling of another',
    (_, { args }) => {
      const own = spellingsOf(args)
      const count = flagsOf(args).flatMap(([name, flag]) => [
        name,
        aliasesOf(flag),
        flag.negativeDescription === undefined ? [] : name,
      ])
      expect(own.length).toBe(count.flat().length + positionalsOf(args).length)
      const ofAll = spellingsOf(GLOBAL_FLAGS)
      // `--input FILE` is what gh calls it; `--no-input` means the same there as everywhere.
      const isApi = 'raw-field' in args
      const spellings = own.concat(isApi ? ofAll.filter((word) => !/^(?:no-)?input$/.test(word)) : ofAll)
      expect(spellings.toSorted()).toEqual([...new Set(spellings)].toSorted())
    },
  )

  test.each(all.map(({ path, command }) => [path.join(' '), command] as const))(
    'fob %s: arguments that must be there come first, and what takes the rest is last',
    (_, { args }) => {
      const kinds = positionalsOf(args).map(([, { required, rest }]) =>
        rest === true ? 'rest' : required === false ? 'optional' : 'required',
      )
      expect(kinds).toEqual([
        ...kinds.filter((kind) => kind === 'required'),
        ...kinds.filter((kind) => kind === 'optional'),
        ...kinds.filter((kind) => kind === 'rest').slice(0, 1),
      ])
    },
  )
})

describe('help', () => {
  test.each([
    [
      ['help', 'runs', 'list'],
      ['runs', 'list', '--help'],
    ],
    [
      ['help', 'runs'],
      ['runs', '--help'],
    ],
    [
      ['help', 'server', 'tenant', 'member', 'add'],
      ['server', 'tenant', 'member', 'add', '-h'],
    ],
    [['help'], ['--help']],
  ])('%j is %j', async (asked, same) => {
    const [one, other] = [fakeDeps(), fakeDeps()]
    expect(await runCommandLine(asked, one)).toBe(0)
    expect(await runCommandLine(same, other)).toBe(0)
    expect(one.io.out()).toBe(other.io.out())
  })

  test('of a command that does not exist is refused', async () => {
    const deps = fakeDeps()
    expect(await runCommandLine(['help', 'rusn'], deps)).toBe(2)
    expect(deps.io.err()).toContain('unknown command "rusn"')
  })

  test('names a flag that is on by what turns it off', async () => {
    const deps = fakeDeps()
    expect(await runCommandLine(['auth', 'login', '--help'], deps)).toBe(0)
    expect(deps.io.out()).toContain('--no-browser ')
    expect(deps.io.out()).toContain('--no-input ')
    expect(deps.io.out()).not.toMatch(/ --(?:browser|input) /)
  })

  test('leaves other spellings out of lists', async () => {
    const [root, secrets] = [fakeDeps(), fakeDeps()]
    await runCommandLine(['--help'], root)
    expect(root.io.out()).not.toMatch(/^ {2}(?:login|profile|__complete) /m)
    await runCommandLine(['secrets', '--help'], secrets)
    expect(secrets.io.out()).toContain('re-encrypt')
    expect(secrets.io.out()).not.toContain('rewrap')
  })
})

test.each([
  ['login', 'auth login'],
  ['profile login', 'auth login'],
  ['profile status', 'auth status'],
  ['profile refresh', 'auth refresh'],
  ['profile logout', 'auth logout'],
  ['secrets rewrap', 'secrets re-encrypt'],
])('fob %s is another spelling of fob %s', (one, other) => {
  expect(runOf(one)).toBeDefined()
  expect(runOf(one)).toBe(runOf(other))
})

test('fob server runs what fob server start runs', async () => {
  const server = everything.find(({ path }) => path.join(' ') === 'server')?.command
  const start = everything.find(({ path }) => path.join(' ') === 'server start')?.command
  expect(server?.default).toBe('start')
  expect(start?.run).toBeDefined()
})

describe('finding the command', () => {
  test.each([
    [['lgoin'], 'unknown command "lgoin"', 'did you mean "fob login"?'],
    [['auth', 'lgoin'], 'unknown command "auth lgoin"', 'did you mean "fob auth login"?'],
    [['rnus', 'list'], 'unknown command "rnus"', 'did you mean "fob runs"?'],
    [['qqqq'], 'unknown command "qqqq"', 'run "fob --help" for the commands'],
    [['constructor'], 'unknown command "constructor"', 'run "fob --help" for the commands'],
    [['--nonsense'], 'fob needs a command before --nonsense', 'run "fob --help" for the commands'],
  ])('%j is refused with the nearest match', async (argv, message, hint) => {
    const deps = fakeDeps()
    expect(await runCommandLine(argv, deps)).toBe(2)
    expect(deps.io.err()).toBe(`fob: ${message}\nhint: ${hint}\n`)
  })

  test.each([
    ['a word that reads', ['secrets', 'get', 'KEY'], 'did you mean "fob secrets list"?'],
    ['a word that reads', ['secrets', 'show', 'KEY'], 'did you mean "fob secrets list"?'],
    [
      'a word that reads',
      ['pipeline', 'get'],
      'did you mean "fob pipeline check", "fob pipeline diff", "fob pipeline list" or "fob pipeline show"?',
    ],
    [
      'a word that reads',
      ['runs', 'top'],
      'did you mean "fob runs list", "fob runs show" or "fob runs logs"?',
    ],
    ['a word that deletes', ['runs', 'delete'], 'run "fob runs --help" for the commands'],
    [
      'a word that deletes',
      ['delete'],
      'did you mean "fob secrets rm", "fob pipeline rm", "fob tokens revoke" or "fob runners rm"?',
    ],
    ['a word that stops', ['cancel'], 'did you mean "fob runs stop"?'],
    ['a word as near to the opposite', ['pipeline', 'upause'], 'run "fob pipeline --help" for the commands'],
    ['a word as near to "run" as to "rm"', ['pipeline', 'rn'], 'run "fob pipeline --help" for the commands'],
    ['a short word near to one that deletes', ['secrets', 'rn'], 'run "fob secrets --help" for the commands'],
    [
      'a word that lists',
      ['ls'],
      'did you mean "fob tenants list", "fob secrets list", "fob pipeline list" or "fob tokens list"?',
    ],
  ])('nothing with another effect is suggested for %s: %j', async (_, argv, hint) => {
    const deps = fakeDeps()
    expect(await runCommandLine(argv, deps)).toBe(2)
    expect(deps.io.err().split('\n')[1]).toBe(`hint: ${hint}`)
  })

  test.each([
    ['logout', 'auth logout'],
    ['status', 'auth status'],
    ['runs ls', 'runs list'],
    ['pipelines ls', 'pipeline list'],
    ['pipeline view', 'pipeline show'],
    ['runs view', 'runs show'],
    ['runs cancel', 'runs stop'],
    ['pipeline delete', 'pipeline rm'],
    ['secret delete', 'secrets rm'],
    ['token delete', 'tokens revoke'],
    ['tokens rm', 'tokens revoke'],
    ['runner remove', 'runners rm'],
    ['tenant ls', 'tenants list'],
    ['server users delete', 'server user rm'],
    ['server tenants members ls', 'server tenant member list'],
    ['server service-keys ls', 'server service-key list'],
    ['profiles status', 'auth status'],
  ])('fob %s is understood as fob %s', async (words, meant) => {
    const found = await findCommand(ROOT, words.split(' '))
    expect(found.command.run).toBeDefined()
    expect(found.command.run).toBe(runOf(meant))
    expect(found.rest).toEqual([])
  })

  test('every word of a command has an effect, and no group has one', () => {
    expect(lastWords(all).filter((word) => effectOf(word) === undefined)).toEqual([])
    expect(lastWords(groups).filter((word) => effectOf(word) !== undefined)).toEqual([])
  })

  test('the singular and the plural of every group are understood, but for what is a command', async () => {
    const others = groups
      .filter(({ path }) => path.join(' ') !== 'auth')
      .map(({ path, command }) => ({ path: [...path.slice(0, -1), otherNumber(path.at(-1) ?? '')], command }))
    for (const { path, command } of others.filter(({ path }) => path.join(' ') !== 'run')) {
      expect((await findCommand(ROOT, path)).command).toBe(command)
    }
  })

  test.each([
    [['runs', 'stop', 'run_1', '--help=true']],
    [['runs', 'stop', 'run_1', '-h=true']],
    [['runs', 'stop', 'run_1', '-qh']],
    [['runs', '--help=true']],
  ])('%j shows help, and runs nothing', async (argv) => {
    const deps = fakeDeps()
    expect(await runCommandLine(argv, deps)).toBe(0)
    expect(deps.io.out()).toContain(argv.includes('stop') ? 'fob runs stop' : 'fob runs')
    expect(deps.io.err()).toBe('')
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

  test.each([
    [['version']],
    [['--version']],
    [['-v']],
    [['-q', 'version']],
    [['-s', 'http://x', 'version']],
    [['--debug=false', 'version']],
    [['--no-input=false', 'version']],
    [['--input', 'version', '--silent=true']],
  ])('%j prints the version', async (argv) => {
    const deps = fakeDeps()
    expect(await runCommandLine(argv, deps)).toBe(0)
    expect(deps.io.out()).toMatch(/^fob \d+\.\d+\.\d+/)
  })
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
