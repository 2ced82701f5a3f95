/**
 * One expired login, many processes. Part 1: a server that refuses a used refresh token for good, so that two
 * refreshes would lose the login. Part 2: the holder of the lock killed before the server rotates, between
 * the rotation and the answer, and at any moment, on a server that repeats a rotation's answer as ours does.
 */
import { startRotatingServer } from '../../test/support/servers/rotating-token-server.ts'
import { killHolder, refreshStorm, type StormResult } from '../../test/support/hostile/refresh-storm.ts'

const ROUNDS = Number(process.argv[2] ?? 50)
const PROCESSES = 100

const strict = startRotatingServer({ grace: false })
const single = await rounds('100 processes', () => refreshStorm(strict, PROCESSES))
await strict.stop()
report(
  'token requests per round',
  Math.max(...single.map((r) => r.requests)),
  single.every((r) => r.requests === 1),
)
report(
  'failures',
  sum(single, (r) => r.failures.length),
  single.every((r) => r.succeeded === PROCESSES),
)

for (const moment of ['before', 'rotated', 'any'] as const) {
  let arrived = Promise.withResolvers<void>()
  let go = Promise.withResolvers<void>()
  const server = startRotatingServer({
    grace: true,
    at: async (now) => {
      if (now !== moment) return
      arrived.resolve()
      await go.promise
    },
  })
  const killed = await rounds(`holder killed: ${moment}`, () => {
    arrived = Promise.withResolvers<void>()
    go = Promise.withResolvers<void>()
    return refreshStorm(server, PROCESSES, async (running, home) => {
      await (moment === 'any' ? Bun.sleep(Math.random() * 40) : arrived.promise)
      await killHolder(running, home)
      go.resolve()
    })
  })
  await server.stop()
  const survivors = killed.every((r) => r.succeeded + r.killed === PROCESSES)
  report(
    `${moment}: holders killed`,
    sum(killed, (r) => r.killed),
    sum(killed, (r) => r.killed) > 0,
  )
  report(
    `${moment}: failures among the others`,
    sum(killed, (r) => r.failures.length),
    survivors,
  )
  report(`${moment}: rotations per round`, Math.max(...killed.map((r) => r.rotations)), true)
  report(
    `${moment}: logins lost`,
    killed.filter((r) => !r.healed).length,
    killed.every((r) => r.healed),
  )
}

async function rounds(name: string, round: () => Promise<StormResult>): Promise<StormResult[]> {
  const results: StormResult[] = []
  const started = performance.now()
  for (let i = 0; i < ROUNDS; i++) results.push(await round())
  const seconds = (performance.now() - started) / 1000
  console.log(`${name}: ${ROUNDS} rounds, ${(seconds / ROUNDS).toFixed(2)} s each`)
  for (const text of new Set(results.flatMap((r) => r.failures))) console.log(text)
  return results
}

function sum(results: readonly StormResult[], of: (result: StormResult) => number): number {
  return results.reduce((total, result) => total + of(result), 0)
}

function report(name: string, value: number, good: boolean): void {
  console.log(`${good ? '✓' : '✗'} ${name}: ${value}`)
  if (!good) process.exitCode = 1
}
