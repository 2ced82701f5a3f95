/** Completion in real shells, with the scripts that `fob completion` prints: commands, values, names and paths. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binaryLogin } from '../../support/client/binary-login.ts'
import { FOB, fob } from '../../support/client/compiled-binary.ts'
import { type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { inTerminal, missingTerminalPart } from '../../support/real-parts/terminal.ts'

let server: BinaryServer
let home: string
let env: Record<string, string>

beforeAll(async () => {
  server = await startBinaryServer()
  home = temporaryFolder()
  expect((await binaryLogin(server.url, { home })).code).toBe(0)
  const bin = join(home, 'bin')
  mkdirSync(bin)
  symlinkSync(FOB, join(bin, 'fob'))
  env = { PATH: `${bin}:${process.env.PATH}`, TERM: 'dumb' }
  mkdirSync(join(home, 'some folder'))
  writeFileSync(join(home, 'script one.ts'), 'export const pipeline = async () => {}')
  const set = await fob(['pipeline', 'set', 'script one.ts', '-n', 'deploy-it'], { home, cwd: home })
  expect(set.err).toContain('Set pipeline deploy-it')
  // What must not run because somebody pressed a key next to it.
  writeFileSync(join(home, 'fob'), '#!/bin/sh\ntouch pwned\n')
  chmodSync(join(home, 'fob'), 0o755)
})
afterAll(() => server.stop())

/** What is typed, and the words that the shell makes of it after Tab. */
const LINES: [string, string[]][] = [
  ['fob pipe', ['fob', 'pipeline']],
  ['fob pipeline run dep', ['fob', 'pipeline', 'run', 'deploy-it']],
  ['fob pipeline set --driver=n', ['fob', 'pipeline', 'set', '--driver=native']],
  ['fob pipeline diff x.ts dep', ['fob', 'pipeline', 'diff', 'x.ts', 'deploy-it']],
  ['fob pipeline set scr', ['fob', 'pipeline', 'set', 'script one.ts']],
  ['fob pipeline set --secret-file=scr', ['fob', 'pipeline', 'set', '--secret-file=script one.ts']],
  ['fob server check --data so', ['fob', 'server', 'check', '--data', 'some folder']],
  ['fob auth token -s http://', ['fob', 'auth', 'token', '-s', 'SERVER']],
  ['fob auth token --server=htt', ['fob', 'auth', 'token', '--server=SERVER']],
  ['./fob pipe', ['./fob', 'pipeline']],
]

const SHELLS = {
  bash: { args: ['--norc', '--noprofile', '-i'], setup: 'eval "$(fob completion bash)"' },
  zsh: {
    args: ['-f', '-i'],
    setup: 'autoload -Uz compinit && compinit -D -u && eval "$(fob completion zsh)"',
  },
}

describe.each(Object.entries(SHELLS))('%s', (shell, { args, setup }) => {
  const missing = missingTerminalPart() ?? (Bun.which(shell) === null ? shell : undefined)
  testWith(missing, 'completes commands, values, names of the server and paths', async () => {
    const terminal = inTerminal(args, { program: shell, home, cwd: home, env, columns: 300 })
    terminal.type(`${setup} && echo rea""dy\r`)
    await terminal.saw('ready\r\n')
    for (const [line, words] of LINES) {
      // At the start of the line, what shows how the shell reads the rest.
      terminal.type(`${line}\t\u0001printf '<%s>' \u0005\r`)
      const read = words.map((word) => `<${word.replace('SERVER', server.url)}`)
      await terminal.saw(read.join('>'))
    }
    terminal.type('exit\r')
    expect(await terminal.ended).toMatchObject({ code: 0 })
    expect(await Bun.file(join(home, 'pwned')).exists()).toBe(false)
  })
})

/** What fish would show for a line, as `WORD<TAB>DESCRIPTION`. */
async function offered(line: string): Promise<string[]> {
  const script = `fob completion fish | source; complete -C ${JSON.stringify(line)}`
  const child = Bun.spawn(['fish', '--no-config', '-c', script], {
    cwd: home,
    env: { ...env, HOME: home, FOB_HOME: join(home, '.fob') },
    stdout: 'pipe',
  })
  return (await new Response(child.stdout).text()).split('\n').filter((found) => found !== '')
}

describe('fish', () => {
  const missing = Bun.which('fish') === null ? 'fish' : undefined
  testWith(
    missing,
    'is offered commands with what they do, values, names of the server and paths',
    async () => {
      expect(await offered('fob auth logi')).toEqual(['login\tLog in to a server'])
      expect(await offered('fob pipeline run dep')).toEqual(['deploy-it'])
      expect(await offered('fob pipeline set --driver=n')).toEqual(['--driver=native'])
      expect(await offered('fob pipeline set scr')).toEqual(['script one.ts'])
      expect(await offered('fob pipeline set --secret-file=scr')).toEqual(['--secret-file=script one.ts'])
      expect(await offered('fob server check --data so')).toEqual([expect.stringContaining('some folder/')])
      expect((await offered(`fob auth token -s http://`)).map((found) => found.split('\t')[0])).toEqual([
        server.url,
      ])
    },
  )
})

testWith(undefined, 'another shell is refused with those that there are', async () => {
  expect(await fob(['completion', 'tcsh'])).toMatchObject({
    code: 2,
    out: '',
    err: 'fob: fob completion takes bash, zsh or fish\nhint: run fob completion bash\n',
  })
})
