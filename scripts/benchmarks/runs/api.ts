/** The API client of the run benchmarks: sets pipelines, starts runs and reads them. */
import * as v from 'valibot'
import type { PutPipelineBody } from '../../../src/contract/api/pipelines.ts'
import { isFinal, type RunEvent, runEventSchema, runStatus } from '../../../src/contract/run-events.ts'
import type { FobServer } from '../api/servers.ts'

const LOOK_MS = 100

type PutPipeline = Pick<PutPipelineBody, 'source' | 'secrets' | 'rbac'>

/** What the benchmarks ask of a server. */
export interface Api {
  put(name: string, pipeline: PutPipeline): Promise<void>
  /** Runs a pipeline to its end, and reads its events as they come. @throws Error when it does not succeed */
  run(name: string): Promise<RunEvent[]>
  /** The same, with nobody who follows it. @returns its ID */
  runUnseen(name: string): Promise<string>
  get(path: string): Promise<unknown>
  stop(runId: string): Promise<void>
  makeToken(wish: { scopes: string[]; pipelines?: string[]; allPipelines?: boolean }): Promise<string>
}

export function apiOf({ port, jwt }: Pick<FobServer, 'port' | 'jwt'>): Api {
  async function ask(
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
  ) {
    const headers = { authorization: `Bearer ${jwt}`, 'content-type': 'application/json', ...init.headers }
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers })
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`)
    return answer
  }

  return {
    put: async (name, pipeline) => {
      const body = JSON.stringify({ ...pipeline, filename: `${name}.ts` })
      await (await ask(`/api/pipelines/${name}`, { method: 'PUT', body })).text()
    },
    run: async (name) => {
      const headers = { accept: 'text/event-stream' }
      const answer = await ask(`/api/pipelines/${name}/run`, { method: 'POST', body: '{}', headers })
      const events = readEvents(await answer.text())
      const last = events.at(-1)
      if (last?.type !== 'exit' || last.data.code !== 0)
        throw new Error(`a run of ${name} failed: ${JSON.stringify(last?.data)}`)
      return events
    },
    runUnseen: async (name) => {
      const begun = await ask(`/api/pipelines/${name}/run`, { method: 'POST', body: '{}' })
      const id = v.parse(v.object({ run_id: v.string() }), await begun.json()).run_id
      for (;;) {
        const answer = await ask(`/api/runs/${id}`)
        const { status } = v.parse(v.object({ status: runStatus }), await answer.json())
        if (status === 'success') return id
        if (isFinal(status)) throw new Error(`a run of ${name} is ${status}`)
        await Bun.sleep(LOOK_MS)
      }
    },
    makeToken: async (wish) => {
      const body = JSON.stringify({ name: 'bench', ...wish })
      const answer = await ask('/api/auth/cli-tokens', { method: 'POST', body })
      return v.parse(v.object({ token: v.string() }), await answer.json()).token
    },
    stop: async (runId) => {
      await (await ask(`/api/runs/${runId}/stop`, { method: 'POST', body: '{}' })).text()
    },
    get: async (path) => await (await ask(path)).json(),
  }
}

function readEvents(stream: string): RunEvent[] {
  return stream.split('\n\n').flatMap((block) => {
    const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1]
    const [type, data] = [field('event'), field('data')]
    if (type === undefined || data === undefined) return []
    return [v.parse(runEventSchema, { type, data: JSON.parse(data) as unknown })]
  })
}
