/** The documented forms of a pipeline: `runtime.run`, secrets of tasks, and notifications. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Ended, fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { freePort } from '../../support/free-port.ts'
import { vaultKeyFile } from '../../support/servers/vault-key-file.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** What the documents say of a pipeline's script and of its secrets, in their own words and forms. */

const MARK = '***REDACTED***'
const SHORT = 'canary-short'
const LONG = `${SHORT}-and-the-rest`
const folder = temporaryFolder()
let url = ''
let server: Running
/** What the hook has heard. */
const heard: { method: string; path: string; headers: Headers; body: string }[] = []
const hook = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const { method, headers } = request
    heard.push({ method, path: new URL(request.url).pathname, headers, body: await request.text() })
    return new Response('ok')
  },
})

beforeAll(async () => {
  const port = freePort()
  url = `http://127.0.0.1:${port}`
  const flags = [
    '--listen',
    `127.0.0.1:${port}`,
    '--data',
    join(folder, 'data'),
    '--allow-network',
    '127.0.0.1',
  ]
  server = start(['server', ...flags], { env: { FOB_SECRETS_KEY_FILE: vaultKeyFile() } })
  await server.saw('"listening"')
  const secrets = {
    SHORT,
    LONG,
    HOOK_URL: `${hook.url.href}hook`,
    TOKEN: 'Bearer abc-123',
    TRACE: 'trace-42',
  }
  for (const [key, stdin] of Object.entries(secrets)) {
    expect((await fob(['secrets', 'set', key, '-s', url], { stdin })).code).toBe(0)
  }
})
afterAll(async () => {
  server.child.kill('SIGINT')
  await server.ended
  await hook.stop(true)
})

/** Sets a whole file and runs it. */
async function run(name: string, source: string): Promise<Ended> {
  writeFileSync(join(folder, `${name}.ts`), source)
  const set = await fob(['pipeline', 'set', `${name}.ts`, '-s', url], { cwd: folder })
  expect([set.code, set.err]).toEqual([0, expect.any(String)])
  return await fob(['pipeline', 'run', name, '-s', url])
}
const body = (text: string) => `const pipeline = async () => {\n${text}\n};\nexport { pipeline };\n`

describe('the form of a pipeline', () => {
  test.each([
    ['as it is documented', 'const pipeline = async () => { console.log("ran") };\n\nexport { pipeline };\n'],
    ['a function that is not async', 'export function pipeline() { console.log("ran") }\n'],
    [
      'one that is called so on its way out',
      'const main = async () => console.log("ran")\nexport { main as pipeline }\n',
    ],
  ])('S87: %s', async (_, source) => {
    expect(await run('form', source)).toMatchObject({ code: 0, out: 'ran\n' })
  })

  test('S88: runtime.run takes what is documented, is awaited, and gives a result', async () => {
    const ended = await run(
      'result',
      body(`
        const result = await runtime.run({
          name: "greet", image: "busybox",
          command: { path: "sh", args: ["-c", "echo $GREETING; echo aside >&2; exit 3"] },
          env: { GREETING: "hi" },
        });
        console.log(JSON.stringify([result.code, result.status, result.stdout, result.stderr]));
        console.log(new Date(result.endedAt) >= new Date(result.startedAt));`),
    )
    expect(ended).toMatchObject({ code: 0, out: `hi\n[3,"failure","hi\\n","aside\\n"]\ntrue\n` })
  })
})

test('fob pipeline diff exits 0 for a file that is as it was set, and 1 for another, with the difference', async () => {
  const before = body('console.log("one");')
  expect(await run('compared', before)).toMatchObject({ code: 0 })
  const diff = () => fob(['pipeline', 'diff', 'compared.ts', '-s', url], { cwd: folder })
  expect(await diff()).toMatchObject({ code: 0, out: '' })
  writeFileSync(join(folder, 'compared.ts'), before.replace('one', 'two'))
  expect(await diff()).toMatchObject({
    code: 1,
    out: expect.stringContaining('\n-console.log("one");\n+console.log("two");\n') as string,
  })
})

