/** Secrets printed by runs of the binary: redacted in every encoding, reported, and in no file after a crash. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findCanaries } from '../../support/hostile/canaries.ts'
import { fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { freePort } from '../../support/free-port.ts'
import { until } from '../../support/servers/json-client.ts'
import { vaultKeyFile } from '../../support/servers/vault-key-file.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const MARK = '***REDACTED***'
const CANARY = "canary/5b1f\"x&\\y-ä 'of $all' encodings"
const LINES = '{\n  "user": "canary-user",\n  "password": "canary/pass+word"\n}\n'

const ENCODE = `
printf %s "$T" | base64; printf "user:%s" "$T" | base64 -w0; printf %s "$T" | od -An -v -tx1 | tr -d " \\n"
printf %q "$T"; echo "$L"; echo $L; printf %s "$L" | base64; echo "$T"
echo canary/pass'+'word; set -x; [[ x == "$T" ]]; set +x; true
`
const SCRIPT = (more: string) => `
const pipeline = async () => {
  // Handed in, as the source itself is stored.
  const [value] = pipelineContext.args
  console.log(JSON.stringify({ value }), encodeURIComponent(value), 'x' + value)
  await runtime.run({
    name: 'encode',
    image: 'busybox',
    command: { path: 'bash', args: ['-c', ${JSON.stringify(ENCODE)} + ${JSON.stringify(more)}] },
    env: { T: 'secret:TOKEN', L: 'secret:LINES' },
  })
}
export { pipeline }
`

const folder = temporaryFolder()
const data = join(folder, 'data')
let url = ''
let server: Running

async function startServer(): Promise<void> {
  const port = freePort()
  url = `http://127.0.0.1:${port}`
  const settings = [`listen = "127.0.0.1:${port}"`, `data = "${data}"`]
  settings.push('[secrets]', `key_file = "${vaultKeyFile(folder)}"`)
  writeFileSync(join(folder, 'fob.toml'), settings.join('\n'))
  server = start(['server', '--config', join(folder, 'fob.toml')], { cwd: folder })
  await server.saw('"listening"')
}

async function client(args: string[], stdin?: string): Promise<string> {
  const ended = await fob([...args, '-s', url], { cwd: folder, ...(stdin === undefined ? {} : { stdin }) })
  expect([args, ended.code, ended.err]).toEqual([args, 0, expect.any(String)])
  return ended.out
}

beforeAll(async () => {
  await startServer()
  await client(['secrets', 'set', 'TOKEN'], CANARY)
  await client(['secrets', 'set', 'LINES'], LINES)
})
afterAll(async () => {
  server.child.kill('SIGINT')
  await server.ended
})

describe('what a run prints, on the compiled binary', () => {
  test('S60, S61: a value is hidden in every encoding, and the report says how often and where', async () => {
    writeFileSync(join(folder, 'job.ts'), SCRIPT('echo canary-of-the-pipeline'))
    await client(['pipeline', 'set', 'job.ts'])
    await client(['secrets', 'set', 'UNNAMED', '--pipeline', 'job'], 'canary-of-the-pipeline')
    const log = await client(['pipeline', 'run', 'job', CANARY])
    expect(log).toContain(MARK)
    expect(log).not.toContain('canary')
    expect(log).not.toContain(Buffer.from('canary').toString('hex'))
    const runs = JSON.parse(await client(['runs', 'list', '-o', 'json'])) as { id: string }[]
    const id = runs[0]?.id ?? ''
    expect(await client(['runs', 'show', id])).toContain('hits of TOKEN in encode')
    const shown = JSON.parse(await client(['runs', 'show', id, '-o', 'json'])) as { redactions: unknown }
    expect(shown.redactions).toEqual([
      { secret: 'TOKEN', in: 'job', hits: 4 },
      { secret: 'TOKEN', in: 'encode', hits: 6 },
      { secret: 'LINES', in: 'encode', hits: expect.any(Number) },
      { secret: 'UNNAMED', in: 'encode', hits: 1 },
    ])
    expect(findCanaries(data, [CANARY, LINES])).toEqual([])
  })

  test('S61: a server killed in the middle of a run leaves no trace of a value in its files', async () => {
    writeFileSync(join(folder, 'long.ts'), SCRIPT('echo ready; printf "%s" "$T$T" | head -c 60; sleep 3'))
    await client(['pipeline', 'set', 'long.ts'])
    const running = start(['pipeline', 'run', 'long', CANARY, '-s', url], { cwd: folder })
    await running.saw('ready')
    server.child.kill('SIGKILL')
    await server.ended
    running.child.kill()
    await running.ended
    expect(running.out() + running.err()).not.toContain('canary')
    expect(findCanaries(data, [CANARY, LINES])).toEqual([])

    await startServer()
    const list = async () =>
      JSON.parse(await client(['runs', 'list', '-o', 'json'])) as { pipeline: string; status: string }[]
    // The run goes on where it was.
    const runs = await until(list, ([long]) => long?.status !== 'running' && long?.status !== 'queued')
    expect(runs.map(({ pipeline, status }) => [pipeline, status])).toEqual([
      ['long', 'success'],
      ['job', 'success'],
    ])
    expect(findCanaries(data, [CANARY, LINES])).toEqual([])
  })
})
