/** How a page calls the person who is logged in. */
import type { Principal } from '../../access-rules/principal.ts'

export function accountName({ email, nickName, name, id }: Principal): string {
  return email ?? nickName ?? name ?? id
}
