/** fob.d.ts against the real globals of a script, the examples, and the mistakes that it must find. */
import { expect, test } from 'bun:test'
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import types from '../../src/contract/fob.d.ts.txt' with { type: 'text' }
import { openHarness, pipeline } from '../server/runs/run-harness.ts'
import { temporaryFolder } from '../support/temporary.ts'

const EXAMPLES = resolve(import.meta.dir, '../../examples')
const TSC = resolve(import.meta.dir, '../../node_modules/.bin/tsc')

/** What tsc says about files beside `fob.d.ts`, by the settings that its own header names, and stricter. */
async function complaints(files: Record<string, string>, examples: readonly string[] = []): Promise<string> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'fob.d.ts'), types)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  for (const name of examples) copyFileSync(join(EXAMPLES, name), join(folder, name.replaceAll('/', '-')))
  const compilerOptions = {
    target: 'esnext',
    module: 'esnext',
    lib: ['esnext'],
    types: [],
    noEmit: true,
    strict: true,
    noUncheckedIndexedAccess: true,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  const tsc = Bun.spawn([TSC, '-p', folder, '--pretty', 'false'], { stdout: 'pipe' })
  const said = await new Response(tsc.stdout).text()
  return (await tsc.exited) === 0 ? '' : said
}

interface World {
  /** Every global name. */
  own: string[]
  /** Those that fob put there, with the keys of each. */
  members: Record<string, string[]>
}

/** What a script finds, asked of a real one. */
async function world(): Promise<World> {
  await using fob = await openHarness()
  const { text, record } = await fob.run(
    pipeline(`
      const keys = Object.keys(globalThis)
      const members = Object.fromEntries(keys.map((name) => [name, Object.keys(globalThis[name] ?? {})]))
      console.log(JSON.stringify({ own: Object.getOwnPropertyNames(globalThis), members }))`),
  )
  expect(record.message).toBeNull()
  return JSON.parse(text('stdout')) as World
}

const declared = [...types.matchAll(/^declare (?:const|function) (\w+)/gm)].map((match) => match[1] ?? '')
/** Of QuickJS itself, and of use to nobody. */
const UNTYPED = new Set(['InternalError', 'DOMException'])

const union = (keys: string[]) => (keys.length === 0 ? 'never' : keys.map((key) => `'${key}'`).join(' | '))

test('every name in the world of a script is in fob.d.ts, with all that it has, and nothing else is', async () => {
  const { own, members } = await world()
  const language = declared.filter((name) => members[name] === undefined)
  // What is declared and not fob's own comes with the engine.
  expect(language.filter((name) => !own.includes(name))).toEqual([])
  expect(Object.keys(members).filter((name) => !declared.includes(name))).toEqual([])
  const probe = [
    'type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false',
    ...own.filter((name) => !UNTYPED.has(name)).map((name) => `void ${name}`),
    ...Object.entries(members).map(
      ([name, keys]) => `const ${name}_: Same<keyof typeof ${name}, ${union(keys)}> = true; void ${name}_`,
    ),
    'export {}',
  ]
  expect(Object.keys(members).length).toBeGreaterThan(10)
  expect(await complaints({ 'probe.ts': probe.join('\n') })).toBe('')
}, 60_000)

test('the check of names finds wrong names', async () => {
  const probe = `type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
    const a: Same<keyof typeof runtime, 'run'> = true
    const b: Same<keyof typeof runtime, 'run' | 'startSandbox' | 'other'> = true
    void [a, b, nowhere]`
  const said = await complaints({ 'probe.ts': probe })
  expect(said.match(/error TS/g)).toHaveLength(3)
}, 60_000)

test('the examples are right by it', async () => {
  const examples = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  expect(examples.length).toBeGreaterThan(1)
  expect(await complaints({}, examples)).toBe('')
}, 60_000)

test('what is wrong is found before it runs', async () => {
  const bad = [
    `runtime.run({ name: 'a', command: 'make' })`,
    `runtime.run({ name: 'a', command: { path: 'make' }, enviroment: {} })`,
    `runtime.run({ command: { path: 'make' } })`,
    `nativeResources.check({ type: 'svn', source: { uri: 'x' } })`,
    `http.request.body`,
    `pipelineContext.args.push('x')`,
    `document.title`,
    `process.env.HOME`,
    `fetch('https://example.com', { credentials: 'include' })`,
  ]
  const said = await complaints(
    Object.fromEntries(bad.map((line, i) => [`bad${i}.ts`, `${line}\nexport {}\n`])),
  )
  for (const [i, line] of bad.entries())
    expect({ line, found: said.includes(`bad${i}.ts(`) }).toEqual({ line, found: true })
}, 60_000)
