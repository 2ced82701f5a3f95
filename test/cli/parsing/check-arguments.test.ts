/** Parsed arguments of a command: flags, repeated flags, switches, `--`, and errors that repeat no secret. */
import { describe, expect, test } from 'bun:test'
import type { Args } from '../../../src/cli/parsing/argument-definitions.ts'
import { wantsHelp } from '../../../src/cli/parsing/check-arguments.ts'
import { invocationOf } from '../../support/client/invocation.ts'
import { faultOf } from '../../support/fault-of.ts'

const ARGS = {
  name: { type: 'string', alias: 'n', description: '' },
  secret: { type: 'string', repeatable: true, alias: 'e', valueHint: 'KEY=VALUE', description: '' },
  follow: { type: 'boolean', alias: 'f', default: false, description: '' },
  unset: { type: 'boolean', description: '' },
  browser: { type: 'boolean', default: true, description: '', negativeDescription: '' },
  schedule: {
    type: 'string',
    repeatable: true,
    valueHint: 'CRON',
    description: '',
    negativeDescription: '',
  },
  driver: { type: 'enum', options: ['native', 'docker'], valueHint: 'DRIVER', description: '' },
  file: { type: 'positional', description: '' },
  rest: { type: 'positional', required: false, rest: true, description: '' },
} as const satisfies Args

const parse = (...argv: string[]) => invocationOf(ARGS, argv)
const refusal = (...argv: string[]) => faultOf(invocationOf(ARGS, argv))

