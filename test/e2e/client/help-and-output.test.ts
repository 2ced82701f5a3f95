/** Help, unknown commands, and the output of changing commands with `-o json` and `-q`, on the binary. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { environment, FOB, fob, start } from '../../support/client/compiled-binary.ts'
import { ADA, type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { logIn } from '../../support/servers/oauth-login.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { inTerminal, missingTerminalPart } from '../../support/real-parts/terminal.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'

let server: BinaryServer
let env: Record<string, string>
beforeAll(async () => {
  server = await startBinaryServer()
  const token = await logIn(
    server.url,
    ADA,
    'pipelines:read pipelines:write runs:read runs:trigger secrets:read secrets:write runners:read runners:manage',
  )
  env = { FOB_TOKEN: token.access_token, FOB_SERVER: server.url }
})
afterAll(() => server.stop())

describe('help', () => {
  test.each([
    ['help', '--help'],
    ['help auth', 'auth --help'],
    ['help auth login', 'auth login --help'],
    ['help server', 'server --help'],
  ])('fob %s says what fob %s says', async (asWord, asFlag) => {
    const [word, flag] = await Promise.all([fob(asWord.split(' ')), fob(asFlag.split(' '))])
    expect(word).toEqual(flag)
    expect([word.code, word.out.length > 100]).toEqual([0, true])
  })

  test('fob help for an unknown command is a wrong usage', async () => {
    expect(await fob(['help', 'lgoin'])).toMatchObject({ code: 2, err: expect.stringContaining('login') })
  })
})

describe('an unknown command', () => {
  test('is repeated where it looks like one', async () => {
    expect((await fob(['secrets', 'sett'])).err).toContain('unknown command "secrets sett"')
  })

  test.each(['ci_canary1234567890', 'KEY=canary', 'http://u:canary@host', 'canary secret', 'Can4ry'])(
    'is not where it does not: %s',
    async (word) => {
      const { code, err } = await fob(['secrets', word])
      expect([code, err]).toEqual([2, expect.stringContaining('unknown command\n')])
      expect(err.toLowerCase()).not.toMatch(/can[a4]ry/)
    },
  )
})

test.each([
  ['pipeline list', 'no pipelines yet'],
  ['runs list', 'no runs yet'],
  ['secrets list', 'no secrets yet'],
  ['runners list', 'no runners yet'],
])('fob %s with nothing in it says so, on a terminal alone', async (words, said) => {
  const list = words.split(' ')
  const empty = await startBinaryServer()
  const token = await logIn(empty.url, ADA, 'pipelines:read runs:read secrets:read runners:read')
  const asAda = { env: { FOB_TOKEN: token.access_token, FOB_SERVER: empty.url } }
  expect(await fob([...list, '-o', 'table'], asAda)).toEqual({ code: 0, out: '', err: `${said}\n` })
  expect(await fob([...list, '-o', 'table', '-q'], asAda)).toEqual({ code: 0, out: '', err: '' })
  expect(await fob(list, asAda)).toEqual({ code: 0, out: '', err: '' })
  expect((await fob([...list, '-o', 'json'], asAda)).out).toBe('[]\n')
  await empty.stop()
})

const didJson = async (args: string[], stdin?: string) => {
  const ended = await fob([...args, '-o', 'json'], { env, ...(stdin === undefined ? {} : { stdin }) })
  expect(ended).toMatchObject({ code: 0 })
  return JSON.parse(ended.out) as unknown
}

describe('with -o json, what was done is an object', () => {
  test('secrets set and rm', async () => {
    const place = { key: 'JSON_KEY', scope: 'global', pipeline: null }
    expect(await didJson(['secrets', 'set', 'JSON_KEY'], 'a long value')).toEqual({ ...place, set: true })
    expect(await didJson(['secrets', 'rm', 'JSON_KEY'])).toEqual({ ...place, deleted: true })
  })

  test('pipeline rm, runs stop, runners rm', async () => {
    const file = join(temporaryFolder(), 'slow.ts')
    writeFileSync(
      file,
      `const pipeline = async () => { await runtime.run({ name: 't', command: { path: 'sleep', args: ['30'] } }) }
export { pipeline }`,
    )
    expect((await fob(['pipeline', 'set', file], { env })).code).toBe(0)
    const started = await fetch(`${server.url}/api/pipelines/slow/run`, {
      method: 'POST',
      headers: { authorization: `Bearer ${env.FOB_TOKEN}` },
    })
    const { run_id: id } = (await started.json()) as { run_id: string }
    expect(await didJson(['runs', 'stop', id])).toEqual({ id, stopping: true })
    expect(await didJson(['pipeline', 'rm', 'slow'])).toEqual({ name: 'slow', deleted: true })
    const runner = (await didJson(['runners', 'create', 'one'])) as { id: string }
    expect(await didJson(['runners', 'rm', runner.id])).toEqual({ id: runner.id, deleted: true })
  })

  test('server user, tenant, member and service-key', async () => {
    const data = ['--data', join(temporaryFolder(), 'data')]
    const didHere = async (words: string, stdin?: string) =>
      (await didJson(['server', ...words.split(' '), ...data], stdin)) as { id: string; subject: string }
    const [email, stdin] = ['bob@example.com', 'correct horse battery']
    const { id, subject, ...bob } = await didHere(`user add ${email} --password-stdin`, stdin)
    const names = { email, name: 'bob', role: 'admin', tenant: 'default' }
    expect(bob).toEqual({ provider: 'local', ...names, added: true })
    const changed = await didHere(`user passwd ${email} --password-stdin`, stdin)
    expect(changed as object).toEqual({ id, email, changed: true })
    expect(await didHere('tenant add acme')).toMatchObject({ slug: 'acme', name: 'acme', added: true })
    const member = { tenant: 'acme', user: id, provider: 'local', subject }
    const made = await didHere(`tenant member add acme ${email} --role viewer`)
    expect(made as object).toEqual({ ...member, role: 'viewer', set: true, pending: false })
    const left = await didHere(`tenant member rm acme ${email}`)
    expect(left as object).toEqual({ ...member, deleted: true, pending: false, account: false })
    const gone = await didHere('tenant rm acme')
    expect(gone as object).toEqual({ slug: 'acme', deleted: true })
    const key = await didHere('service-key add ci --scope runs:read --all-pipelines')
    const keyGone = await didHere(`service-key rm ${key.id}`)
    expect(keyGone as object).toEqual({ id: key.id, deleted: true })
    const removed = await didHere(`user rm ${email}`)
    expect(removed as object).toEqual({ id, provider: 'local', subject, email, deleted: true })
  })
})

const QUICK = `const pipeline = async () => { console.log('hello from ' + pipelineContext.args[0]) }
export { pipeline }`

describe('runs and pipelines by fewer words', () => {
  beforeAll(async () => {
    const file = join(temporaryFolder(), 'quick.ts')
    writeFileSync(file, QUICK)
    expect((await fob(['pipeline', 'set', file], { env })).code).toBe(0)
  })

  test('the newest run, a run by the beginning of its ID, its address, and the pipeline that was meant', async () => {
    const started = await fob(['pipeline', 'run', 'quick', 'one'], { env })
    const [, id = ''] = /^Run (run_\w+)$/m.exec(started.err) ?? []
    expect(started.err).toContain(`\n${server.url}/runs/${id}\n`)
    expect((await fob(['runs', 'logs'], { env })).out).toBe('hello from one\n')
    const shown = await fob(['runs', 'view', id.slice(0, -2), '-o', 'json'], { env })
    expect(JSON.parse(shown.out)).toMatchObject({ id, url: `${server.url}/runs/${id}` })
    const listed = await fob(['runs', 'ls', '--status', 'success', '-p', 'quick', '-o', 'json'], { env })
    expect((JSON.parse(listed.out) as { id: string }[]).map((run) => run.id)).toEqual([id])
    const call = await fob(['api', 'GET', 'runs', '--paginate', '-f', 'status=success'], { env })
    expect((JSON.parse(call.out) as { items: { id: string }[] }).items.map((run) => run.id)).toEqual([id])
    const refused = await fob(['api', 'GET', '/api/runs/run_none'], { env })
    expect([refused.code, JSON.parse(refused.out)]).toMatchObject([6, { error: 'not_found' }])
    const missing = await fob(['pipelines', 'view', 'quikc'], { env })
    expect([missing.code, missing.out]).toEqual([6, ''])
    expect(missing.err).toEndWith(
      'fob: pipeline quikc not found\nhint: did you mean quick? "fob pipeline list" shows those that you may see\n',
    )
  })

  testWith(
    missingTerminalPart(),
    'pipeline rm asks at a terminal: no deletes nothing, yes does, --yes is not asked',
    async () => {
      const exists = async () => (await fob(['pipeline', 'show', 'quick'], { env })).code === 0
      const reply = async (keys: string) => {
        const terminal = inTerminal(['pipeline', 'rm', 'quick'], { home: temporaryFolder(), env })
        await terminal.saw('Delete the pipeline quick and its secrets?')
        terminal.type(keys)
        return terminal.ended
      }
      const no = await reply('n')
      expect([no.code, no.sane, no.text.includes('nothing was deleted'), await exists()]).toEqual([
        1,
        true,
        true,
        true,
      ])
      const yes = await reply('y')
      expect([yes.code, yes.sane, await exists()]).toEqual([0, true, false])
      const file = join(temporaryFolder(), 'quick.ts')
      writeFileSync(file, QUICK)
      await fob(['pipeline', 'set', file], { env })
      const unasked = inTerminal(['pipeline', 'rm', 'quick', '-y'], { home: temporaryFolder(), env })
      expect([(await unasked.ended).code, await exists()]).toEqual([0, false])
    },
  )
})

test.each([
  [' leading', true],
  ['trailing ', true],
  ['trailing\t\n', true],
  ['neither', false],
  ['with one inside', false],
])('secrets set warns of blanks at the ends of %j: %p', async (stdin, warns) => {
  const { code, err } = await fob(['secrets', 'set', 'BLANKS'], { env, stdin })
  expect([code, err.includes('begins or ends with blanks')]).toEqual([0, warns])
  expect(err).not.toContain(stdin.trim())
})

test('server user add, passwd and rm say nothing with -q', async () => {
  const data = ['--data', join(temporaryFolder(), 'data')]
  const silent = { code: 0, out: '', err: '' }
  const who = 'bob@example.com'
  const stdin = 'correct horse battery'
  expect(await fob(['server', 'user', 'add', who, '-q', '--password-stdin', ...data], { stdin })).toEqual(
    silent,
  )
  expect(await fob(['server', 'user', 'passwd', who, '-q', '--password-stdin', ...data], { stdin })).toEqual(
    silent,
  )
  expect(await fob(['server', 'user', 'rm', who, '-q', ...data])).toEqual(silent)
  expect(await fob(['server', 'tenant', 'add', 'acme', '-q', ...data])).toEqual(silent)
  expect(await fob(['server', 'tenant', 'rm', 'acme', '-q', ...data])).toEqual(silent)
})

test('whoami with a user and a password in the address asks the server, and fails where they are wrong', async () => {
  const port = freePort()
  const running = start(
    ['server', '--listen', `127.0.0.1:${port}`, '--data', join(temporaryFolder(), 'data')],
    {
      env: { FOB_BASIC_AUTH_USERNAME: 'admin', FOB_BASIC_AUTH_PASSWORD: 'secret123' },
    },
  )
  await running.saw('"listening"')
  const right = await fob(['whoami', '-s', `http://admin:secret123@127.0.0.1:${port}`])
  expect(right).toMatchObject({ code: 0, out: expect.stringContaining('admin') })
  const wrong = await fob(['whoami', '-s', `http://admin:canary@127.0.0.1:${port}`])
  expect(wrong).toMatchObject({ code: 4, out: '', err: expect.not.stringContaining('canary') })
  running.child.kill('SIGINT')
  await running.ended
})

/** Runs the binary with a stream that takes nothing; the text is what the other one got. */
async function onFull(
  stream: 'stdout' | 'stderr',
  ...args: string[]
): Promise<{ code: number; text: string }> {
  const full = openSync('/dev/full', 'w')
  const child = Bun.spawn([FOB, ...args], {
    ...environment({ env }),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    [stream]: full,
  })
  closeSync(full)
  const text = await new Response(stream === 'stdout' ? child.stderr : child.stdout).text()
  return { code: await child.exited, text }
}

