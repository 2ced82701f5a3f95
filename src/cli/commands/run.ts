import * as v from 'valibot'
import { pipelineName } from '../../contract/api/pipelines.ts'
import { Fault } from '../../contract/fault.ts'
import { endsSoon, jwtExpiry } from '../../session/jwt-expiry.ts'
import { type GivenToken, givenToken, usableToken } from '../../session/resolve-server-and-credential.ts'
import { clientOf, openContext } from '../client/client.ts'
import { defineCommand } from '../command.ts'
import { parseKeyValues } from '../parsing/key-values.ts'
import { readTask } from '../input/read-task.ts'
import { readTimeLimit, RUN_FLAGS, runPipeline } from './pipeline/run.ts'

export const command = defineCommand({
  summary: 'Run a pipeline without a login or a prompt',
  description:
    'For CI: with a token in --jwt-token, --auth-token or a variable, nothing is written on this machine, and\n' +
    'nothing but config.toml read. NAME can be left out where config.toml has it (pipeline under [run]); text that\n' +
    'is no name is then the task. A single ARG is the task as well, where --task gives none.\n' +
    'Exits 0 or 1 by the run, 4 for the token, 7 for the network.',
  examples: [
    'fob run deploy --task "roll back" --jwt-token "$TOKEN" -s https://ci.example.com --silent',
    'git log -1 | fob run review --task -',
    'fob run agent "fix the failing test"',
  ],
  flags: RUN_FLAGS,
  positionals: {
    name: { arity: 'optional', description: 'the pipeline', completes: 'pipeline' },
    args: { arity: 'many', description: 'reach the script as pipelineContext.args' },
  },
  async run({ flags, positionals, globals: given }, deps) {
    const globals = { ...given, noInput: true }
    const handedIn = givenToken({ ...globals, env: deps.env })
    const expiresAt = handedIn === undefined ? undefined : expiryOf(handedIn, deps.clock.now())
    const context = await openContext(deps, globals, { stored: handedIn === undefined })
    const what = chooseWork(
      { ...positionals, task: await readTask(flags.task, deps) },
      context.settings.run?.pipeline,
    )
    const session = await context.session()
    const warning = endsSoon(expiresAt, deps.clock.now())
    if (warning !== undefined) context.say(warning)
    const client = await clientOf(deps, globals, context, session)
    const options = {
      ...what,
      globalSecrets: parseKeyValues(flags['global-secret'], '--global-secret'),
      timeoutMs: readTimeLimit(flags.timeout),
      detach: flags.detach,
    }
    await runPipeline(options, client, deps).catch((error: unknown) => {
      const missing = session.presented.kind === 'none' && error instanceof Fault
      throw missing && error.code === 'unauthenticated' ? noToken(client.server) : error
    })
  },
})

/**
 * Holds what was handed in to its shape before anything else happens. Here a token that is none is a matter of
 * authentication: in CI it is an empty variable or an error page that `curl` took for one.
 * @returns its end, where it is a JWT and tells
 * @throws Fault `unauthenticated`, `credentials_expired`
 */
function expiryOf(handedIn: GivenToken, now: number): number | undefined {
  try {
    const token = usableToken(handedIn, now)
    return handedIn.jwt ? jwtExpiry(token) : undefined
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
 * Which pipeline, with what (S133).
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
    const fact = name === undefined ? 'which pipeline?' : 'the first argument is not the name of a pipeline'
    throw new Fault('usage', fact, {
      hint: 'fob run NAME --task TEXT, or "pipeline" under [run] in config.toml',
    })
  }
  if (name !== undefined && task !== undefined) {
    throw new Fault('usage', 'the task is given twice: by --task, and as the first argument')
  }
  return { name: configured, args, task: task ?? name }
}

/** S129. */
function noToken(server: string): Fault {
  const places =
    '--auth-token, --jwt-token, FOB_TOKEN, FOB_JWT_TOKEN, CI_AUTH_TOKEN, the stored logins and the address'
  return new Fault('unauthenticated', `${server} wants a token, and there is none in ${places}`, {
    hint: 'give one for this call: FOB_JWT_TOKEN=… fob run …',
  })
}
