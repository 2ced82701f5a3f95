/** The one comparison of secrets, in constant time. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * Whether two strings are equal. The time tells neither where they differ nor how long they are, because their
 * HMACs under a random key are compared.
 */
export function sameSecret(a: string, b: string): boolean {
  const key = randomBytes(32)
  const digest = (text: string) => createHmac('sha256', key).update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
