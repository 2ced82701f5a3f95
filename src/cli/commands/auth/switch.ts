/** `fob auth switch`: chooses the stored login that commands use. */
import { Fault } from '../../../contract/fault.ts'
import { printable } from '../../../platform/terminal/make-text-printable.ts'
import { accountName } from '../../../session/account-display-names.ts'
import { findAccount } from '../../../session/choose-account.ts'
import { normalizeServer } from '../../../session/resolve-server-and-credential.ts'
import { setServer } from '../../../settings/change-config-file.ts'
import type { StoredLogin } from '../../../store/store-interface.ts'
import { type Context, openContext } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { isInteractive } from '../../input/read-secret.ts'

export const command = defineCommand({
  meta: {
    description: 'Choose the login that commands use',
    details: `LOGIN is the address of a server, or the e-mail, name or ID of an account. Without it, you are asked.
For one command only: --server and FOB_ACCOUNT; for a folder: .fob.toml.`,
    examples: [
      'fob auth switch',
      'fob auth switch ada@example.com',
      'fob auth switch https://ci.example.com',
    ],
  },
  args: {
    login: {
      type: 'positional',
      required: false,
      description: 'a server or an account',
      completes: 'login',
    },
  },
  run: ({ args, globals }, deps) => switchLogin({ globals, name: args.login }, deps),
})

interface SwitchLoginOptions {
  globals: Globals
  name: string | undefined
}

/** @throws Fault `unauthenticated` where no login fits, `prompt_needed` without a terminal. */
async function switchLogin({ globals, name }: SwitchLoginOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const logins = await candidates(globals, context)
  const chosen = name === undefined ? await ask(logins, globals, deps) : await named(logins, name, context)
  await context.store.select(chosen.server, chosen.account)
  const { server } = context.settings
  // It takes precedence over the choice.
  if (server !== undefined && server !== chosen.server) await setServer(deps.home, deps, chosen.server)
  context.say(`Commands use the login of ${accountName(chosen)} at ${chosen.server} now`)
  await sayWhatWins(chosen, context, deps)
}

/** The stored logins, those of `--server` alone where it is given. */
async function candidates(globals: Globals, context: Context): Promise<StoredLogin[]> {
  const logins = await context.store.list()
  const server = globals.server === undefined ? undefined : normalizeServer(globals.server, '--server').url
  const meant = logins.filter((login) => server === undefined || login.server === server)
  if (meant.length > 0) return meant
  throw new Fault(
    'unauthenticated',
    server === undefined ? 'no login is stored' : `not logged in to ${server}`,
    {
      hint: `run fob auth login${server === undefined ? '' : ` -s ${server}`}`,
    },
  )
}

/** A server's address, else an account: of the server in use first, then of any. */
async function named(logins: readonly StoredLogin[], name: string, context: Context): Promise<StoredLogin> {
  const server = serverCalled(logins, name)
  if (server !== undefined) return server
  const { url } = await context.server()
  const here = logins.filter((login) => login.server === url)
  const found = findAccount(here, name, 'ACCOUNT') ?? findAccount(logins, name, 'ACCOUNT')
  if (found !== undefined) return found
  throw new Fault('unauthenticated', `no login is called "${printable(name)}"`, { hint: listed(logins) })
}

/** The current account of the server that `name` is the address of. */
function serverCalled(logins: readonly StoredLogin[], name: string): StoredLogin | undefined {
  if (name.includes('@') && !name.includes('://')) return undefined
  try {
    const { url } = normalizeServer(name, 'SERVER')
    return logins.find((login) => login.server === url && login.current)
  } catch {
    return undefined
  }
}

async function ask(logins: readonly StoredLogin[], globals: Globals, deps: Deps): Promise<StoredLogin> {
  const [only, ...more] = logins
  if (only !== undefined && more.length === 0) return only
  if (!isInteractive(deps, globals)) {
    throw new Fault('prompt_needed', 'no login is named, and nobody can be asked', {
      hint: `name one: fob auth switch ACCOUNT; ${listed(logins)}`,
    })
  }
  const { select } = await import('../../../platform/terminal/prompts.ts')
  const options = logins.map((login, index) => ({
    value: index,
    label: `${accountName(login)} at ${login.server}`,
  }))
  const answer = await select('Which login should commands use?', options, {
    interactive: true,
    signal: deps.signal,
  })
  const chosen = answer.status === 'answered' ? logins[answer.value] : undefined
  if (chosen === undefined) throw new Fault('interrupted', 'interrupted; nothing was changed')
  return chosen
}

function listed(logins: readonly StoredLogin[]): string {
  return `stored are: ${logins.map((login) => `${accountName(login)} at ${login.server}`).join(', ')}`
}

/** Notes what takes precedence over this choice: variables, and the file of the folder. */
async function sayWhatWins(chosen: StoredLogin, context: Context, { env }: Deps): Promise<void> {
  const project = await context.project()
  const winners = [
    env.FOB_SERVER ? 'FOB_SERVER' : undefined,
    env.FOB_ACCOUNT ? 'FOB_ACCOUNT' : undefined,
    project?.server !== undefined || project?.account !== undefined ? printable(project.path) : undefined,
    ...['FOB_TOKEN', 'FOB_JWT_TOKEN', 'CI_AUTH_TOKEN'].filter((name) => env[name]),
  ].filter((name) => name !== undefined)
  for (const name of winners) context.say(`note: ${name} takes precedence over ${accountName(chosen)}`)
}
