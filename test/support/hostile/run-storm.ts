/** Runs whose server is killed at random moments. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, start } from '../client/compiled-binary.ts'
import { freePort } from '../free-port.ts'
import { temporaryFolder } from '../temporary.ts'

/** What was found after runs whose server was killed at random moments. */
export interface RunStormResult {
  runs: number
  kills: number
  /** Everything that should not be: each is a sentence. */
  problems: string[]
}

const TASKS = 20
const LINES = 5

/** Twenty tasks, four at a time, each of which leaves one line in a file that no server knows of. */
const source = (outside: string) => `
const task = (n: number) => {
  const script = 'for i in $(seq ${LINES}); do echo "task ' + n + ' line $i"; sleep 0.01; done;' +
    'echo "task ' + n + ' error" >&2; echo "$RUN ' + n + '" >> "${outside}"'
  return runtime.run({ name: 'task', command: { path: 'sh', args: ['-c', script] }, env: { RUN: pipelineContext.runID } })
}
const pipeline = async () => {
  console.log('script begins')
  for (let from = 0; from < ${TASKS}; from += 4) {
    const all = await Promise.all([0, 1, 2, 3].map((n) => task(from + n)))
    for (const [n, result] of all.entries()) {
      console.log('script saw', from + n, result.status, result.stdout.split('\\n').length - 1)
      console.error('script errs', from + n)
    }
    await sleep(5)
  }
}
export { pipeline }
`

interface LogEvent {
  id: number
  type: string
  data: {
    task?: string
    number?: number
    stream?: string
    data?: string
    name?: string
    status?: string
    code?: number
  }
}

/** Runs of the compiled server, one after the other, until it was ended `kills` times with SIGKILL amid one. */
export async function runStorm(kills: number, random: () => number): Promise<RunStormResult> {
  const folder = temporaryFolder()
  const outside = join(folder, 'outside')
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const result: RunStormResult = { runs: 0, kills: 0, problems: [] }
  writeFileSync(outside, '')

  const begin = async (): Promise<Running> => {
    const data = join(folder, 'data')
    const server = start(['server', '--listen', `127.0.0.1:${port}`, '--data', data], { home: folder })
    await server.saw('"listening"')
    return server
  }
  let server = await begin()
  const kill = async () => {
    server.child.kill('SIGKILL')
    await server.ended
    result.kills += 1
    server = await begin()
  }
  const body = JSON.stringify({ filename: 'storm.ts', source: source(outside) })
  const headers = { 'content-type': 'application/json' }
  const set = await fetch(`${url}/api/pipelines/storm`, { method: 'PUT', headers, body })
  if (!set.ok) throw new Error(await set.text())

  const isGoing = async (id: string) => {
    const { status } = (await (await fetch(`${url}/api/runs/${id}`)).json()) as { status: string }
    return status === 'running' || status === 'queued'
  }
  try {
    while (result.kills < kills) {
      const begun = await fetch(`${url}/api/pipelines/storm/run`, { method: 'POST', headers, body: '{}' })
      const { run_id: id } = (await begun.json()) as { run_id: string }
      result.runs += 1
      do {
        await Bun.sleep(random() * 800)
        if (result.kills < kills && (await isGoing(id))) await kill()
      } while (result.kills < kills && (await isGoing(id)) && random() < 0.6)
      result.problems.push(...judge(id, await events(url, id), readFileSync(outside, 'utf8')))
    }
  } finally {
    server.child.kill('SIGTERM')
    await server.ended
  }
  return result
}

/** All events of a run, up to its end. */
async function events(url: string, id: string): Promise<LogEvent[]> {
  const response = await fetch(`${url}/api/runs/${id}/events`, { signal: AbortSignal.timeout(60_000) })
  return (await response.text())
    .split('\n\n')
    .filter((block) => /^data:/m.test(block))
    .map((block) => {
      const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1] ?? ''
      return {
        id: Number(field('id')),
        type: field('event'),
        data: JSON.parse(field('data')) as LogEvent['data'],
      }
    })
}

function judge(id: string, found: LogEvent[], outside: string): string[] {
  const problems: string[] = []
  const expect = (what: string, is: string, wanted: string) => {
    if (is !== wanted)
      problems.push(`${id}: ${what}: ${JSON.stringify(is)} instead of ${JSON.stringify(wanted)}`)
  }
  const said = (stream: string, number?: number) =>
    found
      .filter(({ type, data }) => type === 'log' && data.stream === stream && data.number === number)
      .map(({ data }) => data.data)
      .join('')
  const last = found.at(-1)
  expect('the end', `${last?.type} ${last?.data.code}`, 'exit 0')
  expect(
    'the numbers of its events',
    found.map((event) => event.id).join(),
    found.map((_, n) => n + 1).join(),
  )
  const numbers = Array.from({ length: TASKS }, (_, n) => n)
  const done = outside
    .split('\n')
    .flatMap((line) => (line.startsWith(`${id} `) ? [Number(line.slice(id.length))] : []))
  expect('what its tasks did outside', done.toSorted((a, b) => a - b).join(), numbers.join())
  expect(
    'stdout of the script',
    said('stdout'),
    `script begins\n${numbers.map((n) => `script saw ${n} success ${LINES}\n`).join('')}`,
  )
  expect('stderr of the script', said('stderr'), numbers.map((n) => `script errs ${n}\n`).join(''))
  const tasks = new Set(found.flatMap(({ type, data }) => (type === 'task' ? [data.number ?? 0] : [])))
  const outputs = [...tasks].map((number) => `${said('stdout', number)}${said('stderr', number)}`)
  const wanted = numbers.map(
    (n) =>
      `${Array.from({ length: LINES }, (_, i) => `task ${n} line ${i + 1}\n`).join('')}task ${n} error\n`,
  )
  expect('the output of its tasks', outputs.toSorted().join(''), wanted.toSorted().join(''))
  const ended = found.filter(({ type, data }) => type === 'task' && data.status === 'success')
  expect('tasks that are told to have passed', String(ended.length), String(TASKS))
  return problems
}
