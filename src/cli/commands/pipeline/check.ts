/** `fob pipeline check`: checks a pipeline on this machine: that a server would take it, its secrets and its types. */
import types from '../../../contract/fob.d.ts.txt' with { type: 'text' }
import { Fault } from '../../../contract/fault.ts'
import { checkTypes } from '../../../platform/processes/check-types-with-tsc.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { readPipelineSource, readSecretFile } from '../../input/read-pipeline-source-and-secrets.ts'
import { withLocalRuns } from '../../local-runs/with-local-runs.ts'
import { chosenFormat } from '../../output/choose-output-format.ts'
import { printList } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { parseNames } from '../../parsing/pipeline-setting-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Check a pipeline on this machine, without a server',
    details: `The source is read as a server reads it; the secrets that it names are listed, and with --secret-file compared with
those in the file; types are checked by the tsc in PATH, if there is one: a tsc beside the file is not run. Exits 2
where no server would take the source, and 1 where a type is wrong or a secret is missing from the file.`,
    examples: [
      'fob pipeline check deploy.ts',
      'fob pipeline check deploy.ts --secret-file deploy.env -o json',
      'PATH="$PWD/node_modules/.bin:$PATH" fob pipeline check deploy.ts   # with the TypeScript of your project',
    ],
  },
  args: {
    'secret-file': {
      type: 'string',
      valueHint: 'PATH',
      description: 'the secrets that it is going to have, as KEY=VALUE lines (dotenv)',
    },
    file: { type: 'positional', description: 'a .ts or .js file', completes: 'file' },
  },
  run: ({ args, globals }, deps) =>
    checkPipeline({ file: args.file, secretFile: args['secret-file'], globals }, deps),
})

interface CheckOptions {
  file: string
  secretFile: string | undefined
  globals: Globals
}

interface Finding {
  id: string
  /** Null: there was nothing to check it with. */
  ok: boolean | null
  detail: string
  problem: string | null
}

/** @throws Fault `usage` for the source; `failed`, after the list, with the first other problem */
async function checkPipeline({ file, secretFile, globals }: CheckOptions, deps: Deps): Promise<void> {
  const { filename } = parseNames(file, undefined)
  const source = await readPipelineSource(file, deps)
  const given =
    secretFile === undefined ? undefined : new Set((await readSecretFile(secretFile, deps)).keys())
  const named = await withLocalRuns(deps, [], async (runs) => {
    await runs.check(source, filename)
    return runs.secretsIn(source)
  })
  const findings = [
    { id: 'source', ok: true, detail: `${filename} is a pipeline`, problem: null },
    secretsFinding(named, given, secretFile),
    await typesFinding(file, deps),
  ]
  printList(deps.io, chosenFormat(deps, globals), findings, [
    { title: 'check', cell: (row) => row.id },
    { title: 'result', cell: (row) => (row.ok === null ? 'skipped' : row.ok ? 'ok' : 'wrong') },
    { title: 'detail', cell: (row) => row.problem ?? row.detail },
  ])
  const problem = findings.find(({ ok }) => ok === false)?.problem
  if (typeof problem === 'string') throw new Fault('failed', problem.split('\n', 1).join())
}

function secretsFinding(
  named: readonly string[],
  given: ReadonlySet<string> | undefined,
  path: string | undefined,
): Finding {
  const detail = named.length === 0 ? 'it names none' : `it names ${named.join(', ')}`
  const missing = given === undefined ? [] : named.filter((key) => !given.has(key))
  const problem = missing.length === 0 ? null : `${path} does not have ${missing.join(', ')}`
  return { id: 'secrets', ok: problem === null, detail, problem }
}

async function typesFinding(file: string, deps: Deps): Promise<Finding> {
  if (file.endsWith('.js')) return { id: 'types', ok: true, detail: 'JavaScript has none', problem: null }
  const checked = await checkTypes({ file, declarations: types }, deps)
  if (checked.kind === 'no compiler') {
    return { id: 'types', ok: null, detail: 'there is no tsc in PATH', problem: null }
  }
  const problem = checked.kind === 'ok' ? null : checked.lines.join('\n')
  return { id: 'types', ok: problem === null, detail: `checked by ${checked.compiler}`, problem }
}
