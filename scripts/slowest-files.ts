/** Prints the slowest test files of a run in one line: `slowest-files.ts TIMINGS LOG`, both written by bun. */
import { readFileSync } from 'node:fs'

const [timings = '', log = ''] = process.argv.slice(2)
const { files } = JSON.parse(readFileSync(timings, 'utf8')) as { files: Record<string, number> }
// The timings also know of files that did not run this time.
const ran = new Set([...readFileSync(log, 'utf8').matchAll(/^(\S+\.test\.ts):$/gm)].map(([, file]) => file))
const slowest = Object.entries(files)
  .filter(([file]) => ran.has(file))
  .toSorted(([, a], [, b]) => b - a)
  .slice(0, 8)
for (const [file, ms] of slowest) console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${file}`)
