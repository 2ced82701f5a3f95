/** Searches for leaks and false hits of the redactor, of the kinds that test/redact/fuzz.ts lists. */
import { parseArgs } from 'node:util'
import { fuzz, GROUP } from '../../test/redact/fuzz.ts'

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '1000000' }, seed: { type: 'string' } },
})
const cases = Number(values.cases)
const seed = Number(values.seed ?? Date.now() % 1_000_000)
if (!Number.isInteger(cases) || cases < 1 || !Number.isInteger(seed)) {
  console.error('--cases and --seed are whole numbers')
  process.exit(2)
}

console.log(`seed ${seed}`)
const started = performance.now()
for (let group = 0; group * GROUP < cases; group++) {
  const finding = fuzz(seed, group)
  if (finding) {
    console.error(JSON.stringify(finding, undefined, 2))
    console.error(`✗ after ${group * GROUP} cases; the same again: scripts/fuzz redact --seed ${seed}`)
    process.exit(1)
  }
}
const seconds = ((performance.now() - started) / 1000).toFixed(0)
console.log(`✓ ${cases} cases, 0 leaks, 0 false hits (${seconds} s)`)
