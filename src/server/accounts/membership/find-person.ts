/** Finds the user whom a name means: exactly one, or nobody. */
import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import { Fault } from '../../../contract/fault.ts'
import type { Db } from '../../db/open-database.ts'
import { users } from '../../db/schema.ts'
import { selectUsers, toUser } from '../find-users.ts'
import type { User } from '../user-types.ts'
import { LOGIN_PROVIDERS, type PersonName, personText } from './person-names.ts'

/** As many as a message can list. */
const MAX_CANDIDATES = 10

/**
 * The user of that name; undefined for nobody.
 * @throws Fault `usage` that lists the candidates where the name fits several
 */
export function findPerson(db: Db, name: PersonName): User | undefined {
  const rows = selectUsers(db)
    .where(isCalled(name))
    .orderBy(asc(users.createdAt), asc(users.id))
    .limit(MAX_CANDIDATES + 1)
    .all()
  const found = rows.map(toUser)
  if (found.length < 2) return found[0]
  const candidates = found.slice(0, MAX_CANDIDATES).map(candidateText).join(', ')
  throw new Fault('usage', `${personText(name)} could be more than one person`, {
    hint: `name one of them by ID: ${candidates}${found.length > MAX_CANDIDATES ? ', …' : ''}`,
  })
}

function isCalled(name: PersonName) {
  if (name.kind === 'id') return eq(users.id, name.id)
  if (name.kind === 'account') {
    return and(eq(users.provider, name.provider), eq(users.subject, name.subject))
  }
  if (name.kind === 'email') {
    return and(eq(sql`lower(${users.email})`, name.email), ofProvider(name.provider))
  }
  const provider = ofProvider(name.provider) ?? inArray(users.provider, [...LOGIN_PROVIDERS])
  return and(eq(sql`lower(${users.nickName})`, name.login), provider)
}

function ofProvider(provider: string | undefined) {
  return provider === undefined ? undefined : eq(users.provider, provider)
}

/** `usr_… (github octocat)`: enough to tell people apart who are called the same. */
function candidateText({ id, provider, nickName, email }: User): string {
  return `${id} (${provider} ${nickName ?? email ?? ''})`.replace(' )', ')')
}
