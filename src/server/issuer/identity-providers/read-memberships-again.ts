/**
 * Owns: how old what is known of a person's organizations and groups may be, and reading it again.
 * Refuses: to let a rule decide on what is older; two readings of one person at once, since most refresh tokens are good
 * once; to have people wait for an identity provider that is known to be down.
 */
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import { asksForMemberships } from '../../access-rules/caller-attributes.ts'
import {
  forgetMemberships,
  updateIdentityProviderAccount,
} from '../../accounts/identity-provider-accounts.ts'
import { userFinder } from '../../accounts/find-users.ts'
import type { IdentityProviderName, IdentityProviderProfile, User } from '../../accounts/user-types.ts'
import { remember } from '../../db/cache-until-change.ts'
import type { Db, Transaction } from '../../db/open-database.ts'
import { pipelineRules } from '../../db/schema.ts'
import type { Log } from '../../log.ts'
import type { IdentityProvider, ProviderTokens } from './identity-provider-types.ts'
import type { StoredProviderTokens } from './stored-provider-tokens.ts'

export const DEFAULT_MEMBERSHIP_MAX_AGE_MS = 24 * 60 * 60_000

/** How long a request waits; the reading itself continues. */
const WAIT_MS = 3000
/** An identity provider that was down is asked again after this time, and nobody waits for the response. */
const RETRY_MS = 60_000
/** A refresh of a token reads memberships again, but not those that were read a moment ago. */
const RECENT_MS = 60_000

/** What may be decided on. */
type CurrentMemberships =
  | { kind: 'read'; at: number; organizations: readonly string[]; groups: readonly string[] }
  | { kind: 'outdated' }

export interface Memberships {
  /**
   * Whether what was read at that time has to be read again before a rule decides on it: it is too old, and some rule
   * of the server asks for organizations or groups.
   */
  needReading(readAt: number): boolean
  /** Reads them again, if that is possible. Waits a few seconds at most. Never throws. */
  readAgain(userId: string): Promise<CurrentMemberships>
  /** The same for a login that is refreshed, whatever the age; nothing where no rule asks for memberships. */
  refreshed(user: User): Promise<void>
}

/** What the audit log is told, with the transaction that the change happens in. */
export type MembershipEvent =
  | { kind: 'changed'; user: User; details: Record<string, string | number> }
  | { kind: 'lost'; user: User }

interface Deps {
  db: Db
  clock: Clock
  log: Log
  configured: ReadonlyMap<IdentityProviderName, IdentityProvider>
  tokens: StoredProviderTokens
  maxAgeMs: number
  /** The rule that every caller has to pass. */
  serverRule: string | undefined
  onEvent(event: MembershipEvent, within: Transaction): void
}

export function openMemberships(deps: Deps): Memberships {
  const { db, clock, maxAgeMs } = deps
  const findUser = userFinder(db)
  const anyRuleAsks = ruleWatcher(db, deps.serverRule)
  const running = new Map<string, Promise<void>>()
  /** When an identity provider failed last; absent: it responded. */
  const failedAt = new Map<string, number>()

  const read = async (user: User, provider: IdentityProvider): Promise<void> => {
    try {
      await readOnce(deps, user, provider)
      failedAt.delete(provider.name)
    } catch (error) {
      // Whatever it was: nobody may be waiting who could be told.
      failedAt.set(provider.name, clock.now())
      const reason = error instanceof Fault ? error.message : String(error)
      deps.log.warn('memberships could not be read again', { vendor: provider.name, reason })
    }
  }
  const start = (user: User, provider: IdentityProvider): Promise<void> => {
    const before = running.get(user.id)
    if (before !== undefined) return before
    const mine = read(user, provider).finally(() => running.delete(user.id))
    running.set(user.id, mine)
    return mine
  }
  const attempt = async (user: User, provider: IdentityProvider): Promise<void> => {
    const failed = failedAt.get(provider.name)
    if (failed !== undefined && clock.now() - failed < RETRY_MS) return
    const reading = start(user, provider)
    if (failed !== undefined) return
    if (await takesLonger(reading)) failedAt.set(provider.name, clock.now())
  }
  /** An outage makes nobody a stranger at once: what was read last counts for as long again. */
  const standing = (userId: string, grace: boolean): CurrentMemberships => {
    const user = findUser(userId)
    const readAt = user?.membershipsReadAt ?? 0
    const allowed = grace ? 2 * maxAgeMs : maxAgeMs
    if (user === undefined || clock.now() - readAt >= allowed) return { kind: 'outdated' }
    return { kind: 'read', at: readAt, organizations: user.organizations, groups: user.groups }
  }
  const readAgain = async (userId: string): Promise<CurrentMemberships> => {
    const user = findUser(userId)
    const provider = user && providerOf(deps.configured, user)
    if (user === undefined || provider === undefined || deps.tokens.of(userId) === undefined) {
      return standing(userId, false)
    }
    await attempt(user, provider)
    return standing(userId, true)
  }
  return {
    needReading: (readAt) => clock.now() - readAt >= maxAgeMs && anyRuleAsks(),
    readAgain,
    refreshed: async (user) => {
      const { membershipsReadAt: readAt } = user
      if (readAt === null || clock.now() - readAt < RECENT_MS || !anyRuleAsks()) return
      await readAgain(user.id)
    },
  }
}

