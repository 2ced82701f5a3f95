/** `fob pipeline exec`: runs a pipeline on this machine, without a server. */
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { readPipelineSource, readSecretFile } from '../../input/read-pipeline-source-and-secrets.ts'
import { readScriptFlags, SCRIPT_ARGUMENTS, SCRIPT_FLAGS } from '../../input/script-input-arguments.ts'
import { type LocalRun, withLocalRuns } from '../../local-runs/with-local-runs.ts'
import { chosenFormat } from '../../output/choose-output-format.ts'
import { showRun } from '../../output/show-run-events.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { parseNames } from '../../parsing/pipeline-setting-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Run a pipeline on this machine, without a server',
    details: `Tasks run here, as you, with the native driver; script, log and redaction are those of a server. Nothing is stored: secrets
come from --secret-file alone, and what the script stores ends with the run. Exits 0 when the run succeeds and 1 when it
fails. Ctrl-C stops the run.`,
    examples: [
      'fob pipeline exec deploy.ts',
      'fob pipeline exec deploy.ts staging --secret-file deploy.env --timeout 10m',
    ],
  },
  args: {
    name: {
      type: 'string',
      alias: 'n',
      valueHint: 'NAME',
      description: 'what the script gets as its name (default: that of the file)',
    },
    'secret-file': {
      type: 'string',
      valueHint: 'PATH',
      description: 'its secrets as KEY=VALUE lines (dotenv)',
    },
    ...SCRIPT_FLAGS,
    'allow-network': {
      type: 'string',
      valueHint: 'PLACES',
      description: 'what the script may fetch beside the internet, such as 127.0.0.1,10.1.0.0/16',
    },
    file: { type: 'positional', description: 'a .ts or .js file', completes: 'file' },
    ...SCRIPT_ARGUMENTS,
  },
  run: async ({ args, globals }, deps) => {
    const secrets = await readSecretFile(args['secret-file'], deps)
    const run = {
      ...parseNames(args.file, args.name),
      source: await readPipelineSource(args.file, deps),
      secrets: new Map(Array.from(secrets, ([key, value]) => [key, new Secret(value)])),
      args: args.args,
      ...(await readScriptFlags(args, deps)),
    }
    const allowed = (args['allow-network'] ?? '').split(/[\s,]+/).filter((entry) => entry !== '')
    await executeHere({ run, allowed, globals }, deps)
  },
})

interface ExecuteOptions {
  run: LocalRun
  allowed: readonly string[]
  globals: Globals
}

/** @throws Fault `usage` for a source that no server would take, `run_failed`, `interrupted` */
async function executeHere({ run, allowed, globals }: ExecuteOptions, deps: Deps): Promise<void> {
  const view = { format: chosenFormat(deps, globals), silent: globals.silent }
  const status = await withLocalRuns(deps, allowed, async (runs) => {
    await runs.check(run.source, run.filename)
    return await showRun(view, deps, () => runs.run(run, deps.signal))
  })
  deps.signal.throwIfAborted()
  if (status !== 'success') throw new Fault('run_failed', `the run of ${run.filename} failed`)
}
