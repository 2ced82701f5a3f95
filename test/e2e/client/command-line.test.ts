/** The path of a new user on the compiled binary: login, status, a pipeline, a secret, a run and its log. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binaryLogin } from '../../support/client/binary-login.ts'
import { type Ended, fob, start } from '../../support/client/compiled-binary.ts'
import { ADA, type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** Never to be seen by anyone but the task. */
const CANARY = 'canary-4e7d21-and-more'

const SCRIPT = `
const sh = (name, script, env = {}) =>
  runtime.run({ name, image: 'busybox', command: { path: 'sh', args: ['-c', script] }, env })

const pipeline = async () => {
  console.log('greeting', pipelineContext.args.join(' '), pipelineContext.task)
  const both = { KEY: 'secret:KEY', PLAIN: 'production' }
  const halves = 'k=$KEY; printf %s "\${k%-and-more}"; sleep 0.3; printf %s "-and-more"; echo'
  const [first] = await Promise.all([
    sh('whole', 'echo "plain=$PLAIN key=$KEY"; echo "err $KEY" >&2', both),
    sh('halves', halves, both),
  ])
  console.log('returned', first.stdout, first.code)
  const bad = await sh('name ' + first.stdout, 'exit 3')
  if (bad.code !== 3) throw new Error('a code that is not 0 must come back')
  if (pipelineContext.args[0] === 'fail') throw new Error('failed with ' + first.stdout)
}
export { pipeline }
`

let server: BinaryServer
let home: string
const printed: string[] = []

/** Runs the binary as the user who logged in, and keeps what it prints for the search at the end. */
async function run(args: string[], stdin?: string, env: Record<string, string> = {}): Promise<Ended> {
  const ended = await fob(args, { home, cwd: home, env, ...(stdin === undefined ? {} : { stdin }) })
  printed.push(ended.out, ended.err)
  return ended
}

beforeAll(async () => {
  server = await startBinaryServer()
  home = temporaryFolder()
  writeFileSync(join(home, 'job.ts'), SCRIPT)
})
afterAll(() => server.stop())

/** Two tasks that print at once, each in the middle of a line of the other, then one alone, and another. */
const AT_ONCE = (folder: string) => `
const sh = (name: string, script: string) =>
  runtime.run({ name, command: { path: 'sh', args: ['-c', 'cd ${folder}; until_there() { until [ -e $1 ]; do sleep 0.02; done; }; ' + script] } })
export const pipeline = async () => {
  await Promise.all([
    sh('left', 'until_there right; printf "A-begin "; touch left; until_there done; echo A-end; printf last'),
    sh('right', 'touch right; until_there left; printf "B-begin "; sleep 0.2; echo B-end; touch done'),
  ])
  await sh('alone', 'printf "abc "; printf def')
  await sh('next', 'echo ghi; echo jkl >&2')
}
`