describe('the flags of a command', () => {
  test('flags, repeated flags, switches and arguments are read in any order', async () => {
    const { args } = await parse('-n', 'a', 'f.ts', '-e', 'A=1', '--secret=B=2', '--follow', 'x', 'y')
    expect(args).toEqual({
      name: 'a',
      secret: ['A=1', 'B=2'],
      follow: true,
      unset: undefined,
      browser: true,
      schedule: [],
      driver: undefined,
      file: 'f.ts',
      rest: ['x', 'y'],
    })
  })

  test.each([
    [['f', '-na'], { name: 'a', follow: false }],
    [['f', '-n=a'], { name: 'a', follow: false }],
    [['f', '-fna'], { name: 'a', follow: true }],
    [['f', '-fn', 'a'], { name: 'a', follow: true }],
    [['f', '--name=-x'], { name: '-x', follow: false }],
    [['f', '--name=--no-browser'], { name: '--no-browser', browser: true }],
    [['f', '--name=a=b'], { name: 'a=b', follow: false }],
    [['f', '--name=a\nb'], { name: 'a\nb', follow: false }],
    [['f', '-n', '-'], { name: '-', follow: false }],
    [['f', '--name='], { name: '', follow: false }],
    [['f', '--name', 'a', '--name', 'a'], { name: 'a' }],
    [['f', '--follow', '-f'], { follow: true }],
    [['f', '--driver', 'docker'], { driver: 'docker' }],
    [['f', '-e', 'A=1', '-e', 'A=1'], { secret: ['A=1', 'A=1'] }],
    [['-'], { file: '-' }],
    [[''], { file: '' }],
  ])('%j is read as POSIX and GNU have it', async (argv, args) => {
    expect((await parse(...argv)).args).toMatchObject(args)
  })

  test.each([
    [['f', '--follow=true'], { follow: true }],
    [['f', '--follow=false'], { follow: false }],
    [['f', '-f=false'], { follow: false }],
    [['f', '-f=true'], { follow: true }],
    [['f', '--no-browser'], { browser: false }],
    [['f', '--browser'], { browser: true }],
    [['f', '--browser=false'], { browser: false }],
    [['f', '--browser=true'], { browser: true }],
    [['f', '--no-browser=true'], { browser: false }],
    [['f', '--no-browser=false'], { browser: true }],
    [['f', '--no-browser', '--browser=false'], { browser: false }],
    [['f', '--unset=false'], { unset: false }],
    [['f', '--unset'], { unset: true }],
    [['f', '--no-schedule'], { schedule: false }],
    [['f', '--schedule', '* * * * *'], { schedule: ['* * * * *'] }],
  ])('a switch is on or off: %j', async (argv, args) => {
    expect((await parse(...argv)).args).toMatchObject(args)
  })

  test.each([
    [['f'], { input: true, debug: false, silent: false }],
    [['f', '--no-input'], { input: false }],
    [['f', '--no-input=false'], { input: true }],
    [['f', '--input=false'], { input: false }],
    [['f', '--debug=false'], { debug: false }],
    [['f', '--debug', '-q'], { debug: true, silent: true }],
    [['f', '--silent=true'], { silent: true }],
    [
      ['f', '-o', 'json', '-t', 'acme', '-c', 'x.json'],
      { output: 'json', tenant: 'acme', authConfig: 'x.json' },
    ],
    [['f', '--auth-token=a', '--jwt-token', 'b'], { authToken: 'a', jwtToken: 'b' }],
  ])('the flags of every command: %j', async (argv, globals) => {
    expect((await parse(...argv)).globals).toMatchObject(globals)
  })

  test('everything behind -- is an argument', async () => {
    const { args } = await parse('f', '--', '--name', '-x', '--no-browser', '--')
    expect(args.rest).toEqual(['--name', '-x', '--no-browser', '--'])
    expect(args).toMatchObject({ name: undefined, browser: true })
  })

  test.each(['-s', '--server', '--server-url', '--api-url', '--base-url', '--url'])(
    'R8: %s names the server',
    async (spelling) => {
      expect((await parse('f', spelling, 'http://h')).globals.server).toBe('http://h')
      if (spelling !== '-s') {
        expect((await parse('f', `${spelling}=http://h`)).globals.server).toBe('http://h')
      }
    },
  )

  test.each([
    [['f', '--nmae', 'x'], 'unknown flag --nmae', 'did you mean --name?'],
    [['f', '--follw'], 'unknown flag --follw', 'did you mean --follow?'],
    [['f', '--no-browsr'], 'unknown flag --no-browsr', 'did you mean --no-browser?'],
    // The opposite of what was typed is no suggestion.
    [['f', '--no-follow'], 'unknown flag --no-follow', 'run "fob x --help" for the flags'],
    [['f', '--qqqqqq'], 'unknown flag --qqqqqq', 'run "fob x --help" for the flags'],
    [['f', '-z'], 'unknown flag -z', 'run "fob x --help" for the flags'],
    [['f', '--n', 'a'], 'unknown flag --n', 'run "fob x --help" for the flags'],
    [['f', '--authToken', 'a'], 'unknown flag --authToken', 'did you mean --auth-token?'],
    [['f', '--name'], '--name needs a value', 'if the value begins with "-", write --name=VALUE'],
    [['f', '--name', '--follow'], '--name needs a value', 'if the value begins with "-", write --name=VALUE'],
    [['f', '-e'], '-e needs a value (KEY=VALUE)', 'if the value begins with "-", write -e=VALUE'],
    [
      ['f', '--driver'],
      '--driver needs a value (DRIVER)',
      'if the value begins with "-", write --driver=VALUE',
    ],
    [['f', '--follow=yes'], '--follow takes true or false', undefined],
    [['f', '--follow='], '--follow takes true or false', undefined],
    [['f', '-f='], '-f takes true or false', undefined],
    [['f', '--no-browser=no'], '--no-browser takes true or false', undefined],
    [['f', '--no-schedule=x'], '--no-schedule takes no value', undefined],
    [['f', '--name', 'a', '--name', 'b'], '--name is given more than once', undefined],
    [['f', '--server=a', '--url=b'], '--server is given more than once', undefined],
    [['f', '--browser', '--no-browser'], '--browser and --no-browser cannot be used together', undefined],
    [
      ['f', '--schedule=x', '--no-schedule'],
      '--schedule and --no-schedule cannot be used together',
      undefined,
    ],
    [
      ['f', '--no-schedule', '--schedule=x'],
      '--schedule and --no-schedule cannot be used together',
      undefined,
    ],
    [[], 'fob x needs FILE', 'run "fob x --help"'],
    [['f', '-o', 'jsn'], '-o takes table, tsv or json', 'did you mean json?'],
    [['f', '--output', 'qqqqqq'], '--output takes table, tsv or json', undefined],
    [['f', '--driver=dokcer'], '--driver takes native or docker', 'did you mean docker?'],
  ])('%j is refused', async (argv, message, hint) => {
    const fault = await refusal(...argv)
    expect({ code: fault.code, message: fault.message, hint: fault.hint }).toEqual({
      code: 'usage',
      message,
      hint,
    })
  })

  test('a switch that says both is refused without a guess at which is meant', async () => {
    expect((await refusal('f', '--follow', '--follow=false')).message).toBe(
      '--follow is given more than once',
    )
  })

  test.each([
    ['--nam=hunter2-canary'],
    ['--follow=hunter2-canary'],
    ['--driver=hunter2-canary'],
    ['--no-schedule=hunter2-canary'],
    ['--output=hunter2-canary'],
  ])('an error about a flag never repeats what was given to it: %s', async (arg) => {
    const fault = await refusal('f', arg)
    expect(fault.message + fault.hint).not.toContain('hunter2')
  })

  test('a surplus argument is an error that does not repeat it, because it may be a secret', async () => {
    const fault = await faultOf(invocationOf({}, ['a']))
    expect([fault.code, fault.message]).toEqual(['usage', 'fob x takes no argument number 1'])
    const { file } = ARGS
    expect((await faultOf(invocationOf({ file }, ['f', 'hunter2']))).message).toBe(
      'fob x takes no argument number 2',
    )
  })

  test('an argument that may be left out', async () => {
    const file = { type: 'positional', required: false, description: '' } as const
    expect((await invocationOf({ file }, [])).args.file).toBeUndefined()
    expect((await invocationOf({ file }, ['f'])).args.file).toBe('f')
  })

  test.each([
    [['--help'], true],
    [['-h', '--wrong'], true],
    [['--', '--help'], false],
    [['help'], false],
  ])('%j asks for help: %p', (argv, wanted) => expect(wantsHelp(argv)).toBe(wanted))
})
