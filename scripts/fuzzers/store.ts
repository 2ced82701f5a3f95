/** Logins and logouts killed at random moments, two at a time, on one home; the count is of kills. */
import { crashStorm } from '../../test/support/hostile/crash-storm.ts'

const KILLS = Number(process.argv[2] ?? 500)

const started = performance.now()
const { commands, killed, leftovers, problems } = await crashStorm(KILLS, {
  parallel: 2,
  random: Math.random,
})
const seconds = ((performance.now() - started) / 1000).toFixed(1)
console.log(`${commands} logins and logouts in ${seconds} s, ${killed} killed`)
console.log(`${leftovers} times a temporary file was left, and gone after the next command`)
for (const problem of new Set(problems)) console.log(problem)
console.log(`${problems.length === 0 ? '✓' : '✗'} problems: ${problems.length}`)
if (problems.length > 0 || killed === 0) process.exitCode = 1
