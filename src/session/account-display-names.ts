/** How a person is named in messages: an account, and the user who is logged in. */
import { safeLine } from '../platform/terminal/make-text-printable.ts'
import type { Login, StoredLogin } from '../store/store-interface.ts'

/** The account as a person would name it to `fob auth switch`. */
export function accountName({ account, user, username }: StoredLogin): string {
  return safeLine(user?.email ?? username ?? user?.name ?? account, 100)
}

/** "Ada Lovelace ada@example.com", as far as it is known. */
export function userLine(user: Login['user']): string {
  const words = [user?.name, user?.email].filter((word) => word !== undefined && word !== '')
  return words.length > 0 ? words.join(' ') : (user?.id ?? 'an unnamed account')
}
