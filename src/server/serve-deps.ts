/** What a server is started with. */
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import type { Env } from '../platform/processes/own-and-child-environment.ts'
import type { ServerLog } from './log.ts'
import type { ServerSettings } from './settings/settings.ts'

export interface ServeDeps {
  settings: ServerSettings
  clock: Clock
  log: ServerLog
  version: string
  /** For the identity providers that people log in with; without it, the real one. */
  fetch?: Fetch
  /** Starts this program as the sandbox of one script. */
  sandboxCommand: readonly string[]
  /** False: no process is held ready for the next script. */
  holdsSpareSandbox?: boolean
  /** Starts it as the supervisor of native tasks, which outlives us. */
  tasksCommand?: readonly string[]
  /** For what runs start on this machine themselves, such as git. */
  env?: Env
}

/** Registers what a part does when the server stops. The last part to open is the first to close. */
export type OnClose = (close: () => void | Promise<void>) => void
