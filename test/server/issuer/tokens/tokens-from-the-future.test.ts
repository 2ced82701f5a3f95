/** Access tokens that say they were issued later than now, as after a clock was set back. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { SignJWT, decodeJwt } from 'jose'
import { logIn, SESSION_SECRET, startWorld, type World } from '../issuer-harness.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

test.each([
  ['now', 0, true],
  ['four minutes ahead', 4 * 60, true],
  ['six minutes ahead', 6 * 60, false],
])('issued %s', async (_name, ahead, accepted) => {
  const { access_token: token } = await logIn(world)
  const claims = decodeJwt(token)
  const changed = await new SignJWT({ ...claims, iat: (claims.iat ?? 0) + ahead })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
    .sign(Buffer.from(SESSION_SECRET))
  expect(world.issuer.verifyAccessToken(changed) !== undefined).toBe(accepted)
})
