/** `fetch` and storage of a pipeline on the binary: refused networks, allowed ones, and values after a restart. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { freePort } from '../../support/free-port.ts'
import { vaultKeyFile } from '../../support/servers/vault-key-file.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const cwd = temporaryFolder()
const port = freePort()
const url = `http://127.0.0.1:${port}`
let running: Running
let service: Bun.Server<undefined>

async function up(...flags: string[]): Promise<void> {
  running = start(['server', '--data', join(cwd, 'data'), ...flags], {
    cwd,
    env: { FOB_LISTEN: `127.0.0.1:${port}`, FOB_SECRETS_KEY_FILE: vaultKeyFile() },
  })
  await running.saw('"listening"')
}
async function down(): Promise<void> {
  running.child.kill('SIGINT')
  await running.ended
}
const client = (...words: string[]) => fob([...words, '-s', url], { cwd })

beforeAll(async () => {
  service = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => new Response(`told ${request.headers.get('authorization')}`),
  })
  writeFileSync(
    join(cwd, 'ask.ts'),
    `export const pipeline = async () => {
      const count = Number((await storage.get('count')) ?? 0) + 1
      await storage.set('count', count)
      const answer = await fetch(pipelineContext.args[0]!, { headers: { authorization: 'Bearer secret:TOKEN' } })
      console.log(count, answer.status, await answer.text())
    }`,
  )
  await up()
  expect(await client('pipeline', 'set', 'ask.ts', '-e', 'TOKEN=canary-e2e-fetch')).toMatchObject({ code: 0 })
})
afterAll(async () => {
  await service.stop(true)
  await down()
})

const target = (scheme = 'http') => `${scheme}://127.0.0.1:${service.port}/`

describe('fetch and storage of a pipeline', () => {
  test('what is not on the internet is refused', async () => {
    const { code, out, err } = await client('pipeline', 'run', 'ask', target('https'))
    expect(code).toBe(1)
    expect(out + err).toContain('127.0.0.1 is not a place on the internet')
  })

  test('what the operator allows is asked, with a secret that no log shows; values outlive a restart', async () => {
    await down()
    await up('--allow-network', '127.0.0.0/8')
    const { code, out, err } = await client('pipeline', 'run', 'ask', target())
    expect({ code, out }).toEqual({ code: 0, out: '2 200 told Bearer ***REDACTED***\n' })
    expect(err).not.toContain('canary')
  })

  test('a setting that is not valid stops the start', async () => {
    const { code, err } = await fob(
      ['server', '--data', join(cwd, 'other'), '--listen', '127.0.0.1:0', '--allow-network', '10.0.0.0/99'],
      { cwd },
    )
    expect({ code, err }).toMatchObject({
      code: 2,
      err: expect.stringContaining('--allow-network takes addresses'),
    })
  })
})
