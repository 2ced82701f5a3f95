/** Which of the accounts of a server is meant. */
import { Fault } from '../contract/fault.ts'
import { safeLine } from '../platform/terminal/make-text-printable.ts'
import type { StoredLogin } from '../store/store-interface.ts'
import { accountName } from './account-display-names.ts'

export interface AccountChoice {
  login: StoredLogin | undefined
  /** Where the choice came from; undefined where the server's current account was taken. */
  source: string | undefined
}

/**
 * The account to use at `server`: the one that `wanted` names, else the server's current one.
 * @throws Fault `unauthenticated` when the one that was named is not logged in there: another account is
 * never used in its place. `usage` when the name fits several.
 */
export function chooseAccount(
  logins: readonly StoredLogin[],
  server: string,
  wanted: { account: string; source: string } | undefined,
): AccountChoice {
  const here = logins.filter((login) => login.server === server)
  if (wanted === undefined) return { login: here.find((login) => login.current), source: undefined }
  const login = findAccount(here, wanted.account, wanted.source)
  if (login !== undefined) return { login, source: wanted.source }
  const name = safeLine(wanted.account, 100)
  throw new Fault('unauthenticated', `"${name}" (${wanted.source}) is not logged in to ${server}`, {
    hint:
      here.length === 0
        ? `run fob auth login -s ${server}`
        : `logged in are: ${here.map(accountName).join(', ')}`,
  })
}

/**
 * The login that `name` means: by ID, e-mail, user name or display name.
 * @throws Fault `usage` when it fits several, with what would tell them apart.
 */
export function findAccount(
  logins: readonly StoredLogin[],
  name: string,
  source: string,
): StoredLogin | undefined {
  const exact = logins.filter((login) => login.account === name)
  const [only, ...more] = exact.length > 0 ? exact : logins.filter((login) => isCalled(login, name))
  if (more.length === 0 || only === undefined) return only
  const ids = [only, ...more].map((login) => `${safeLine(login.account, 100)} at ${login.server}`)
  throw new Fault('usage', `${source}: "${safeLine(name, 100)}" is the name of several logins`, {
    hint: `name one by its ID: ${ids.join(', ')}`,
  })
}

function isCalled({ user, username }: StoredLogin, name: string): boolean {
  const wanted = name.toLowerCase()
  return [user?.email, username, user?.name].some((word) => word?.toLowerCase() === wanted)
}
