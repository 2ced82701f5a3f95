/** Password hashes that cost nothing: a hash says its own cost, so whatever checks one of these is quick as well. */

const realHash = Bun.password.hash
const cheapHash: typeof realHash = (password) =>
  realHash(password, { algorithm: 'argon2id', memoryCost: 8, timeCost: 1 })

/** From here on, what this process hashes is cheap. The real cost is 64 MiB and a core for some 200 ms. */
export function usePasswordsCheaply(): void {
  Bun.password.hash = cheapHash
}

/** For a test that is about the cost itself: the real one, until this is disposed of. */
export function passwordsAtRealCost(): Disposable {
  Bun.password.hash = realHash
  return { [Symbol.dispose]: usePasswordsCheaply }
}
