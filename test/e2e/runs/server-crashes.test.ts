/** Runs whose server is killed at random moments: each ends, and no task or log line is lost or doubled. */
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type Running, start } from '../../support/client/compiled-binary.ts'
import { jsonClient, until } from '../../support/servers/json-client.ts'
import { runStorm } from '../../support/hostile/run-storm.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const hasTask = ({ tasks }: Record<string, unknown>) => JSON.stringify(tasks).includes('running')

// `scripts/fuzz runs` does the same 100 times.
describe.skipIf(process.platform === 'win32')('a server that is killed amid runs', () => {
  test('each run ends, no task that was done is done again, no line is lost or doubled', async () => {
    const { kills, problems } = await runStorm(6, Math.random)
    expect(problems).toEqual([])
    expect(kills).toBe(6)
  }, 120_000)

  test('a run that gets no further while its server is killed again and again is given up', async () => {
    const folder = temporaryFolder()
    const port = freePort()
    const send = jsonClient(() => `http://127.0.0.1:${port}`)
    const begin = async (): Promise<Running> => {
      const data = join(folder, 'data')
      const server = start(['server', '--listen', `127.0.0.1:${port}`, '--data', data], { home: folder })
      await server.saw('"listening"')
      return server
    }
    let server = await begin()
    const source = `export const pipeline = () => runtime.run({ name: 't', command: { path: 'sleep', args: ['300'] } })`
    await send('PUT', '/api/pipelines/stuck', { source, filename: 'stuck.ts' })
    const { run_id: id } = (await send('POST', '/api/pipelines/stuck/run', {})).json() as { run_id: string }
    const run = async () => (await send('GET', `/api/runs/${id}`)).json()
    try {
      for (let kills = 0; kills < 6; kills++) {
        expect(await until(run, hasTask)).toMatchObject({ status: 'running' })
        server.child.kill('SIGKILL')
        await server.ended
        server = await begin()
      }
      expect(await run()).toMatchObject({
        status: 'failed',
        message: 'the server was killed 6 times while this run was in progress, and the run got no further',
      })
      expect((await send('POST', `/api/runs/${id}/resume`)).status).toBe(202)
      expect((await send('POST', `/api/runs/${id}/stop`)).status).toBe(202)
      await until(run, ({ status }) => status === 'stopped')
    } finally {
      server.child.kill('SIGTERM')
      await server.ended
    }
  }, 60_000)
})
