/**
 * Owns: people and the tenants they belong to; the server's own accounts with their passwords.
 * Refuses: to say which of e-mail and password was wrong (in words or in time), to be guessed at speed,
 * and to hand out a password hash. A caller that changes a password or removes a user also revokes what that user
 * was issued: `onCredentialsChanged`, which the authorization server provides, works on the database alone.
 */
import { and, asc, eq } from 'drizzle-orm'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../redact/secret.ts'
import type { Db } from '../db/open-database.ts'
import { tenants, users } from '../db/schema.ts'
import { becomeFirstAdministrator, isAwaited, type NamedAdministrator } from './named-administrator.ts'
import { keepAdministrators } from './keep-an-administrator.ts'
import { openAttempts } from './login-attempt-limits.ts'
import { checkPassword, normaliseEmail } from './email-and-password-rules.ts'
import { addLocal, LOCAL, passwordHash } from './local-accounts.ts'
import { hashPassword, openVerifier } from './password-hash.ts'
import { addInvited, vouchesForEmail } from './membership/add-invited-account.ts'
import type { Invitation } from './membership/invitations.ts'
import { admitPerson, type AdmissionRules, applyPending } from './membership/admit-person.ts'
import type { DefaultRole, IdentityProviderProfile, NewLocalAccount, Tenant, User } from './user-types.ts'
import { selectUsers, toUser, userFinder } from './find-users.ts'

interface PasswordAttempt {
  email: string
  password: Secret
  /** Where it comes from: attempts are counted by account and by address. */
  address: string
  /** The browser's name, if it was let in to this account before. */
  browser?: string | undefined
}

type PasswordCheck =
  | { kind: 'ok'; user: User }
  /** Wrong. `account` is for the records alone: the caller must not learn that it exists. */
  | { kind: 'refused'; account: User | undefined }
  /** Not looked at: too many attempts. Try again in `seconds`. */
  | { kind: 'wait'; seconds: number }

type PasswordChange =
  | { kind: 'changed' }
  /** The old password was wrong. */
  | { kind: 'refused' }
  | { kind: 'wait'; seconds: number }
  /** The account has no password here: its provider has it. */
  | { kind: 'elsewhere'; provider: string }

type IdentityProviderSignIn =
  | { kind: 'ok'; user: User }
  /** The server's rule keeps a person out who is not known yet: nothing was stored. */
  | { kind: 'not_admitted' }
  /** Nobody has made the person a member of a tenant, and nobody becomes one by logging in: nothing was stored. */
  | { kind: 'not_a_member' }

export interface Accounts {
  defaultTenant(): Tenant
  /** @throws Fault `usage` for an implausible e-mail or a short password, `conflict` for a taken e-mail. */
  addLocal(account: NewLocalAccount): Promise<User>
  /**
   * Creates the account of somebody who accepts an invitation, which is used up: with the e-mail that it names, which
   * an administrator of the server vouches for as with `addLocal`.
   * @throws Fault `not_found` when it was used or revoked meanwhile, `forbidden` by the server's rule and where no
   *   administrator of the server vouches for the e-mail, else as `addLocal`
   */
  addInvited(invitation: Invitation, password: Secret): Promise<User>
  /** Whether an administrator of the server has named the e-mail of this invitation. */
  vouchesForEmail(invitation: Invitation): boolean
  /** Everyone, oldest first. */
  list(): Promise<User[]>
  byId(id: string): Promise<User | undefined>
  /** Local accounts only: an identity provider's e-mail can be reassigned, so it identifies nobody. */
  byEmail(email: string): Promise<User | undefined>
  bySubject(provider: string, subject: string): Promise<User | undefined>
  /**
   * The account of a person whom an identity provider vouches for, created at the first login and brought up to date at
   * each one. Somebody who is not known yet gets what is written down for them (`membership/`), and the settings'
   * default role in the default tenant.
   * @param invitationId the invitation that the person is accepting by this login
   */
  signInWithIdentityProvider(
    profile: IdentityProviderProfile,
    invitationId?: string,
  ): Promise<IdentityProviderSignIn>
  verifyPassword(attempt: PasswordAttempt): Promise<PasswordCheck>
  /**
   * By the person, who knows the old one. Attempts are counted with those at logins. What the caller ends of the
   * person's logins is up to the caller.
   * @throws Fault `usage` for a new password that is too short, too long or the old one
   */
  changeOwnPassword(change: {
    user: User
    current: Secret
    password: Secret
    address: string
    browser?: string | undefined
  }): Promise<PasswordChange>
  /** Also ends the user's sessions and tokens. @throws Fault `not_found`, `usage`. */
  setPassword(email: string, password: Secret): Promise<void>
  /**
   * Also ends the user's sessions and tokens. An identity provider's user who logs in again is somebody new.
   * @param who an ID, or the e-mail of a local account
   * @throws Fault `not_found`, `conflict` when a tenant with other people in it would have no administrator
   */
  remove(who: string): Promise<void>
}

