import type { Scope } from '../../contract/scopes.ts'

export type Role = 'admin' | 'member' | 'viewer'

/** Who is calling, once `auth` has believed it. */
export interface Principal {
  kind: 'anonymous' | 'open' | 'basic' | 'user'
  /** Stable and unique: `open`, `basic:<user>`, `<provider>:<subject>`. What the records show. */
  id: string
  email: string | null
  name: string | null
  nickName: string | null
  provider: string
  role: Role
  tenant: { id: string; slug: string }
  /** What the presented credential may do; a role can narrow it further, never widen it. */
  scopes: ReadonlySet<Scope>
}
