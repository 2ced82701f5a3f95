/** Password hashes: argon2id, with a bound on how many are computed at once. */
import type { Secret } from '../../redact/secret.ts'

/** argon2id, 64 MiB, three passes: some 200 ms of one core. Above OWASP's minimum of 19 MiB, t=2. */
const COST = { algorithm: 'argon2id', memoryCost: 64 * 1024, timeCost: 3 } as const

/** A hash of the same cost that no password opens: the one of 72 random characters, forgotten at once. */
const DUMMY_HASH =
  '$argon2id$v=19$m=65536,t=3,p=1$IlJHYG1JH9spJphIO+fyTR8KiqE2D8iaRNpl4hItdv4$besfYNU69ef4qYiKHWkZ55CTc4geSPZV4ApEO03QehE'

/** Each takes 64 MiB: what bounds the memory that a flood of logins can claim. */
const MAX_AT_ONCE = 2
const MAX_WAITING = 32

export interface Verifier {
  /**
   * @param hash undefined when there is no such account: then the same work is done, in vain.
   * @returns `busy`, at once, when too many checks are under way already.
   */
  verify(password: Secret, hash: string | undefined): Promise<'right' | 'wrong' | 'busy'>
}

export function hashPassword(password: Secret): Promise<string> {
  return Bun.password.hash(password.reveal().normalize('NFC'), COST)
}

export function openVerifier(): Verifier {
  let running = 0
  const waiting: (() => void)[] = []
  const enter = async (): Promise<void> => {
    if (running >= MAX_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
  }
  // A place is passed on rather than freed, so that a new call cannot take it from one that waits.
  const leave = (): void => {
    const next = waiting.shift()
    if (next) next()
    else running -= 1
  }
  return {
    verify: async (password, hash) => {
      if (waiting.length >= MAX_WAITING) return 'busy'
      await enter()
      try {
        const right = await Bun.password.verify(password.reveal().normalize('NFC'), hash ?? DUMMY_HASH)
        return right && hash !== undefined ? 'right' : 'wrong'
      } finally {
        leave()
      }
    },
  }
}
