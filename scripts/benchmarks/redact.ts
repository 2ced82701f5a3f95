/**
 * How fast the redactor reads, as ratios within one run: with 10, 100 and 1,000 secrets in all encodings, against
 * a plain loop over the same bytes and against a `replaceAll` per pattern. They take turns, chunk size 64 KiB.
 * What 1,000 secrets cost in memory is measured in a process of its own.
 */
import { formsOf } from '../../src/redact/secret-forms.ts'
import { createRedactor, type Redactor } from '../../src/redact/redactor.ts'
import { Secret } from '../../src/redact/secret.ts'
import { logText, ordinarySecrets } from '../../test/redact/samples.ts'

const CHUNK = 64 * 1024
const ROUNDS = 15
const SEED = 20_261_005
const MB = 1_000_000

if (process.argv[2] === 'memory') console.log(await memoryOf(1000))
else report()

function report(): void {
  const chunks = inChunks(logText(SEED, 16 * 1024 * 1024))
  const few = chunks.slice(0, 4)
  const hundred = patternsOf(100)
  const speeds = measure({
    'plain loop': () => plainLoop(chunks),
    '10 secrets': reading(10, chunks),
    '100 secrets': reading(100, chunks),
    '1,000 secrets': reading(1000, chunks),
    'replaceAll per pattern, 100 secrets': () => replaceAll(few, hundred),
  })
  for (const [name, speed] of Object.entries(speeds)) {
    console.log(`${name.padEnd(36)} ${speed.toFixed(speed < 10 ? 1 : 0).padStart(6)} MB/s`)
  }
  console.log(`patterns: ${patternsOf(10).length}, ${hundred.length} and ${patternsOf(1000).length}`)
  const [plain, ten, medium, thousand, naive] = Object.values(speeds) as [
    number,
    number,
    number,
    number,
    number,
  ]
  check('MB/s at 100 secrets', medium, 'at least', Math.min(250, plain / 2))
  check('10 secrets / 1,000 secrets', ten / thousand, 'at most', 1.5)
  check('100 secrets / replaceAll per pattern', medium / naive, 'at least', 5)
  const { stdout } = Bun.spawnSync([process.execPath, import.meta.path, 'memory'])
  check('MiB at 1,000 secrets', Number(stdout.toString()), 'at most', 48)
}

function redactorOf(count: number): Redactor {
  const redactor = createRedactor()
  for (const [index, value] of ordinarySecrets(SEED, count).entries())
    redactor.add(`S${index}`, new Secret(value))
  return redactor
}

function patternsOf(count: number): string[] {
  const forms = ordinarySecrets(SEED, count).map((value) => formsOf(new Secret(value)))
  return [...forms.reduce((all, some) => all.union(some), new Set<string>())]
}

/** One stream through all chunks; the text has no secret, so nothing may be found. */
function reading(secrets: number, chunks: readonly Uint8Array[]): () => number {
  const redactor = redactorOf(secrets)
  return () => {
    const stream = redactor.stream()
    let bytes = 0
    for (const chunk of chunks) for (const piece of stream.push(chunk)) bytes += piece.length
    for (const piece of stream.end()) bytes += piece.length
    const [hit] = redactor.report()
    if (hit) throw new Error(`a false hit of ${hit.secret}`)
    return bytes
  }
}

function plainLoop(chunks: readonly Uint8Array[]): number {
  let lines = 0
  for (const chunk of chunks) for (let at = 0; at < chunk.length; at++) if (chunk[at] === 10) lines++
  if (lines === 0) throw new Error('no lines')
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}

function replaceAll(chunks: readonly Uint8Array[], patterns: readonly string[]): number {
  let bytes = 0
  for (const chunk of chunks) {
    let text = Buffer.from(chunk).toString('latin1')
    for (const pattern of patterns) text = text.replaceAll(pattern, '***REDACTED***')
    bytes += text.length
  }
  return bytes
}

/** @returns by name, the best speed in MB/s: others on the machine can only make it slower. */
function measure(subjects: Record<string, () => number>): Record<string, number> {
  const speeds = new Map<string, number[]>()
  for (let round = -3; round < ROUNDS; round++) {
    for (const [name, subject] of Object.entries(subjects)) {
      const started = performance.now()
      const bytes = subject()
      const speed = bytes / MB / ((performance.now() - started) / 1000)
      // The first rounds are for the compiler.
      if (round >= 0) speeds.set(name, [...(speeds.get(name) ?? []), speed])
    }
  }
  return Object.fromEntries([...speeds].map(([name, all]) => [name, Math.max(...all)]))
}

/** MiB by which this process grows when it looks for `count` secrets. */
async function memoryOf(count: number): Promise<number> {
  const text = logText(SEED, 2 * 1024 * 1024)
  const secrets = ordinarySecrets(SEED, count)
  // What the first use of all this code costs is not what the secrets cost.
  redactorOf(2).text(text)
  const before = await settledRss()
  const redactor = createRedactor()
  for (const [index, value] of secrets.entries()) redactor.add(`S${index}`, new Secret(value))
  redactor.text(text)
  const after = await settledRss()
  if (redactor.report().length > 0) throw new Error('a false hit')
  return (after - before) / 1024 / 1024
}

/** Freed pages go back to the system a moment after the collection. */
async function settledRss(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    Bun.gc(true)
    await Bun.sleep(300)
  }
  return process.memoryUsage.rss()
}

function inChunks(text: string): Uint8Array[] {
  const bytes = new TextEncoder().encode(text)
  return Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, index) =>
    bytes.slice(index * CHUNK, (index + 1) * CHUNK),
  )
}

function check(name: string, value: number, relation: 'at most' | 'at least', bound: number): void {
  const held = relation === 'at most' ? value <= bound : value >= bound
  console.log(`${held ? '✓' : '✗'} ${name}: ${value.toFixed(2)} (${relation} ${bound.toFixed(1)})`)
  if (!held) process.exitCode = 1
}
