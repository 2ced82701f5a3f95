/** Runs of twenty tasks whose server is killed at random moments; the count is of kills. */
import { runStorm } from '../../test/support/hostile/run-storm.ts'

const KILLS = Number(process.argv[2] ?? 100)

const started = performance.now()
const { runs, kills, problems } = await runStorm(KILLS, Math.random)
const seconds = ((performance.now() - started) / 1000).toFixed(1)
console.log(`${runs} runs of 20 tasks in ${seconds} s, their server killed ${kills} times`)
for (const problem of problems) console.log(problem)
console.log(`${problems.length === 0 ? '✓' : '✗'} problems: ${problems.length}`)
if (problems.length > 0 || kills < KILLS) process.exitCode = 1