function providerOf(
  configured: ReadonlyMap<IdentityProviderName, IdentityProvider>,
  user: User,
): IdentityProvider | undefined {
  return [...configured.values()].find(({ name }) => name === user.provider)
}

/** Whether it is still going on after the time that a request waits. */
async function takesLonger(reading: Promise<void>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const waited = new Promise<'waited'>((resolve) => {
    timer = setTimeout(() => resolve('waited'), WAIT_MS)
  })
  try {
    return (await Promise.race([reading, waited])) === 'waited'
  } finally {
    clearTimeout(timer)
  }
}

/** One reading. @throws Fault for an identity provider that is down or is not understood */
async function readOnce(deps: Deps, user: User, provider: IdentityProvider): Promise<void> {
  const { db, clock, tokens } = deps
  const stored = tokens.of(user.id)
  if (stored === undefined) return
  let profile: IdentityProviderProfile
  try {
    profile = await provider.readAgain({
      subject: user.subject,
      tokens: stored,
      now: clock.now(),
      store: (renewed) => {
        // Those of a login meanwhile are another chain, and the newer one.
        if (isSame(tokens.of(user.id), stored)) tokens.store(user.id, renewed, clock.now())
      },
    })
    if (profile.subject !== user.subject) {
      throw new Fault('unauthenticated', 'the tokens are those of another person')
    }
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'unauthenticated') throw error
    lose(deps, user, error.message)
    return
  }
  db.transaction(
    (tx) => {
      if (!updateIdentityProviderAccount(tx, clock.now(), user, profile)) return
      const details = differences(user, profile)
      if (details !== undefined) deps.onEvent({ kind: 'changed', user, details }, tx)
    },
    { behavior: 'immediate' },
  )
}

function isSame(tokens: ProviderTokens | undefined, others: ProviderTokens): boolean {
  return tokens?.accessToken.reveal() === others.accessToken.reveal()
}

/** The identity provider takes the tokens no longer: only a new login can say who the person is. */
function lose({ db, tokens, onEvent, log }: Deps, user: User, reason: string): void {
  db.transaction(
    (tx) => {
      if (!forgetMemberships(tx, user)) return
      tokens.remove(user.id, tx)
      onEvent({ kind: 'lost', user }, tx)
    },
    { behavior: 'immediate' },
  )
  log.warn('memberships are not known any more', { user: user.id, vendor: user.provider, reason })
}

/** As many names as an entry of the audit log shows; the number says how many there were. */
const MAX_NAMES = 20

function differences(
  before: User,
  now: IdentityProviderProfile,
): Record<string, string | number> | undefined {
  const old = [...before.organizations, ...before.groups]
  const current = [...now.organizations, ...now.groups]
  const removed = old.filter((name) => !current.includes(name))
  const added = current.filter((name) => !old.includes(name))
  if (removed.length === 0 && added.length === 0) return undefined
  return {
    provider: before.provider,
    ...(removed.length === 0 ? {} : { removed: firstNames(removed), removedCount: removed.length }),
    ...(added.length === 0 ? {} : { added: firstNames(added), addedCount: added.length }),
  }
}

function firstNames(names: readonly string[]): string {
  return names.slice(0, MAX_NAMES).join(' ')
}

/** Whether any rule of this server asks for organizations or groups; looked up again when a rule changes. */
function ruleWatcher(db: Db, serverRule: string | undefined): () => boolean {
  if (serverRule !== undefined && asksForMemberships(serverRule)) return () => true
  const rules = db.selectDistinct({ expression: pipelineRules.expression }).from(pipelineRules).prepare()
  const found = remember(db, () => ({
    asks: rules.all().some(({ expression }) => asksForMemberships(expression)),
  }))
  return () => found('rules')?.asks === true
}
