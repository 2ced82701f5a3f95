/** Measures the start of a run's first task, and runs of many tasks, in parallel and in sequence. */
import * as v from 'valibot'
import type { Api } from './api.ts'
import { check, median, show, showBeside } from './report.ts'

const STARTS = 41
const MANY_ROUNDS = 5
const TASKS = 1000
/** As many as the server lets run at once of one run. */
const AT_ONCE = 64
/** What both subjects start: a program that says when it was started, in nanoseconds. */
const NOW = ['date', '+%s%N']

/** From the request that begins a run to the first instruction of its first task. */
export async function measureStart(api: Api): Promise<void> {
  await api.put('start', { source: pipeline(`await runtime.run(${task(NOW)})`) })
  const times: Record<'bare' | 'run', number[]> = { bare: [], run: [] }
  for (let round = -3; round < STARTS; round++) {
    const bare = await bareStart()
    const run = await runStart(api)
    // The first ones are for caches, the compiler, and the process that runs tasks.
    if (round < 0) continue
    times.bare.push(bare)
    times.run.push(run)
  }
  show('bare spawn until the program has started', times.bare, 'ms')
  show('trigger until the first task has started', times.run, 'ms')
  check(
    'ms from trigger to first task, beyond a bare spawn',
    median(times.run) - median(times.bare),
    'at most',
    60,
  )
}

async function bareStart(): Promise<number> {
  const before = now()
  const child = Bun.spawn(NOW, { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  return Number(await new Response(child.stdout).text()) / 1e6 - before
}

async function runStart(api: Api): Promise<number> {
  const before = now()
  const events = await api.run('start')
  const said = events.flatMap((event) => (event.type === 'log' ? event.data.data : [])).join('')
  return v.parse(v.pipe(v.string(), v.regex(/^\d+\n$/), v.transform(Number)), said) / 1e6 - before
}

/** From the request to the end of the run: its tasks are asked for all at once, or each after the one before. */
export async function measureManyTasks(api: Api, beside?: Api): Promise<void> {
  const runTrue = `runtime.run(${task(['true'])})`
  await api.put('many', {
    source: pipeline(`await Promise.all(Array.from({ length: ${TASKS} }, () => ${runTrue}))`),
  })
  const chain = { source: pipeline(`for (let i = 0; i < ${TASKS}; i++) await ${runTrue}`) }
  for (const each of [api, beside]) await each?.put('chain', chain)
  const speeds: Record<'bare' | 'many' | 'chain' | 'beside', number[]> = {
    bare: [],
    many: [],
    chain: [],
    beside: [],
  }
  for (let round = 0; round < MANY_ROUNDS; round++) {
    speeds.bare.push(await perSecond(bareTasks))
    speeds.many.push(await perSecond(() => api.run('many')))
    speeds.chain.push(await perSecond(() => api.run('chain')))
    if (beside) speeds.beside.push(await perSecond(() => beside.run('chain')))
  }
  show(`bare spawns of true, ${AT_ONCE} at once`, speeds.bare, '/s')
  show(`${TASKS} tasks of true in one run, all asked for at once`, speeds.many, '/s')
  show(`${TASKS} tasks of true in one run, one after the other`, speeds.chain, '/s')
  if (beside) showBeside('tasks one after the other', [speeds.chain, speeds.beside], '/s')
  check('tasks of true a second in one run', median(speeds.many), 'at least', 100)
}

async function perSecond(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now()
  await work()
  return (TASKS * 1000) / (performance.now() - before)
}

async function bareTasks(): Promise<void> {
  let left = TASKS
  const worker = async () => {
    while (left-- > 0)
      await Bun.spawn(['true'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' }).exited
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

export function pipeline(body: string): string {
  return `const pipeline = async () => {\n  ${body}\n}\n\nexport { pipeline }\n`
}

/** The argument of `runtime.run`, as source. */
export function task([path, ...args]: string[], env: Record<string, string> = {}): string {
  return JSON.stringify({ name: path, command: { path, args }, env })
}

/** Milliseconds since 1970, with a fraction. */
function now(): number {
  return performance.timeOrigin + performance.now()
}
