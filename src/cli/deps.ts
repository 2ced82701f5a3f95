/** What commands need of the outside world, so that tests can replace it. */
import { join } from 'node:path'
import { Fault } from '../contract/fault.ts'
import { homeFolder } from '../platform/files/home-folder.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import { VERSION } from '../platform/build-constants.ts'
import { fetchNamingProxies } from '../platform/network/fetch-naming-proxies.ts'
import { namingUserAgent } from '../platform/network/name-user-agent.ts'
import { type Io, processIo } from '../platform/terminal/standard-streams.ts'
import { type Env, takeEnvironment } from '../platform/processes/own-and-child-environment.ts'

/** The outside world as a command sees it. Everything heavy is a function, so that `--help` wakes nothing. */
export interface Deps {
  io: Io
  env: Env
  clock: Clock
  fetch: Fetch
  /** `$FOB_HOME` or `~/.fob`. */
  home: string
  /** The working directory; undefined where it has been deleted. */
  cwd: string | undefined
  /** Aborted by Ctrl-C, with a `Fault` `interrupted` as its reason. */
  signal: AbortSignal
  /**
   * From now on SIGHUP calls `listener` and does not abort `signal`, but where it means that the terminal is gone.
   * @returns ends that
   */
  onHangup(listener: () => void): () => void
}

/** Who is told of SIGHUP; undefined: it interrupts, as Ctrl-C does. */
export interface Hangups {
  listener: (() => void) | undefined
}

export function systemDeps(signal: AbortSignal, hangups: Hangups, env: Env = takeEnvironment()): Deps {
  return {
    io: processIo(),
    env,
    clock: systemClock,
    fetch: namingUserAgent(fetchNamingProxies(fetch, env), `fob/${VERSION}`),
    home: env.FOB_HOME || join(homeFolder(), '.fob'),
    cwd: workingDirectory(),
    signal,
    onHangup: (listener) => {
      hangups.listener = listener
      return () => void (hangups.listener = undefined)
    },
  }
}

function workingDirectory(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

/** The reason of the signal that Ctrl-C aborts. */
export function interruption(): Fault {
  return new Fault('interrupted', 'interrupted')
}
