/** Logins with standard input from a pipe, or closed: codes, tokens, passwords, and no wait without end. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { environment, fob, FOB } from '../../support/client/compiled-binary.ts'
import { startOAuthServer } from '../../support/servers/oauth-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** A program that drives fob: it reads what fob says and answers into its pipe. */
function drive(args: readonly string[], home: string) {
  const child = Bun.spawn([FOB, ...args], {
    ...environment({ home }),
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const decoder = new TextDecoder()
  let err = ''
  const read = (async () => {
    for await (const chunk of child.stderr) err += decoder.decode(chunk, { stream: true })
  })()
  return {
    saw: async (wanted: RegExp) => {
      const deadline = Date.now() + 10_000
      while (!wanted.test(err)) {
        if (Date.now() > deadline) throw new Error(`never saw ${wanted}: ${err}`)
        await Bun.sleep(5)
      }
      return wanted.exec(err)?.[0] ?? ''
    },
    write: (text: string) => {
      void child.stdin.write(text)
      void child.stdin.flush()
    },
    ended: Promise.all([child.exited, read]).then(([code]) => ({ code, err })),
  }
}

describe('answers from a pipe', () => {
  test('S217: a program reads the address and writes the code, whenever it has it', async () => {
    await using server = startOAuthServer()
    const home = temporaryFolder()
    const driven = drive(['auth', 'login', '--no-browser', '-s', server.url, '--insecure-storage'], home)
    const address = await driven.saw(/http\S+authorize\S+/)
    await driven.saw(/Paste it here/)
    const response = await fetch(address, { redirect: 'manual' })
    driven.write('first a mistake\n')
    await driven.saw(/2 tries left/)
    // In two pieces, with the line end of Windows: a pipe promises nothing.
    const answer = response.headers.get('location') ?? ''
    driven.write(answer.slice(0, 20))
    await Bun.sleep(20)
    driven.write(`${answer.slice(20)}\r\n`)
    expect((await driven.ended).code).toBe(0)
    expect(readFileSync(join(home, '.fob', 'credentials'), 'utf8')).toContain('Ada Lovelace')
  })

  test('S222: a token from a pipe', async () => {
    await using server = startOAuthServer()
    server.valid.add('canary-pat')
    const { code, out, err } = await fob(
      ['auth', 'login', '--token-stdin', '-s', server.url, '--insecure-storage'],
      { stdin: 'canary-pat\n' },
    )
    expect([code, out, err.includes('canary')]).toEqual([0, '', false])
  })

  test('S8: a password from a pipe', async () => {
    await using server = startOAuthServer({ strategy: 'basic', basic: 'ada:canary-pass' })
    const home = temporaryFolder()
    const address = server.url.replace('://', '://ada@')
    const { code, err } = await fob(['auth', 'login', '-s', address, '--insecure-storage'], {
      home,
      stdin: 'canary-pass\n',
    })
    expect([code, err.includes('canary')]).toEqual([0, false])
    const status = await fob(['auth', 'status', '--check'], { home })
    expect([status.code, status.out.includes('accepted'), status.out.includes('canary')]).toEqual([
      0,
      true,
      false,
    ])
  })

  test('Ctrl-C while a token is awaited from a silent pipe: exit 130', async () => {
    await using server = startOAuthServer()
    const child = Bun.spawn([FOB, 'auth', 'login', '--token-stdin', '-s', server.url], {
      ...environment({}),
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'ignore',
    })
    await Bun.sleep(300)
    child.kill('SIGINT')
    expect(await child.exited).toBe(130)
  })
})

describe('with no terminal and no answer nothing hangs', () => {
  const nowhere = { PATH: '/nonexistent' }
  const ssh = { SSH_CONNECTION: '192.0.2.1 50000 192.0.2.2 22' }
  test.each([
    ['--no-browser', ['--no-browser'], '', {}],
    ['--no-browser --oob', ['--no-browser', '--oob'], '', {}],
    ['--no-browser --no-input', ['--no-browser', '--no-input'], '', {}],
    ['--token-stdin', ['--token-stdin'], '', {}],
    ['the browser flow over SSH', [], '', ssh],
    ['the browser flow without a browser', [], '', nowhere],
    ['the browser flow with --no-input and no browser', ['--no-input'], '', nowhere],
    ['the browser flow in CI, whatever browser is installed there', [], '', { CI: 'true' }],
    ['a user without password', [], 'ada@', {}],
  ])('%s: exit 2 within a second', async (_, flags, user, env) => {
    await using server = startOAuthServer(user === '' ? {} : { strategy: 'basic' })
    const home = temporaryFolder()
    const words = ['auth', 'login', '-s', server.url.replace('://', `://${user}`), ...flags]
    const started = performance.now()
    const { code, err } = await fob(words, { home, env })
    const took = performance.now() - started
    expect([code, existsSync(join(home, '.fob', 'credentials'))]).toEqual([2, false])
    expect(took).toBeLessThan(1000)
    expect(err).toMatch(/hint: |is empty/)
    if (env === nowhere || 'CI' in env) expect(err).toMatch(/--device.*--token-stdin/)
  })

  test('a closed standard input counts as none', async () => {
    await using server = startOAuthServer()
    const script = `exec "${FOB}" auth login --no-browser -s ${server.url} <&-`
    const child = Bun.spawn(['sh', '-c', script], { ...environment({}), stdout: 'ignore', stderr: 'pipe' })
    expect(await child.exited).toBe(2)
    expect(await new Response(child.stderr).text()).toContain('nobody is there')
  })
})

describe('--device needs nobody here', () => {
  test('R7: without a terminal it shows the code without a picture, and waits', async () => {
    await using server = startOAuthServer({ device: { interval: 1 }, polls: ['authorization_pending', 'ok'] })
    const { code, err } = await fob(['auth', 'login', '--device', '-s', server.url, '--insecure-storage'], {
      env: { BROWSER: 'true', CI: 'true' },
    })
    expect(code).toBe(0)
    expect(err).toContain('WDJB-MJHT')
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(err).not.toMatch(/[█▀▄\u001b]/)
    expect(err).not.toContain('canary')
  })

  test('a denied code: exit 4, and nothing is stored', async () => {
    await using server = startOAuthServer({ device: { interval: 1 }, polls: ['access_denied'] })
    const home = temporaryFolder()
    const { code } = await fob(['auth', 'login', '--device', '-s', server.url], { home })
    expect([code, existsSync(join(home, '.fob', 'credentials'))]).toEqual([4, false])
  })
})

describe('what a token on the command line leaves behind', () => {
  test('S221: a warning, and no trace of it in what is printed, also with --debug', async () => {
    await using server = startOAuthServer()
    server.valid.add('canary-pat')
    const words = [
      'auth',
      'login',
      '--with-token',
      'canary-pat',
      '-s',
      server.url,
      '--insecure-storage',
      '--debug',
    ]
    const { code, err, out } = await fob(words)
    expect(code).toBe(0)
    expect(err).toContain("stays in the shell's history")
    expect(out + err).not.toContain('canary')
  })
})