describe('the line, on the compiled binary', () => {
  test('S195, S207, S216: a browser login ends on the success page and names who is logged in', async () => {
    const ended = await binaryLogin(server.url, { home })
    printed.push(ended.out, ended.err)
    expect(ended.code).toBe(0)
    expect(ended.page.html).toContain('✓ Logged in — return to your terminal')
    expect(ended.err).toContain(`Logged in to ${server.url} as`)
    expect(ended.err).toContain(ADA.email)
    expect(ended.out).toBe('')
  })

  test('S44: the file store is 0600 in a folder of 0700', () => {
    const path = join(home, '.fob', 'credentials')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(home, '.fob')).mode & 0o777).toBe(0o700)
    const { servers } = JSON.parse(readFileSync(path, 'utf8')) as {
      servers: Record<string, { token: string }>
    }
    expect(servers[server.url]?.token.split('.')).toHaveLength(3)
  })

  test('one can tell what is whose of tasks that print at once; one alone is passed through', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(home, 'at-once.ts'), AT_ONCE(folder))
    await run(['pipeline', 'set', join(home, 'at-once.ts')])
    const { out, err, code } = await run(['pipeline', 'run', 'at-once'])
    expect({ out, code }).toEqual({
      out: 'right | B-begin B-end\nleft | A-begin A-end\nleft | last\nabc def\nghi\n',
      code: 0,
    })
    expect(err).toContain('▶ next\njkl\n✓ next\n')
    const [, id = ''] = /Run (run_\S+)/.exec(err) ?? []
    expect((await run(['runs', 'logs', id])).out).toBe(out)
    const token = (await fob(['auth', 'token'], { home })).out.trim()
    const download = await fetch(`${server.url}/api/runs/${id}/log`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const text = await download.text()
    expect(text.replace('jkl\n', '')).toBe(out)
    expect(text).toContain('\njkl\n')
  })

  test('auth token prints the token alone, and the API takes it', async () => {
    const { out, err, code } = await fob(['auth', 'token'], { home })
    expect({ err, code }).toEqual({ err: '', code: 0 })
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    const answer = await fetch(`${server.url}/api/pipelines`, {
      headers: { authorization: `Bearer ${out.trim()}` },
    })
    expect(answer.status).toBe(200)
  })

  test('S240: whoami works with the server unreachable', async () => {
    expect((await run(['whoami'])).out).toContain(ADA.email)
  })

  test('auth status shows the login and where it rests', async () => {
    const { out, code } = await run(['auth', 'status', '-o', 'json'])
    expect(code).toBe(0)
    const [entry] = JSON.parse(out) as Record<string, unknown>[]
    expect(entry).toMatchObject({ server: server.url, current: true })
    expect(out).toContain('file')
  })

  test('a pipeline is set, and its secret from standard input', async () => {
    expect((await run(['pipeline', 'set', 'job.ts'])).code).toBe(0)
    const { code, err } = await run(['secrets', 'set', 'KEY', '-p', 'job'], `${CANARY}\n`)
    expect({ code, err }).toEqual({ code: 0, err: 'Set KEY for job\n' })
    expect((await run(['secrets', 'list'])).out).toContain('KEY\tjob\t')
  })

  test('S58 to S63: a run gets the value, and every view of it has the mark', async () => {
    const { out, err, code } = await run(['pipeline', 'run', 'job', 'a', 'b', '--task', 'say hi'])
    expect({ code, err }).toMatchObject({ code: 0 })
    expect(out).toContain('greeting a b say hi')
    expect(out).toContain('plain=production key=***REDACTED***')
    expect(out.replaceAll('***REDACTED***', '').match(/canary|and-more/)).toBeNull()
    expect(err).toContain('err ***REDACTED***')
    expect(err).toContain('✓ the run succeeded')
  })

  test('a run that fails exits 1, and its message is redacted too', async () => {
    const { err, code } = await run(['pipeline', 'run', 'job', 'fail'])
    expect(code).toBe(1)
    expect(err).toContain('failed with')
    expect(err).toContain('***REDACTED***')
  })

  test('S64: a missing secret fails at once and names the key', async () => {
    writeFileSync(join(home, 'missing.ts'), SCRIPT)
    await run(['pipeline', 'set', 'missing.ts'])
    const { err, code, out } = await run(['pipeline', 'run', 'missing'])
    expect(code).toBe(1)
    expect(err).toContain('KEY')
    expect(out).not.toContain('plain=production')
  })

  test('S71: the pipeline scope comes before the global one', async () => {
    await run(['secrets', 'set', 'KEY'], 'the-global-value')
    writeFileSync(
      join(home, 'scope.ts'),
      `export const pipeline = async () => {
        const r = await runtime.run({ name: 't', image: 'x', command: { path: 'sh', args: ['-c', 'echo "\${#KEY}"'] }, env: { KEY: 'secret:KEY' } })
        console.log('length', r.stdout)
      }`,
    )
    await run(['pipeline', 'set', 'scope.ts'])
    expect((await run(['pipeline', 'run', 'scope'])).out).toContain('length 16')
    await run(['secrets', 'set', 'KEY', '--pipeline', 'scope'], 'own-value')
    expect((await run(['pipeline', 'run', 'scope'])).out).toContain('length 9')
  })

  test('runs list, show and logs tell the same story afterwards', async () => {
    const runs = JSON.parse((await run(['runs', 'list', '-p', 'job', '-o', 'json'])).out) as {
      id: string
      status: string
    }[]
    expect(runs.map(({ status }) => status)).toEqual(['failed', 'success'])
    const id = runs[1]?.id ?? ''
    const shown = JSON.parse((await run(['runs', 'show', id, '-o', 'json'])).out) as {
      tasks: { name: string; status: string }[]
    }
    expect(shown.tasks.map(({ status }) => status)).toEqual(['success', 'success', 'failure'])
    const logs = await run(['runs', 'logs', id])
    expect(logs.code).toBe(0)
    expect(logs.out).toContain('plain=production key=***REDACTED***')
  })

  test('Ctrl-C in the middle of following leaves the run alone and says how to go on', async () => {
    writeFileSync(
      join(home, 'slow.ts'),
      `export const pipeline = async () => {
      await runtime.run({ name: 'slow', image: 'x', command: { path: 'sh', args: ['-c', 'echo started; sleep 2; echo done'] } })
    }`,
    )
    await run(['pipeline', 'set', 'slow.ts'])
    const running = start(['pipeline', 'run', 'slow'], { home })
    await running.saw('started')
    running.child.kill('SIGINT')
    const { code, err } = await running.ended
    expect(code).toBe(130)
    const id = /fob runs logs (run_\w+) -f/.exec(err)?.[1] ?? ''
    const rest = await run(['runs', 'logs', id, '-f'])
    expect(rest.out).toBe('started\ndone\n')
  })

  test('runs stop ends a run, which then was stopped', async () => {
    const running = start(['pipeline', 'run', 'slow'], { home })
    await running.saw('started')
    const id = /Run (run_\w+)/.exec(running.err())?.[1] ?? ''
    expect((await run(['runs', 'stop', id])).code).toBe(0)
    expect((await running.ended).code).toBe(1)
    expect(running.err()).toContain('■ the run was stopped\nfob: the run of slow was stopped\n')
    expect((await run(['runs', 'show', id])).out).toContain('stopped')
    expect((await run(['runs', 'logs', id])).err).toContain('■ the run was stopped')
  })

  test('S235, R12: logout revokes, and deletes the credential', async () => {
    const { out: token } = await fob(['auth', 'token'], { home })
    const { code } = await run(['auth', 'logout'])
    expect(code).toBe(0)
    const answer = await fetch(`${server.url}/api/pipelines`, {
      headers: { authorization: `Bearer ${token.trim()}` },
    })
    expect(answer.status).toBe(401)
    expect((await run(['auth', 'status'])).code).toBe(4)
    expect(readFileSync(join(home, '.fob', 'credentials'), 'utf8')).not.toContain(token.trim())
  })

  test('S48: a call without a credential says how to get one, word for word', async () => {
    const { code, err } = await run(['pipeline', 'list', '-s', server.url])
    expect(code).toBe(4)
    expect(err).toContain(
      `authentication required: server ${server.url} returned 401 Unauthorized\n\nPlease log in first:\n` +
        `  fob auth login -s ${server.url}\n\nOr provide a token directly:\n  export FOB_TOKEN=<token>`,
    )
  })

  test('the canary is nowhere: not in what was printed, the log, the database or any file', async () => {
    await server.stop()
    const { out, err } = await server.running.ended
    const everything = [
      ...printed,
      out,
      err,
      ...filesIn(server.dataDir),
      ...filesIn(home).filter((text) => !text.includes('const sh')),
    ]
    expect(everything.length).toBeGreaterThan(20)
    for (const text of everything) {
      expect(text.includes(CANARY)).toBe(false)
      expect(text.includes(ADA.password)).toBe(false)
    }
    expect(filesIn(server.dataDir).some((text) => text.includes('***REDACTED***'))).toBe(true)
  })
})

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
}
