/** Says after a login where it is stored, and whether commands use it. */
import { Fault } from '../../contract/fault.ts'
import { printable } from '../../platform/terminal/make-text-printable.ts'
import { fallbackWarning } from '../../session/keychain-fallback-warning.ts'
import type { ServerChoice } from '../../session/resolve-server-and-credential.ts'
import type { Saved } from '../../store/store-interface.ts'
import type { Context } from '../client/command-context.ts'
import type { Deps } from '../deps.ts'

export function sayWhere(context: Context, saved: Saved): void {
  const warning = fallbackWarning(saved, context.store.path)
  if (warning !== undefined) return context.say(warning)
  const where = saved.storage === 'keychain' ? 'the keychain' : `${context.store.path}, readable only by you`
  context.say(`The credential is stored in ${where}`)
}

/** Notes a variable that commands use instead of this login. */
export function sayWhatWins(context: Context, { env }: Deps): void {
  const name = ['FOB_TOKEN', 'FOB_JWT_TOKEN', 'CI_AUTH_TOKEN'].find((variable) => env[variable])
  if (name !== undefined) context.say(`note: ${name} is set, and commands use it instead of this login`)
}

/** The server that commands without --server used until now; undefined where no login is stored there. */
export async function usedBefore(context: Context): Promise<string | undefined> {
  const used = await withoutFlag(context)
  const isStored = (await context.store.list()).some((login) => login.server === used?.url)
  return isStored ? used?.url : undefined
}

/** Says that commands use this server from now on and how to go back, or what makes them use another. */
export async function sayCurrentServer(
  server: string,
  before: string | undefined,
  context: Context,
): Promise<void> {
  const used = await withoutFlag(context)
  if (used === undefined) return
  if (used.url !== server) {
    const way = used.source === 'config.toml' ? `fob auth switch ${server}` : `-s ${server}`
    const here = `commands here use ${used.url}, which ${printable(used.source)} names`
    return context.say(`note: ${here}; to use this login: ${way}`)
  }
  if (before === server || (await context.store.list()).every((login) => login.server === server)) return
  const back =
    before === undefined ? 'fob auth switch chooses another' : `to go back: fob auth switch ${before}`
  context.say(`Commands use ${server} from now on; ${back}`)
}

/** The server of commands without --server; undefined where what names it is not valid. */
async function withoutFlag(context: Context): Promise<ServerChoice | undefined> {
  try {
    return await context.server({ server: undefined })
  } catch (error) {
    if (error instanceof Fault && error.code === 'usage') return undefined
    throw error
  }
}
