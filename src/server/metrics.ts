/**
 * Owns: what the server counts about itself, in OpenMetrics 1.0 text. Counting is an addition to a number: it is done on
 * the way of every request.
 * Refuses: labels with values from outside, which would be without bound: no paths, tenants, pipelines or addresses.
 */

/** Upper bounds of the buckets of a time, in seconds. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10] as const

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])

interface Times {
  /** Not cumulative; the last one is of what is longer than every bound. */
  counts: number[]
  sum: number
}

export interface Metrics {
  request(method: string, status: number, seconds: number): void
  /** A request that was refused because there were too many. @param limit the name of the limit */
  refused(limit: string): void
  /** A JWT of another issuer, at its first use. */
  jwt(outcome: 'accepted' | 'refused'): void
  runStarted(): void
  runEnded(status: string, redactions: number): void
  /** How long a part of the server took for one operation. */
  took(part: 'vault' | 'database', operation: string, seconds: number): void
  /** All of it. `now`: what is looked up when it is asked for; undefined where it is not known. */
  text(now: Gauges): string
}

interface Gauges {
  version: string
  runsInProgress: number
  runsWaiting: number
  diskFull: boolean
  diskFreeBytes: number | undefined
  residentBytes: number
  startedAtSeconds: number
}

export function openMetrics(): Metrics {
  const requests = createCounts()
  const requestTimes = newTimes()
  const refusals = createCounts()
  const jwts = createCounts()
  const runsEnded = createCounts()
  const parts = { vault: new Map<string, Times>(), database: new Map<string, Times>() }
  let runsStarted = 0
  let redactions = 0

  return {
    request: (method, status, seconds) => {
      requests.add(METHODS.has(method) ? method : 'other', String(status))
      observe(requestTimes, seconds)
    },
    refused: (limit) => refusals.add(limit),
    jwt: (outcome) => jwts.add(outcome),
    runStarted: () => {
      runsStarted += 1
    },
    runEnded: (status, hits) => {
      runsEnded.add(status)
      redactions += hits
    },
    took: (part, operation, seconds) => {
      const times = parts[part].get(operation) ?? newTimes()
      parts[part].set(operation, times)
      observe(times, seconds)
    },
    text: (now) =>
      [
        family('fob_build', 'info', 'The version of the server.', [
          `_info${labels({ version: now.version })} 1`,
        ]),
        family(
          'fob_requests',
          'counter',
          'HTTP requests that were responded to.',
          requests.lines(['method', 'status']),
        ),
        family(
          'fob_request_seconds',
          'histogram',
          'How long a request took until its response began.',
          timeLines(requestTimes),
        ),
        family('fob_refusals', 'counter', 'Requests refused with 429.', refusals.lines(['limit'])),
        family(
          'fob_issuer_jwts',
          'counter',
          'JWTs of other issuers that were accepted or refused; one that is remembered is not counted again.',
          jwts.lines(['outcome']),
        ),
        family('fob_runs_started', 'counter', 'Runs that were started or resumed.', [
          `_total ${runsStarted}`,
        ]),
        family('fob_runs_ended', 'counter', 'Runs that have ended.', runsEnded.lines(['status'])),
        family('fob_runs_in_progress', 'gauge', 'Runs that have started and not ended.', [
          ` ${now.runsInProgress}`,
        ]),
        family('fob_runs_waiting', 'gauge', 'Runs that wait for their turn.', [` ${now.runsWaiting}`]),
        family('fob_redactions', 'counter', 'Secrets that were redacted in runs that have ended.', [
          `_total ${redactions}`,
        ]),
        family(
          'fob_vault_seconds',
          'histogram',
          'How long the store for secrets took.',
          partLines(parts.vault),
        ),
        family(
          'fob_database_seconds',
          'histogram',
          'How long transactions of the database took.',
          partLines(parts.database),
        ),
        family('fob_disk_full', 'gauge', 'Whether nothing can be stored: 1 or 0.', [
          ` ${Number(now.diskFull)}`,
        ]),
        family(
          'fob_disk_free_bytes',
          'gauge',
          'The room on the disk of the data folder.',
          now.diskFreeBytes === undefined ? [] : [` ${now.diskFreeBytes}`],
        ),
        family('process_resident_memory_bytes', 'gauge', 'The memory of the server process.', [
          ` ${now.residentBytes}`,
        ]),
        family('process_start_time_seconds', 'gauge', 'When the server was started, since 1970.', [
          ` ${now.startedAtSeconds}`,
        ]),
        '# EOF\n',
      ].join(''),
  }
}

/** @param samples what comes after the name of the family: suffix, labels and value */
function family(name: string, type: string, help: string, samples: readonly string[]): string {
  const unit = ['seconds', 'bytes'].find((word) => name.endsWith(`_${word}`))
  const head = [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${help}`,
  ]
  return [...head, ...samples.map((sample) => `${name}${sample}`)].map((line) => `${line}\n`).join('')
}

function labels(values: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(values).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Counters of one or two labels. */
function createCounts() {
  const counts = new Map<string, Map<string, number>>()
  return {
    add(first: string, second = '') {
      let inner = counts.get(first)
      if (inner === undefined) counts.set(first, (inner = new Map()))
      inner.set(second, (inner.get(second) ?? 0) + 1)
    },
    lines(names: readonly [string] | readonly [string, string]): string[] {
      return [...counts].flatMap(([first, inner]) =>
        [...inner].map(([second, n]) => {
          const values =
            names.length === 1 ? { [names[0]]: first } : { [names[0]]: first, [names[1]]: second }
          return `_total${labels(values)} ${n}`
        }),
      )
    },
  }
}

function newTimes(): Times {
  return { counts: Array.from({ length: BUCKETS.length + 1 }, () => 0), sum: 0 }
}

function observe(times: Times, seconds: number): void {
  let index = 0
  while (index < BUCKETS.length && seconds > (BUCKETS[index] ?? 0)) index += 1
  times.counts[index] = (times.counts[index] ?? 0) + 1
  times.sum += seconds
}

/** OpenMetrics 1.0, "Canonical Numbers": a whole one has a `.0`. */
function canonical(bound: number): string {
  return Number.isInteger(bound) ? `${bound}.0` : String(bound)
}

function partLines(parts: ReadonlyMap<string, Times>): string[] {
  return [...parts].flatMap(([operation, times]) => timeLines(times, { operation }))
}

function timeLines({ counts, sum }: Times, of: Readonly<Record<string, string>> = {}): string[] {
  let below = 0
  const lines = counts.map((count, index) => {
    below += count
    const le = BUCKETS[index]
    return `_bucket${labels({ ...of, le: le === undefined ? '+Inf' : canonical(le) })} ${below}`
  })
  return [...lines, `_count${labels(of)} ${below}`, `_sum${labels(of)} ${sum}`]
}