export interface AccountsDeps {
  db: Db
  clock: Clock
  /** Ends sessions, grants and tokens of the user; `revokeUserRecords` of the issuer is the one in use. */
  onCredentialsChanged: (user: User) => Promise<void>
  /** The person whom the settings name, and what to do when that person has become an administrator. */
  administrator?: { named: NamedAdministrator; onMade: (user: User) => void } | undefined
  /** What somebody becomes in the default tenant who logs in for the first time; without it, `member`. */
  defaultRole?: DefaultRole
  /** Whether the server's rule lets a person in; without it, everybody. */
  admits?: (user: User) => boolean
  /** Told of everybody who becomes a member by logging in, in the transaction of the change. */
  onMember?: AdmissionRules['onMember']
}

/** Opens the accounts of the database; the tenant `default` is created when it is not there yet. */
export async function openAccounts(deps: AccountsDeps): Promise<Accounts> {
  const { db, clock } = deps
  const tenant = await ensureDefaultTenant(db, clock.now())
  const attempts = openAttempts(clock)
  const verifier = openVerifier()
  const findById = userFinder(db)

  const findOne = async (where: ReturnType<typeof and>): Promise<User | undefined> => {
    const [row] = await selectUsers(db).where(where).limit(1)
    return row && toUser(row)
  }
  const byEmail = (email: string) =>
    findOne(and(eq(users.provider, LOCAL), eq(users.email, normaliseEmail(email))))
  const mustFind = async (email: string): Promise<User> => {
    const user = await byEmail(email)
    if (user) return user
    throw new Fault('not_found', `no local account has the e-mail ${normaliseEmail(email)}`, {
      hint: 'list the accounts with "fob server user list"',
    })
  }

  /** The same person, as the administrator they may have become. */
  const asNamed = (user: User): User => {
    const { administrator } = deps
    if (administrator === undefined || !becomeFirstAdministrator(db, user, administrator.named)) return user
    const made = findById(user.id) ?? user
    administrator.onMade(made)
    return made
  }

  const verifyPassword = async ({
    email,
    password,
    address,
    browser,
  }: PasswordAttempt): Promise<PasswordCheck> => {
    const account = normaliseEmail(email)
    // Counted before the hash is computed, so that parallel guesses cannot slip past the limit.
    const seconds = attempts.start(account, address, browser)
    if (seconds > 0) return { kind: 'wait', seconds }
    const user = await byEmail(account)
    const verdict = await verifier.verify(password, user && (await passwordHash(db, user.id)))
    if (verdict === 'busy') return { kind: 'wait', seconds: 5 }
    if (verdict === 'wrong' || !user) return { kind: 'refused', account: user }
    attempts.succeeded(account, address, browser)
    return { kind: 'ok', user }
  }
  const storePassword = async (user: User, password: Secret): Promise<void> => {
    const hash = await hashPassword(password)
    await db.update(users).set({ passwordHash: hash, updatedAt: clock.now() }).where(eq(users.id, user.id))
  }

  const named = deps.administrator?.named
  const { defaultRole = 'member', admits = () => true, onMember = () => {} } = deps
  const rules: AdmissionRules = {
    defaultTenant: tenant,
    defaultRole,
    admits,
    isAwaited: (tx, profile) => named !== undefined && isAwaited(tx, profile, tenant, named),
    onMember,
  }

  /** The same person, as a member of what was written down for them before. */
  const withPending = (user: User): User => {
    const added = db.transaction((tx) => applyPending(tx, clock.now(), user, onMember), {
      behavior: 'immediate',
    })
    return added ? (findById(user.id) ?? user) : user
  }

  return {
    defaultTenant: () => tenant,
    addLocal: (account) => addLocal(db, clock.now(), account.tenant ?? tenant, account),
    addInvited: (invitation, password) => addInvited(db, clock.now(), { invitation, password, rules }),
    vouchesForEmail: (invitation) => vouchesForEmail(db, invitation, tenant),
    list: async () => (await selectUsers(db).orderBy(asc(users.createdAt), asc(users.id))).map(toUser),
    byId: async (id) => findById(id),
    byEmail,
    bySubject: (provider, subject) => findOne(and(eq(users.provider, provider), eq(users.subject, subject))),

    signInWithIdentityProvider: async (profile, invitationId) => {
      const admission = admitPerson(db, clock.now(), { profile, invitationId, rules })
      if (admission.kind !== 'ok') return admission
      const user = findById(admission.userId)
      if (!user) throw new Fault('not_found', 'the account was removed while it logged in')
      return { kind: 'ok', user: asNamed(user) }
    },

    verifyPassword: async (attempt) => {
      const check = await verifyPassword(attempt)
      return check.kind === 'ok' ? { kind: 'ok', user: asNamed(withPending(check.user)) } : check
    },

    changeOwnPassword: async ({ user, current, password, address, browser }) => {
      const { provider, email } = user
      if (provider !== LOCAL || email === null) return { kind: 'elsewhere', provider }
      checkPassword(password)
      const check = await verifyPassword({ email, password: current, address, browser })
      if (check.kind !== 'ok') return check.kind === 'wait' ? check : { kind: 'refused' }
      if (current.bytes().equals(password.bytes())) {
        throw new Fault('usage', 'the new password is the old one')
      }
      await storePassword(user, password)
      return { kind: 'changed' }
    },

    setPassword: async (email, password) => {
      const user = await mustFind(email)
      checkPassword(password)
      await storePassword(user, password)
      await deps.onCredentialsChanged(user)
    },

    remove: async (who) => {
      const user = who.includes('@') ? await mustFind(who) : findById(who)
      if (!user) throw new Fault('not_found', `there is no user ${who}`)
      // Before anything of theirs ends, and again when they go: it could have changed.
      keepAdministrators(db, user.id)
      await deps.onCredentialsChanged(user)
      db.transaction(
        (tx) => {
          keepAdministrators(tx, user.id)
          tx.delete(users).where(eq(users.id, user.id)).run()
        },
        { behavior: 'immediate' },
      )
    },
  }
}

async function ensureDefaultTenant(db: Db, now: number): Promise<Tenant> {
  // The same ID everywhere: secrets in a bucket are found by it when the database is a new one.
  await db
    .insert(tenants)
    .values({ id: 'ten_default', slug: 'default', name: 'Default', createdAt: now })
    .onConflictDoNothing()
  const [row] = await db
    .select({ id: tenants.id, slug: tenants.slug })
    .from(tenants)
    .where(eq(tenants.slug, 'default'))
    .limit(1)
  if (!row) throw new Fault('failed', 'the default tenant could not be created')
  return row
}