describe('secrets of a task', () => {
  test('S57, S58, S59: what begins with secret: is resolved, all else is passed as it is', async () => {
    const ended = await run(
      'env',
      body(`
        await runtime.run({
          name: "show", image: "busybox",
          command: { path: "sh", args: ["-c", 'echo "\${#KEY} $NODE_ENV $NOT $COUNT"; env | grep -c secret:SHORT'] },
          env: { KEY: "secret:SHORT", NODE_ENV: "production", NOT: "a secret:SHORT", COUNT: 7 },
        });`),
    )
    // Only NOT has the literal text.
    expect(ended).toMatchObject({ code: 0, out: `${SHORT.length} production a secret:SHORT 7\n1\n` })
  })

  test.each(['stdout', 'stderr'])(
    'S60, S62, S63: on %s the longest value is replaced whole',
    async (stream) => {
      const to = stream === 'stderr' ? ' >&2' : ''
      const ended = await run(
        'longest',
        body(`
        const { ${stream}: printed } = await runtime.run({
          name: "print", image: "busybox",
          command: { path: "sh", args: ["-c", 'echo "<$LONG> <$SHORT>"${to}'] },
          env: { SHORT: "secret:SHORT", LONG: "secret:LONG" },
        });
        console.log("returned " + printed);`),
      )
      expect(stream === 'stderr' ? ended.err : ended.out).toContain(`<${MARK}> <${MARK}>\n`)
      expect(ended.out).toContain(`returned <${MARK}> <${MARK}>\n`)
      expect(ended.out + ended.err).not.toMatch(/canary|and-the-rest/)
    },
  )

  test('S61: what is stored is redacted, also where it is read another way', async () => {
    const ended = await run(
      'stored',
      body(`
        await runtime.run({ name: "print", image: "x", env: { K: "secret:LONG" },
          command: { path: "sh", args: ["-c", "echo $K"] } });`),
    )
    const id = /Run (run_\w+)/.exec(ended.err)?.[1] ?? ''
    for (const path of [`api/runs/${id}`, `api/runs/${id}/log`, `runs/${id}`, `api/runs/${id}/events`]) {
      const text = await (await fetch(`${url}/${path}`)).text()
      expect([path, text.includes(SHORT)]).toEqual([path, false])
    }
    expect(await (await fetch(`${url}/api/runs/${id}/log`)).text()).toContain(MARK)
  })

  test('S64: a reference to a secret that is not there fails the call that carries it, and names the key', async () => {
    const ended = await run(
      'absent',
      body(`
        await runtime.run({ name: "first", image: "x", command: { path: "echo", args: ["begun"] } });
        await runtime.run({ name: "second", image: "x", command: { path: "true" }, env: { A: "secret:SHROT" } });`),
    )
    expect([ended.code, ended.out]).toEqual([1, 'begun\n'])
    expect(ended.err).toContain('warning: secret SHROT is not set; a call that needs it will fail\n')
    expect(ended.err).toContain('secret SHROT is not set: looked in pipeline absent')
  })
})

describe('notifications', () => {
  test('S94, S95, S97: an http hook has its address and every header from secrets', async () => {
    heard.length = 0
    const ended = await run(
      'hook',
      body(`
        notify.setConfigs({ hook: { type: "http", url: "secret:HOOK_URL", method: "PUT",
          headers: { Authorization: "secret:TOKEN", "X-Trace": "secret:TRACE", "X-Plain": "as it is" } } });
        await notify.send({ name: "hook", message: "done" });`),
    )
    expect(ended.code).toBe(0)
    expect(heard).toMatchObject([{ method: 'PUT', path: '/hook' }])
    const names = ['authorization', 'x-trace', 'x-plain']
    expect(names.map((name) => heard[0]?.headers.get(name))).toEqual([
      'Bearer abc-123',
      'trace-42',
      'as it is',
    ])
    expect(JSON.parse(heard[0]?.body ?? '')).toMatchObject({ message: 'done', pipeline: 'hook' })
  })

  test('S96: a secret is looked up when a message is sent, not when it is configured', async () => {
    heard.length = 0
    const ended = await run(
      'late',
      body(`
        notify.setConfigs({ hook: { type: "http", url: "secret:HOOK_URL", headers: { A: "secret:NOT_THERE" } } });
        console.log("configured");
        await notify.send({ name: "hook", message: "m" }).catch((error) => console.log(error.message));`),
    )
    expect(ended.out).toStartWith('configured\n')
    expect(ended.out + ended.err).toContain('NOT_THERE')
    expect(heard).toEqual([])
  })
})
