/** The progress of pulling an image, as a few lines for the log of the run. */
import * as v from 'valibot'
import type { Clock } from '../../../../platform/clock.ts'

/** The first line comes soon, later ones at growing intervals: at most some 35 in half an hour. */
const FIRST_MS = 2000
const LONGEST_MS = 60_000
const MIB = 1024 * 1024

/** One line of the daemon's response to a pull (Engine API, `POST /images/create`). */
export const pullLine = v.looseObject({
  status: v.optional(v.string(), ''),
  id: v.optional(v.string()),
  error: v.optional(v.string()),
  progressDetail: v.optional(
    v.looseObject({ current: v.optional(v.number()), total: v.optional(v.number()) }),
  ),
})
type PullLine = v.InferOutput<typeof pullLine>

/** Condenses the many lines of the daemon into a few. */
export function createProgress(name: string, clock: Clock, tell: (line: string) => void) {
  const layers = new Map<string, { done: boolean; current: number; total: number }>()
  const started = clock.now()
  let wait = FIRST_MS
  let next = started + wait

  function add({ id, status, progressDetail }: PullLine): void {
    // The first line has the tag where others have their layer.
    if (id === undefined || status.startsWith('Pulling from')) return
    const layer = layers.get(id) ?? { done: false, current: 0, total: 0 }
    layers.set(id, layer)
    if (status === 'Downloading') {
      layer.current = progressDetail?.current ?? 0
      layer.total = progressDetail?.total ?? 0
    } else if (status === 'Download complete' || status === 'Extracting') layer.current = layer.total
    else if (status === 'Pull complete' || status === 'Already exists') {
      layer.done = true
      layer.current = layer.total
    }
    if (clock.now() < next) return
    wait = Math.min(LONGEST_MS, wait * 2)
    next = clock.now() + wait
    tell(`Pulling ${name}: ${describe()}`)
  }

  function describe(): string {
    const all = [...layers.values()]
    const sum = (pick: 'current' | 'total') => mib(all.reduce((total, layer) => total + layer[pick], 0))
    return `${all.filter((layer) => layer.done).length} of ${all.length} layers, ${sum('current')} of ${sum('total')} MiB`
  }

  return {
    add,
    end: () => tell(`Pulled ${name} in ${((clock.now() - started) / 1000).toFixed(1)} s`),
  }
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1)
}
