/** Revoking everything that was issued to a user. */
import type { User } from '../accounts/user-types.ts'
import { endTokensOf } from '../accounts/scoped-tokens.ts'
import type { Db } from '../db/open-database.ts'
import { revokeUserRecords } from '../issuer/tokens/end-sessions-grants-and-tokens.ts'

/** Ends all that was issued to a user: sessions, grants, access and refresh tokens, and their own `ci_` tokens. */
export async function revokeEverything(db: Db, user: User): Promise<void> {
  await revokeUserRecords(db, user)
  await endTokensOf(db, user.id)
}