describe.skipIf(!existsSync('/dev/full'))('on a full disk', () => {
  const fact = 'cannot write to standard output: no space left on device'

  test.each([['auth token'], ['--help'], ['pipeline --help'], ['version'], ['whoami'], ['completion bash']])(
    'fob %s says that it could not write',
    async (words) => {
      const { code, text } = await onFull('stdout', ...words.split(' '))
      expect([code, text]).toEqual([1, `fob: ${fact}\nhint: make room there, or write it elsewhere\n`])
    },
  )

  test.each(['text', 'json'])(
    'a token that nobody saw is named, so that it can be ended (%s)',
    async (format) => {
      const words = ['tokens', 'create', 'full', '--scope', 'runs:read', '--all-pipelines', '-q']
      const { code, text } = await onFull('stdout', ...words, ...(format === 'json' ? ['-o', format] : []))
      expect([code, text]).toEqual([1, expect.stringContaining(fact)])
      const id = /revoke it with fob tokens revoke (\w+)/.exec(text)?.[1] ?? ''
      expect((await fob(['tokens', 'revoke', id], { env })).code).toBe(0)
    },
  )

  test('what cannot be said on standard error changes nothing', async () => {
    expect(await onFull('stderr', 'secrets', 'set', 'FULL=a long value', '-o', 'json')).toEqual({
      code: 0,
      text: expect.stringContaining('"set":true'),
    })
    expect(await onFull('stderr', 'nonsense')).toEqual({ code: 2, text: '' })
  })
})
