/** The line at the bottom of a terminal that shows how a run progresses. */
import type { RunStatus, TaskStatus } from '../../contract/run-events.ts'
import type { Deps } from '../deps.ts'
import { isCi } from '../input/read-secret.ts'

/** The line at the bottom of a terminal that says how a run is going. */
export interface Progress {
  /** Counts a task, by its status. */
  task(status: TaskStatus): void
  /** Tells whether the run is queued, or has started. */
  run(status: RunStatus): void
  /** Writes what is to stay on the screen: the line makes way for it, and comes back once a line has ended. */
  around(text: string, write: (text: string) => void): void
  /** Takes the line away for good. */
  end(): void
}

const REDRAW_MS = 1000
/** Back to the first column, and erase what stands there (ECMA-48 §8.3.41). */
const ERASE = '\r\u001b[2K'

const NONE: Progress = { task: () => {}, run: () => {}, around: (text, write) => write(text), end: () => {} }

/**
 * Draws on stderr, where it is a terminal and not that of a CI system; elsewhere it does nothing.
 * @param wanted false where the output is for programs, or none is wanted
 */
export function startProgress({ io, env, clock, signal }: Deps, wanted: boolean): Progress {
  if (!wanted || !io.stderr.isTerminal || isCi(env) || env.TERM === 'dumb') return NONE
  const startedAt = clock.now()
  const ended = new AbortController()
  let [running, done, failed] = [0, 0, 0]
  let waits = false
  /** Whether the cursor is where a line begins. */
  let atStart = true
  let drawn = false

  const erase = () => {
    if (drawn) io.stderr.write(ERASE)
    drawn = false
  }
  const draw = () => {
    if (!atStart || ended.signal.aborted) return
    const counts = [`${done} done`, `${running} running`, ...(failed === 0 ? [] : [`${failed} failed`])]
    const about = waits ? 'waiting for its turn' : `tasks: ${counts.join(', ')}`
    const line = `${elapsed(clock.now() - startedAt)}  ${about}`
    io.stderr.write(`${ERASE}${line.slice(0, Math.max(0, io.stderr.columns - 1))}`)
    drawn = true
  }
  const tick = async () => {
    const until = AbortSignal.any([signal, ended.signal])
    while (!until.aborted) {
      draw()
      await clock.sleep(REDRAW_MS, until)
    }
  }
  tick().catch(() => {})

  return {
    task(status) {
      if (status === 'running') {
        running += 1
      } else {
        running = Math.max(0, running - 1)
        if (status === 'success') done += 1
        else failed += 1
      }
    },
    run(status) {
      waits = status === 'queued'
    },
    around(text, write) {
      if (text === '') return
      erase()
      write(text)
      atStart = text.endsWith('\n')
      draw()
    },
    end() {
      erase()
      ended.abort(new Error('the run has ended'))
    },
  }
}

/** `0:07`, `12:34`, `1:02:03` */
function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return h === 0 ? `${m}:${two(s)}` : `${h}:${two(m)}:${two(s)}`
}

function two(n: number): string {
  return String(n).padStart(2, '0')
}
