/** The bodies of the routes for runners. */
import * as v from 'valibot'
import { displayName } from './display-name.ts'

export const putRunnerBody = v.strictObject({ name: displayName })

export const RUNNER_STATUSES = ['online', 'busy', 'offline'] as const

export const heartbeatBody = v.strictObject({
  status: v.picklist(RUNNER_STATUSES, 'status is online, busy or offline'),
  version: v.pipe(v.string(), v.regex(/^[!-~]{1,64}$/, 'version has up to 64 printable characters')),
})

export const runnerResponse = v.looseObject({
  id: v.string(),
  name: v.string(),
  /** `offline` also when nothing was heard of it for two minutes. */
  status: v.picklist(RUNNER_STATUSES),
  version: v.nullable(v.string()),
  createdAt: v.string(),
  lastSeenAt: v.nullable(v.string()),
})
export type RunnerResponse = v.InferOutput<typeof runnerResponse>

export const createdRunner = v.looseObject({ ...runnerResponse.entries, token: v.string() })
