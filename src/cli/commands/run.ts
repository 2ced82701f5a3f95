/** `fob run`: runs a pipeline in CI, with a token that the call provides, and writes nothing on this machine. */
import * as v from 'valibot'
import { pipelineName } from '../../contract/api/pipelines.ts'
import { Fault } from '../../contract/fault.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { type GivenToken, givenToken, usableToken } from '../../session/resolve-server-and-credential.ts'
import { clientOf, openContext } from '../client/command-context.ts'
import {
  readRunFlags,
  RUN_FLAGS,
  type RunPipelineOptions,
  runPipeline,
} from '../client/start-and-follow-run.ts'
import { defineCommand } from '../command.ts'
import type { Deps } from '../deps.ts'
import { SCRIPT_ARGUMENTS } from '../input/script-input-arguments.ts'
import type { Globals } from '../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Run a pipeline without a login or a prompt',
    details: `For CI. In a job of GitHub Actions or GitLab that has an ID token, FOB_SERVER or --server is all it needs: the server
has to trust the issuer. Otherwise it takes a token in --jwt-token, --auth-token or a variable. Nothing is written on this
machine, and with a token only config.toml is read. NAME can be left out where config.toml has it (pipeline under [run]); a first argument that is
not a valid name is then the task. A single ARG is the task as well, where --task is not given.
Exits 0 or 1 by the result of the run, 4 for the token, 7 for the network.`,
    examples: [
      'fob run deploy --task "roll back" --jwt-token "$TOKEN" -s https://ci.example.com --silent',
      'git log -1 | fob run review --task -',
      'fob run agent "fix the failing test"',
    ],
  },
  args: {
    ...RUN_FLAGS,
    name: { type: 'positional', required: false, description: 'the pipeline', completes: 'pipeline' },
    ...SCRIPT_ARGUMENTS,
  },
  run: async ({ args, globals }, deps) => {
    const provided = givenToken({ ...globals, env: deps.env })
    // The token is checked before standard input is read for the task.
    if (provided !== undefined) requireUsable(provided, deps.clock.now())
    const flags = await readRunFlags(args, deps)
    const options = { ...flags, globals: { ...globals, input: false }, name: args.name, args: args.args }
    await runInCi({ ...options, isProvided: provided !== undefined }, deps)
  },
})

interface RunInCiOptions extends Omit<RunPipelineOptions, 'name'> {
  globals: Globals
  /** The first argument. */
  name: string | undefined
  /** Whether the call brings a token; then stored logins are not read. */
  isProvided: boolean
}

async function runInCi(options: RunInCiOptions, deps: Deps): Promise<void> {
  const { globals, isProvided } = options
  const context = await openContext(deps, globals, { stored: !isProvided })
  const work = chooseWork(options, context.settings.run?.pipeline)
  const session = await context.session()
  const client = await clientOf(deps, globals, context, session)
  await runPipeline({ ...options, ...work }, client, deps).catch(async (error: unknown) => {
    if (!(error instanceof Fault)) throw error
    const hasNoToken = error.code === 'unauthenticated' && session.presented.kind === 'none'
    throw hasNoToken ? await noToken(client.server, deps.env) : withRunsHint(error, work.name)
  })
}

/** The words of `fob runs`, which `fob run` takes for the names of pipelines. */
export const RUNS_WORDS: readonly string[] = ['list', 'show', 'logs', 'again', 'resume', 'stop']

/** Where no pipeline has the name of such a word, `fob runs` was meant. */
function withRunsHint(fault: Fault, name: string): Fault {
  const { code, message, cause } = fault
  if (code !== 'not_found' || !RUNS_WORDS.includes(name)) return fault
  return new Fault(code, message, { hint: `did you mean "fob runs ${name}"?`, cause })
}

/**
 * Checks the form of a provided token before anything else happens. Here a malformed one is a matter of
 * authentication: in CI it is an empty variable, or an error page that `curl` took for a token.
 * @throws Fault `unauthenticated`, `credentials_expired`
 */
function requireUsable(provided: GivenToken, now: number): void {
  try {
    usableToken(provided, now)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'usage') throw error
    throw new Fault('unauthenticated', error.message, { hint: error.hint })
  }
}

export interface Work {
  name: string
  args: readonly string[]
  task: string | undefined
}

/**
 * Which pipeline runs, with what.
 * @param configured `pipeline` under `[run]` in config.toml
 * @throws Fault `usage` when no pipeline is named anywhere, or the task twice
 */
export function chooseWork(
  given: { name: string | undefined; args: readonly string[]; task: string | undefined },
  configured: string | undefined,
): Work {
  const { name, args, task } = given
  if (name === '') throw new Fault('usage', 'the first argument is empty')
  if (name !== undefined && v.is(pipelineName, name)) {
    return { name, args, task: task ?? (args.length === 1 ? args[0] : undefined) }
  }
  if (configured === undefined) {
    const fact =
      name === undefined ? 'no pipeline is named' : 'the first argument is not the name of a pipeline'
    throw new Fault('usage', fact, {
      hint: 'fob run NAME --task TEXT, or "pipeline" under [run] in config.toml',
    })
  }
  if (name !== undefined && task !== undefined) {
    throw new Fault('usage', 'the task is given twice: by --task, and as the first argument')
  }
  return { name: configured, args, task: task ?? name }
}

async function noToken(server: string, env: Env): Promise<Fault> {
  const places =
    '--auth-token, --jwt-token, FOB_TOKEN, FOB_JWT_TOKEN, CI_AUTH_TOKEN, the stored logins, the address and the ID token of the job'
  return new Fault('unauthenticated', `${server} needs a token, and there is none in ${places}`, {
    hint: `${await ofThisJob(server, env)}provide one for this call: FOB_JWT_TOKEN=… fob run …`,
  })
}

/** How this job can do without a token that is stored somewhere, where it is one of a CI system that we know. */
async function ofThisJob(server: string, env: Env): Promise<string> {
  const kind = env.GITHUB_ACTIONS ? 'github' : env.GITLAB_CI ? 'gitlab' : undefined
  if (kind === undefined) return ''
  const { audienceFor, howToGetOne } = await import('../../flows/workload/find-id-token.ts')
  return `${howToGetOne(kind, audienceFor(server, env))}; or `
}
