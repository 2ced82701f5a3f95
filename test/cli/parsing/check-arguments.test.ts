import { describe, expect, test } from 'bun:test'
import { defineCommand } from '../../../src/cli/command.ts'
import type { Globals } from '../../../src/cli/parsing/global-flags.ts'
import { parseCommandLine, wantsHelp } from '../../../src/cli/parsing/check-arguments.ts'
import { Fault } from '../../../src/contract/fault.ts'

const command = defineCommand({
  summary: 'for the tests',
  examples: ['fob x'],
  flags: {
    name: { type: 'string', short: 'n', description: '' },
    secret: { type: 'strings', short: 'e', value: 'KEY=VALUE', description: '' },
    follow: { type: 'boolean', short: 'f', description: '' },
    'no-browser': { type: 'boolean', description: '' },
  },
  positionals: {
    file: { arity: 'required', description: '' },
    rest: { arity: 'many', description: '' },
  },
  run: async () => {},
})

interface Loose {
  flags: Record<string, unknown>
  positionals: Record<string, unknown>
  globals: Globals
}
const parse = (...argv: string[]): Loose => parseCommandLine(command, argv, 'fob x')

function faultOf(run: () => unknown): Fault {
  try {
    run()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('the flags of a command', () => {
  test('flags, repeated flags, switches and arguments are read in any order', () => {
    const { flags, positionals } = parse('-n', 'a', 'f.ts', '-e', 'A=1', '--secret=B=2', '--follow', 'x', 'y')
    expect(flags).toEqual({ name: 'a', secret: ['A=1', 'B=2'], follow: true, 'no-browser': false })
    expect(positionals).toEqual({ file: 'f.ts', rest: ['x', 'y'] })
  })

  test.each([
    [['f', '-na'], { name: 'a', follow: false }],
    [['f', '-n=a'], { name: 'a', follow: false }],
    [['f', '-fna'], { name: 'a', follow: true }],
    [['f', '-fn', 'a'], { name: 'a', follow: true }],
    [['f', '--name=-x'], { name: '-x', follow: false }],
    [['f', '-n', '-'], { name: '-', follow: false }],
    [['f', '--name='], { name: '', follow: false }],
  ])('%j is read as POSIX and GNU have it', (argv, flags) => {
    expect(parse(...argv).flags).toMatchObject(flags)
  })

  test('a switch that begins with "no-" is a switch of its own', () => {
    expect(parse('f', '--no-browser').flags['no-browser']).toBe(true)
  })

  test('everything behind -- is an argument', () => {
    expect(parse('f', '--', '--name', '-x').positionals.rest).toEqual(['--name', '-x'])
  })

  test.each(['-s', '--server', '--server-url', '--api-url', '--base-url', '--url'])(
    'R8: %s names the server',
    (spelling) => {
      expect(parse('f', spelling, 'http://h').globals.server).toBe('http://h')
      if (spelling !== '-s') expect(parse('f', `${spelling}=http://h`).globals.server).toBe('http://h')
    },
  )

  test.each([
    [['f', '--nmae', 'x'], 'unknown flag --nmae', 'did you mean --name?'],
    [['f', '--follw'], 'unknown flag --follw', 'did you mean --follow?'],
    [['f', '--qqqqqq'], 'unknown flag --qqqqqq', 'run "fob x --help" for the flags'],
    [['f', '-z'], 'unknown flag -z', 'run "fob x --help" for the flags'],
    [['f', '--n', 'a'], 'unknown flag --n', 'run "fob x --help" for the flags'],
    [['f', '--name'], '--name needs a value', 'if the value begins with "-", write --name=VALUE'],
    [['f', '--name', '--follow'], '--name needs a value', 'if the value begins with "-", write --name=VALUE'],
    [['f', '--follow=yes'], '--follow takes no value', undefined],
    [['f', '--name', 'a', '--name', 'b'], '--name is given more than once', undefined],
    [[], 'fob x needs FILE', 'run "fob x --help"'],
    [['f', '-o', 'jsn'], '--output takes table, tsv, json', 'did you mean json?'],
  ])('%j is refused', (argv, message, hint) => {
    const fault = faultOf(() => parse(...argv))
    expect({ code: fault.code, message: fault.message, hint: fault.hint }).toEqual({
      code: 'usage',
      message,
      hint,
    })
  })

  test('an error about a flag never repeats what was given to it', () => {
    const fault = faultOf(() => parse('f', '--nam=hunter2-canary'))
    expect(fault.message + fault.hint).not.toContain('hunter2')
  })

  test('a surplus argument is an error that does not repeat it, because it may be a secret', () => {
    const one = defineCommand({ ...command, examples: ['x'], positionals: {}, run: async () => {} })
    expect(faultOf(() => parseCommandLine(one, ['a'], 'fob x')).message).toBe(
      'fob x takes no argument number 1',
    )
  })

  test.each([
    [['--help'], true],
    [['-h', '--wrong'], true],
    [['--', '--help'], false],
    [['help'], false],
  ])('%j asks for help: %p', (argv, wanted) => expect(wantsHelp(argv)).toBe(wanted))
})
